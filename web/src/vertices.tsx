import { count, duration, exact, longAgo, percent, rate } from './format'
import { inRate, lag } from './history'
import { Name, Shares, State } from './parts'
import type { PlanVertex, VertexLoad } from './types'

// VertexTable is the graph in numbers.
export function VertexTable({ job, plan, loads, now, selected }: { job: string; plan: PlanVertex[]; loads: VertexLoad[]; now: number; selected?: string }) {
  const read = new Set(plan.flatMap((v) => v.inputs.map((e) => e.from)))
  return (
    <section>
      <h2 class="hidden">Vertices</h2>
      <div class="scroll"><table class="vertices">
        <thead><tr>
          <th>Vertex</th><th class="w-state">State</th><th class="w-par r">Subtasks</th><th class="w-num r">In</th><th class="w-num r">Out</th><th class="w-shares">Time spent</th>
          <th class="w-hot r" title="The share of its time that the busiest subtask is busy">Hottest</th><th class="w-num r" title="How unevenly records are spread over subtasks">Skew</th>
          <th class="w-num r">Backlog</th><th class="w-num r">Lag</th><th class="w-num r" title="Records in all, in">Records in</th><th class="w-num r" title="Records in all, out">Records out</th>
        </tr></thead>
        <tbody>
          {plan.map((v, i) => {
            const l = loads.find((o) => o.id === v.id) ?? loads[i]
            if (!l) return null
            const behind = lag(l, now)
            const taken = l['records-in'] + l['records-read']
            return (
              <tr key={v.id} class={selected === v.id ? 'selected' : ''}>
                <td><a href={`#/jobs/${job}/vertex/${v.id}`}><Name of={v.name} /></a></td>
                <td><State of={l.status} /></td>
                <td class="r">{v.parallelism}</td>
                <td class="r">{rate(inRate(l))}</td>
                <td class="r">{read.has(v.id) ? rate(l['out-rate']) : '–'}</td>
                <td><Shares of={l} /></td>
                <td class="r">{l.hottest < 0 ? '–' : <><span class="note">#{l.hottest}</span> {percent(l['hottest-busy'])}</>}</td>
                <td class="r">{v.parallelism > 1 ? percent(l.skew) : '–'}</td>
                <td class="r">{count(l['pending-records'])}</td>
                <td class="r">{l['watermark-done'] ? 'ended' : behind != null && behind > longAgo ? '> 1 y' : duration(behind)}</td>
                <td class="r" title={exact(taken)}>{count(taken)}</td>
                <td class="r" title={exact(l['records-out'])}>{read.has(v.id) ? count(l['records-out']) : '–'}</td>
              </tr>
            )
          })}
        </tbody>
      </table></div>
    </section>
  )
}
