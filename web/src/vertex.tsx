import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { Chart } from './chart'
import { FlameDialog } from './flame'
import { at, byteRate, bytes, count, duration, longAgo, percent, plural, rate, text } from './format'
import { inRate, lag, newSeries, type JobHistory } from './history'
import { useEvents } from './live'
import { Empty, Facts, Name, Shares, State } from './parts'
import type { PlanVertex, SubtaskLoad, VertexEvents, VertexLoad } from './types'

const columns: [string, string, (t: SubtaskLoad) => number | string | null, string][] = [
  ['#', 'Subtask', (t) => t.subtask, 'w-idx r'],
  ['State', 'State', (t) => t.status, 'w-state'],
  ['In', 'Records in per second', inRate, 'w-num r'],
  ['Out', 'Records out per second', (t) => t['out-rate'], 'w-num r'],
  ['Busy', 'Busy', (t) => t.busy, 'w-shares'],
  ['Lag', 'Watermark lag', (t) => (t.watermark == null ? null : -t.watermark), 'w-num r'],
  ['On', 'TaskManager', (t) => t['taskmanager-id'], 'w-tm'],
]

// VertexPanel is a vertex with its subtasks, beside the graph.
export function VertexPanel({ job, id, plan, loads, history }: { job: string; id: string; plan: PlanVertex[]; loads: VertexLoad[]; history: JobHistory }) {
  const { data, now, gone } = useEvents<VertexEvents>(`flott/jobs/${job}/vertices/${id}/events`)
  const [by, setBy] = useState({ column: 0, down: false })
  const [flame, setFlame] = useState(false)
  const head = useRef<HTMLHeadingElement>(null)
  const close = () => {
    location.hash = `#/jobs/${job}`
    document.querySelector<HTMLElement>(`.node[data-vertex="${CSS.escape(id)}"]`)?.focus()
  }
  useLayoutEffect(() => {
    head.current?.focus({ preventScroll: true })
    const key = (e: KeyboardEvent) => { if (e.key === 'Escape' && !document.querySelector('dialog[open]')) close() }
    addEventListener('keydown', key)
    return () => removeEventListener('keydown', key)
  }, [])
  const i = plan.findIndex((v) => v.id === id)
  const v = plan[i]
  const load = loads[i]
  const ends = !plan.some((o) => o.inputs.some((e) => e.from === id))
  const series = history.vertices.get(id) ?? newSeries()
  const value = columns[by.column]![2]
  const all = [...(data.subtasks ?? [])].sort((a, b) => {
    const [x, y] = [value(a) ?? -Infinity, value(b) ?? -Infinity]
    const order = typeof x === 'string' ? x.localeCompare(String(y)) : x - (y as number)
    return (by.down ? -order : order) || a.subtask - b.subtask
  })
  return (
    <aside class="panel" aria-labelledby="vertex-title">
      <header>
        <h2 id="vertex-title" ref={head} tabIndex={-1}><Name of={v?.name ?? 'Vertex'} /></h2>
        <button class="quiet" type="button" aria-label="Close the vertex" onClick={close}>×</button>
      </header>
      {!v || !load ? <Empty>The job has no such vertex.</Empty> : (
        <div class="body">
          <Facts all={[
            ['Operators', <ol class="operators">{v.operators.map((o, k) => <li key={k}><bdi title={o.kind}>{text(o.name)}</bdi></li>)}</ol>],
            ['Parallelism', `${v.parallelism} of at most ${v.maxParallelism}`],
            ['From', v.inputs.length ? v.inputs.map((e, k) => <span key={k} class="from"><Name of={plan.find((o) => o.id === e.from)?.name ?? '?'} most={60} /> <span class="note">{e.ship_strategy}</span></span>) : 'nowhere: it is a source'],
            ['Watermark', load['watermark-done'] ? 'the end of the input' : load.watermark == null ? 'none yet' : `${at(load.watermark)}, ${duration(lag(load, now))} behind`],
            ['In', `${count(load['records-in'] + load['records-read'])} records${v.source ? '' : `, ${bytes(load['bytes-in'])} at ${byteRate(load['bytes-in-rate'])}`}`],
            ...(ends ? [] : [['Out', `${count(load['records-out'])} records, ${bytes(load['bytes-out'])} at ${byteRate(load['bytes-out-rate'])}`] as [string, string]]),
            ...(load['pending-records'] == null ? [] : [['Still to read', `${count(load['pending-records'])} records`] as [string, string]]),
            ['Skew', `${percent(load.skew)}${load.hottest >= 0 ? `, the hottest subtask is #${load.hottest} with ${percent(load['hottest-busy'])} busy` : ''}`],
          ]} />
          <Chart series={series} label="Records" unit={(n) => rate(n)} lines={[{ name: 'in', label: v.source ? 'read' : 'in', colour: '--accent' }, ...(ends ? [] : [{ name: 'out', label: 'out', colour: '--ink', dash: [4, 3] }])]} />
          <Chart series={series} label="Time" max={1} unit={(n) => percent(n)} lines={[{ name: 'busy', label: 'busy', colour: '--busy-ink' }, { name: 'pressed', label: 'backpressured', colour: '--pressed-ink', dash: [4, 3] }]} />
          <div class="bar"><button type="button" onClick={() => setFlame(true)}>CPU flame graph…</button></div>
          {flame && <FlameDialog job={job} vertex={id} name={v.name} parallelism={v.parallelism} onClose={() => setFlame(false)} />}
          {data['hot-keys']?.['hot-keys'].length ? (
            <>
              <h3>Hot keys</h3>
              <table class="hotkeys" aria-label="Hot keys">
                <thead><tr><th>Key</th><th class="w-num r" title="The share of the records that the vertex gets">Share</th><th class="w-num r">Subtask</th></tr></thead>
                <tbody>
                  {data['hot-keys']['hot-keys'].slice(0, 5).map((k) => (
                    <tr key={k.key}>
                      <td><Name of={k.key} most={60} /></td>
                      <td class="r" title={`at least ${percent(k['at-least'])}, at most ${percent(k.share)}, of ${count(data['hot-keys']!.sampled)} records that were looked at`}>{percent(k.share)}</td>
                      <td class="r">#{k.subtask}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </>
          ) : null}
          <h3>{plural(v.parallelism, 'subtask')}</h3>
          {gone ? <Empty>{text(gone)}</Empty> : (
            <div class="scroll"><table class="subtasks">
              <thead><tr>
                {columns.map(([name, title, , width], c) => (
                  <th key={name} class={width} aria-sort={by.column === c ? (by.down ? 'descending' : 'ascending') : undefined}>
                    <button type="button" title={`Sort by: ${title}`} onClick={() => setBy({ column: c, down: by.column === c ? !by.down : c > 1 && c < 6 })}>{name}</button>
                  </th>
                ))}
              </tr></thead>
              <tbody>
                {all.map((t) => {
                  const behind = lag(t, now)
                  return (
                    <tr key={t.subtask} class={t.subtask === load.hottest && load['hottest-busy'] > 0.5 ? 'hot' : ''}>
                      <td class="r">{t.subtask}</td>
                      <td title={t.attempt ? `attempt ${t.attempt + 1}` : undefined}><State of={t.status} /></td>
                      <td class="r">{rate(inRate(t))}</td>
                      <td class="r">{ends ? '–' : rate(t['out-rate'])}</td>
                      <td><Shares of={t} /></td>
                      <td class="r">{t['watermark-done'] ? 'ended' : behind != null && behind > longAgo ? '> 1 y' : duration(behind)}</td>
                      <td><Name of={t['taskmanager-id']} /></td>
                    </tr>
                  )
                })}
              </tbody>
            </table></div>
          )}
        </div>
      )}
    </aside>
  )
}
