import { useEffect, useState } from 'preact/hooks'
import { blob, get, tell } from './api'
import { toast } from './dialog'
import { bytes, text } from './format'
import { Empty, Name } from './parts'

interface Process {
  name: string
  kind: 'jobmanager' | 'taskmanager' | 'worker'
  pid: number
  'log-level': string
  'taskmanager-id'?: string
  'job-id'?: string
  'job-name'?: string
}

const kinds = { jobmanager: 'JobManager', taskmanager: 'TaskManager', worker: 'worker' }
const levels = ['DEBUG', 'INFO', 'WARN', 'ERROR']
const cpuSeconds = 10
const profiles: [kind: string, label: string][] = [['cpu', `CPU, ${cpuSeconds} s`], ['heap', 'Heap'], ['goroutine', 'Goroutines']]

// Processes are those of the cluster, or a TaskManager and its workers: what they log, and profiles of them.
export function Processes({ of }: { of?: string }) {
  const [all, setAll] = useState<Process[] | null>(null)
  const [why, setWhy] = useState('')
  const load = () => get<{ processes: Process[] }>('flott/processes').then((d) => { setAll(d.processes); setWhy('') }, (e: Error) => setWhy(e.message))
  useEffect(() => {
    void load()
    const t = setInterval(() => { if (document.visibilityState === 'visible') void load() }, 5000)
    return () => clearInterval(t)
  }, [])
  if (!all) return <Empty>{text(why || 'Asking…')}</Empty>
  const shown = all.filter((p) => !of || p.name === of || p['taskmanager-id'] === of)
  const setLevel = (p: Process, level: string) => void tell('PUT', `flott/processes/${encodeURIComponent(p.name)}/log-level`, { level })
    .catch((e: Error) => toast({ kind: 'bad', title: 'The log level was not changed', detail: e.message })).then(load)
  return (
    <section>
      <h2>Processes</h2>
      <div class="scroll"><table class="processes">
        <thead><tr><th>Name</th><th class="w-state">Kind</th><th class="w-tm r">Process</th><th>Job</th><th class="w-state">Log level</th><th class="w-profiles">Profile</th></tr></thead>
        <tbody>{shown.map((p) => (
          <tr key={p.name}>
            <td><Name of={p.name} most={80} /></td>
            <td>{kinds[p.kind]}</td>
            <td class="r">{p.pid || '–'}</td>
            <td>{p['job-id'] ? <a href={'#/jobs/' + p['job-id']}><Name of={p['job-name'] || p['job-id']} /></a> : '–'}</td>
            <td><select aria-label={'Log level of ' + p.name} value={p['log-level']} onChange={(e) => setLevel(p, e.currentTarget.value)}>
              {levels.map((l) => <option key={l}>{l}</option>)}
            </select></td>
            <td class="buttons-cell">{profiles.map(([kind, label]) => (
              <button key={kind} type="button" aria-label={`${label}: profile of ${p.name}`} onClick={() => void save(p.name, kind)}>{label}</button>
            ))}</td>
          </tr>
        ))}</tbody>
      </table></div>
      <p class="note">Profiles are files for <code>go tool pprof -http=: FILE</code>. Where the CPU time of one vertex goes is in its panel in the graph of a job.</p>
    </section>
  )
}

// save takes a profile, and has the browser keep it as a file.
async function save(process: string, kind: string) {
  const set = toast({ kind: 'busy', title: kind === 'cpu' ? `Sampling the CPU time of ${text(process, 60)} for ${cpuSeconds} s…` : `Taking the profile of ${text(process, 60)}…` })
  try {
    const data = await blob(`flott/processes/${encodeURIComponent(process)}/profiles/${kind}${kind === 'cpu' ? `?seconds=${cpuSeconds}` : ''}`)
    const link = document.createElement('a')
    link.href = URL.createObjectURL(data)
    link.download = `flott-${process}-${kind}.pb.gz`
    link.click()
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
    set({ kind: 'done', title: 'The profile is saved', detail: `${link.download}, ${bytes(data.size)}` })
  } catch (e) {
    set({ kind: 'bad', title: 'The profile was not taken', detail: (e as Error).message })
  }
}
