import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { get } from './api'
import { duration, exact, text } from './format'
import { Empty } from './parts'

// useGet asks once.
export function useGet<T>(path: string | null): { data?: T; why?: string } {
  const [s, set] = useState<{ data?: T; why?: string; path?: string | null }>({})
  useEffect(() => {
    if (path == null) return
    let over = false
    get<T>(path).then((data) => { if (!over) set({ data, path }) }, (e: Error) => { if (!over) set({ why: e.message, path }) })
    return () => { over = true }
  }, [path])
  return s.path === path ? s : {}
}

export function Pairs({ all, caption }: { all: [string, ComponentChildren][]; caption: string }) {
  return (
    <table class="pairs">
      <caption>{caption}</caption>
      <tbody>{all.map(([k, v]) => <tr key={k}><th scope="row">{text(k)}</th><td class="wrap">{v}</td></tr>)}</tbody>
    </table>
  )
}

interface JobConfig { 'execution-config': { 'restart-strategy': string; 'job-parallelism': number; 'user-config': Record<string, string> } }

interface CheckpointConfig {
  mode: string
  interval: number
  timeout: number
  min_pause: number
  max_concurrent: number
  externalization: { enabled: boolean; delete_on_cancellation: boolean }
  checkpoint_storage: string
  unaligned_checkpoints: boolean
  tolerable_failed_checkpoints: number
}

// ConfigTab is how a job is run.
export function ConfigTab({ job, batch }: { job: string; batch: boolean }) {
  const run = useGet<JobConfig>(`jobs/${job}/config`)
  const checkpoints = useGet<CheckpointConfig>(batch ? null : `jobs/${job}/checkpoints/config`)
  const c = checkpoints.data
  const e = run.data?.['execution-config']
  return (
    <section class="columns">
      <h2 class="hidden">Configuration</h2>
      {e ? <Pairs caption="Execution" all={[
        ['Restart strategy', text(e['restart-strategy'])], ['Largest parallelism', exact(e['job-parallelism'])],
        ...Object.entries(e['user-config']).map(([k, v]) => [k, text(v, 2000)] as [string, string]),
      ]} /> : <Empty>{text(run.why ?? 'Asking…')}</Empty>}
      {batch ? null : c ? <Pairs caption="Checkpoints" all={[
        ['Interval', c.interval > 1e15 ? 'none are taken by themselves' : duration(c.interval)], ['Guarantee', c.mode.replaceAll('_', ' ')],
        ['Timeout', duration(c.timeout)], ['Pause between', duration(c.min_pause)], ['At once', exact(c.max_concurrent)],
        ['Unaligned', c.unaligned_checkpoints ? 'yes' : 'no'], ['Failures that are tolerated', exact(c.tolerable_failed_checkpoints)],
        ['Kept when the job is cancelled', c.externalization.enabled ? 'yes' : 'no'], ['Storage', text(c.checkpoint_storage)],
      ]} /> : <Empty>{text(checkpoints.why ?? 'Asking…')}</Empty>}
    </section>
  )
}
