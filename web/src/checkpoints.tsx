import { Fragment } from 'preact'
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { get } from './api'
import { at, bytes, clockTime, duration, exact, percent, state, text } from './format'
import { serverNow, useTick } from './live'
import { Empty, Facts, Name, State } from './parts'
import type { Checkpoint, Checkpoints, PlanVertex } from './types'

// most is how many checkpoints the timeline has: the JobManager remembers ten, the page those that it has seen.
const most = 90

// CheckpointsTab is the checkpoints and savepoints of a job.
export function CheckpointsTab({ job, plan, data }: { job: string; plan: PlanVertex[]; data?: Checkpoints }) {
  const seen = useRef(new Map<number, Checkpoint>())
  const [open, setOpen] = useState<number | null>(null)
  if (!data) return <Empty>A job in batch mode takes no checkpoints.</Empty>
  for (const c of data.history) seen.current.set(c.id, c)
  const all = [...seen.current.values()].sort((a, b) => a.id - b.id).slice(-most)
  const c = data.counts
  const restored = data.latest.restored
  return (
    <section class="checkpoints">
      <h2 class="hidden">Checkpoints</h2>
      <Facts all={[
        ['Completed', exact(c.completed)], ['In progress', exact(c.in_progress)], ['Failed', <span class={c.failed ? 'bad' : ''}>{exact(c.failed)}</span>],
        ['Restored', restored ? `${exact(c.restored)}, last from ${restored.is_savepoint ? 'savepoint' : 'checkpoint'} ${restored.id} at ${at(restored.restore_timestamp)}` : 'never'],
        ['Last savepoint', data.latest.savepoint?.external_path ? <code>{text(data.latest.savepoint.external_path, 500)}</code> : 'none'],
        ['Last checkpoint', data.latest.completed?.external_path ? <code>{text(data.latest.completed.external_path, 500)}</code> : 'none'],
      ]} />
      {all.length ? <Timeline all={all} /> : <Empty>No checkpoint has been taken yet.</Empty>}
      {data.history.length > 0 && (
        <div class="scroll"><table class="history">
          <thead><tr><th class="w-id">Id</th><th class="w-type">Kind</th><th class="w-state">State</th><th class="w-date">Begun</th><th class="w-time r">Duration</th><th class="w-acks">Acknowledged</th><th class="w-num r" title="Written by this one">Written</th><th class="w-num r" title="All that it consists of">State size</th><th>Path, or why it failed</th></tr></thead>
          <tbody>
            {data.history.map((h) => (
              <Fragment key={h.id}>
                <tr>
                  <td><button type="button" class="more" aria-expanded={open === h.id} aria-label={`Vertices of checkpoint ${h.id}`} onClick={() => setOpen(open === h.id ? null : h.id)}>{h.id}</button></td>
                  <td>{state(h.checkpoint_type)}</td>
                  <td><State of={h.status} /></td>
                  <td>{at(h.trigger_timestamp)}</td>
                  <td class="r"><Took of={h} /></td>
                  <td><Acks of={h} /></td>
                  <td class="r">{bytes(h.checkpointed_size)}</td>
                  <td class="r">{bytes(h.state_size)}</td>
                  <td><Name of={h.failure_message ?? h.external_path ?? ''} /></td>
                </tr>
                {open === h.id && <tr class="detail"><td colspan={9}><Details job={job} plan={plan} of={h} /></td></tr>}
              </Fragment>
            ))}
          </tbody>
        </table></div>
      )}
    </section>
  )
}

function Took({ of }: { of: Checkpoint }) {
  const running = of.status === 'IN_PROGRESS'
  useTick(running)
  return <>{duration(running ? Math.max(0, serverNow() - of.trigger_timestamp) : of.end_to_end_duration)}</>
}

function Acks({ of }: { of: { num_acknowledged_subtasks: number; num_subtasks: number } }) {
  const share = of.num_subtasks ? of.num_acknowledged_subtasks / of.num_subtasks : 0
  return <span class="acks"><span class="shares" aria-hidden="true"><i class="busy" style={{ width: percent(share).replace(/\s/, '') }} /></span>{of.num_acknowledged_subtasks} of {of.num_subtasks}</span>
}

