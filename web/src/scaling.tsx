import { at, exact, text } from './format'
import { Empty, Facts, Name } from './parts'
import type { Scaling } from './types'

// ScalingTab is with how many subtasks a job runs, and why.
export function ScalingTab({ data }: { data: Scaling }) {
  const decisions = [...(data.decisions ?? [])].reverse()
  return (
    <section>
      <h2 class="hidden">Scaling</h2>
      <Facts all={[
        ['Scheduler', data.scheduler.toLowerCase()], ['Settled', data.settled ? 'yes' : 'no'], ['Rescaled', `${exact(data.rescales)} times`],
        ...(data.reason ? [['Last because', text(data.reason, 1000)] as [string, string]] : []),
        ...(data.refused ? [['Not since', text(data.refused, 1000)] as [string, string]] : []),
        ...(data.waits ? [['Waits', text(data.waits, 1000)] as [string, string]] : []),
      ]} />
      <div class="scroll"><table class="bounds">
        <thead><tr><th>Vertex</th><th class="w-par r">Runs with</th><th class="w-par r">At least</th><th class="w-par r">At most</th><th>What the autoscaler finds</th></tr></thead>
        <tbody>
          {data.vertices.map((v, i) => (
            <tr key={v.id}><td><Name of={v.name} /></td><td class="r">{v.parallelism}</td><td class="r">{v.lowerBound}</td><td class="r">{v.upperBound}</td><td class="wrap">{text(data.explained?.[i] ?? '–', 400)}</td></tr>
          ))}
        </tbody>
      </table></div>
      <h3>Decisions of the autoscaler</h3>
      {decisions.length ? decisions.map((d) => (
        <article key={d.timestamp} class="decision">
          <time>{at(d.timestamp)}</time>
          <ul>{d.to.map((n, i) => n !== d.from[i] && <li key={i}><Name of={data.vertices[i]?.name ?? `vertex ${i}`} most={60} />: <b>{d.from[i]} → {n}</b></li>)}</ul>
          {d.reasons.map((r, i) => r && <p key={i} class="note">{text(r, 600)}</p>)}
        </article>
      )) : <Empty>It has decided nothing{data.explained ? ' yet' : ': it is switched on by job.autoscaler.enabled'}.</Empty>}
    </section>
  )
}