// Timeline has a bar for each checkpoint, as high as it took long.
function Timeline({ all }: { all: Checkpoint[] }) {
  const box = useRef<HTMLElement>(null)
  const [w, setWidth] = useState(1000)
  useLayoutEffect(() => {
    const at = box.current!
    const o = new ResizeObserver(() => setWidth(Math.max(240, at.clientWidth - 28)))
    o.observe(at)
    return () => o.disconnect()
  }, [])
  const [h, bottom, left] = [132, 18, 56]
  const longest = Math.max(1, ...all.map((c) => c.end_to_end_duration))
  const first = all[0]!.trigger_timestamp
  const span = Math.max(1000, all[all.length - 1]!.trigger_timestamp - first)
  const width = Math.max(3, Math.min(18, (w - left) / (all.length * 1.6)))
  const x = (t: number) => left + ((t - first) / span) * (w - left - width - 4)
  const y = (d: number) => (h - bottom - 6) * (Math.max(0, d) / longest)
  return (
    <figure class="timeline" ref={box}>
      <figcaption>Duration over time
        <span class="key"><i class="busy" />checkpoint</span><span class="key"><i class="savepoint" />savepoint</span><span class="key"><i class="failed" />failed</span>
      </figcaption>
      <svg width={w} height={h} role="img" aria-label={`${all.length} checkpoints from ${clockTime(first)} to ${clockTime(first + span)}; the longest took ${duration(longest)}`}>
        {[0, 0.5, 1].map((f) => (
          <g key={f} class="axis"><path d={`M${left} ${h - bottom - y(longest * f)}H${w}`} /><text x={left - 8} y={h - bottom - y(longest * f) + 4} text-anchor="end">{duration(longest * f)}</text></g>
        ))}
        {all.map((c) => (
          <rect key={c.id} class={c.status === 'FAILED' ? 'failed' : c.is_savepoint ? 'savepoint' : c.status === 'IN_PROGRESS' ? 'progress' : 'busy'}
            x={x(c.trigger_timestamp).toFixed(1)} width={width.toFixed(1)} y={(h - bottom - Math.max(2, y(c.end_to_end_duration))).toFixed(1)} height={Math.max(2, y(c.end_to_end_duration)).toFixed(1)}>
            <title>{`${c.is_savepoint ? 'Savepoint' : 'Checkpoint'} ${c.id}, ${state(c.status)}, ${clockTime(c.trigger_timestamp)}: ${duration(c.end_to_end_duration)}, ${bytes(c.state_size)}`}</title>
          </rect>
        ))}
        <text class="tick" x={left} y={h - 3}>{clockTime(first)}</text><text class="tick" x={w} y={h - 3} text-anchor="end">{clockTime(first + span)}</text>
      </svg>
    </figure>
  )
}

function Details({ job, plan, of }: { job: string; plan: PlanVertex[]; of: Checkpoint }) {
  const [data, setData] = useState<Checkpoint | null>(null)
  const [why, setWhy] = useState('')
  useEffect(() => {
    get<Checkpoint>(`jobs/${job}/checkpoints/details/${of.id}`).then(setData, (e: Error) => setWhy(e.message))
  }, [of.id, of.status, of.num_acknowledged_subtasks])
  if (why) return <Empty>{text(why)}</Empty>
  if (!data) return <Empty>Asking…</Empty>
  return (
    <table class="parts">
      <thead><tr><th>Vertex</th><th class="w-acks">Acknowledged</th><th class="w-time r">Duration</th><th class="w-num r">Written</th><th class="w-num r">State size</th><th class="w-num r" title="Records on their way that are part of it">In flight</th></tr></thead>
      <tbody>
        {plan.map((v) => {
          const t = data.tasks[v.id]
          return t && (
            <tr key={v.id}><td><Name of={v.name} /></td><td><Acks of={t} /></td><td class="r">{duration(t.end_to_end_duration)}</td><td class="r">{bytes(t.checkpointed_size)}</td><td class="r">{bytes(t.state_size)}</td><td class="r">{bytes(t.persisted_data)}</td></tr>
          )
        })}
      </tbody>
    </table>
  )
}
