import { at, bytes, duration, exact, plural, state, text } from './format'
import { serverNow, useEvents, useTick } from './live'
import { Empty, Name, State } from './parts'
import type { ClusterEvents, Job, TaskManager } from './types'

const ended = (j: Job) => ['FINISHED', 'CANCELED', 'FAILED'].includes(j.state)

// ClusterPage is the jobs, and what they run on.
export function ClusterPage() {
  const { data } = useEvents<ClusterEvents>('flott/events')
  useTick()
  document.title = 'Flott'
  const { cluster, jobs } = data
  if (!cluster || !jobs) return <Empty>Waiting for the JobManager…</Empty>
  const number = (s: string) => jobs.filter((j) => j.state === s).length
  const running = jobs.filter((j) => !ended(j)).reverse()
  const over = jobs.filter(ended).reverse()
  const used = cluster['slots-total'] - cluster['slots-available']
  return (
    <div class="page">
      <h1 class="hidden">Cluster</h1>
      <section class="tiles" aria-label="The cluster in numbers">
        <Tile label="Jobs running" value={exact(running.length)} />
        <Tile label="finished" value={exact(number('FINISHED'))} />
        <Tile label="cancelled" value={exact(number('CANCELED'))} />
        <Tile label="failed" value={exact(number('FAILED'))} bad={number('FAILED') > 0} />
        <Tile label="Slots in use" value={`${exact(used)} of ${exact(cluster['slots-total'])}`} />
        <Tile label="TaskManagers" value={exact(cluster.taskmanagers.length)} />
        <Tile label="Version" value={text(cluster.version || 'unknown', 40)} />
      </section>
      <section>
        <h2>Running jobs</h2>
        {running.length ? <JobTable jobs={running} /> : <Empty>No job is running. Start one with <code>flott run ./job</code>.</Empty>}
      </section>
      <section>
        <h2>TaskManagers</h2>
        {cluster.taskmanagers.length ? <TaskManagers all={cluster.taskmanagers} jobs={jobs} /> : <Empty>No TaskManager has come yet.</Empty>}
      </section>
      {over.length > 0 && <section><h2>Jobs that have ended</h2><JobTable jobs={over} /></section>}
    </div>
  )
}

function Tile({ label, value, bad }: { label: string; value: string; bad?: boolean }) {
  return <div class={bad ? 'tile bad' : 'tile'}><span>{label}</span><b>{value}</b></div>
}

function JobTable({ jobs }: { jobs: Job[] }) {
  return (
    <div class="scroll"><table class="jobs">
      <thead><tr><th>Name</th><th class="w-state">State</th><th class="w-time r">Duration</th><th class="w-date">Started</th><th class="w-tasks">Tasks</th></tr></thead>
      <tbody>
        {jobs.map((j) => (
          <tr key={j.jid}>
            <td><a href={'#/jobs/' + j.jid}><Name of={j.name || j.jid} /></a>{j['waiting-reason'] && <p class="note">{text(j['waiting-reason'])}</p>}</td>
            <td><State of={j.state} /></td>
            <td class="r">{duration((j['end-time'] < 0 ? serverNow() : j['end-time']) - j['start-time'])}</td>
            <td>{at(j['start-time'])}</td>
            <td>{tasks(j.tasks)}</td>
          </tr>
        ))}
      </tbody>
    </table></div>
  )
}

export function tasks(all: Record<string, number>): string {
  const parts = Object.entries(all).sort(([a], [b]) => (a < b ? -1 : 1)).map(([s, n]) => `${exact(n)} ${state(s)}`)
  return parts.join(', ') || '–'
}

function TaskManagers({ all, jobs }: { all: TaskManager[]; jobs: Job[] }) {
  const names = new Map(jobs.map((j) => [j.jid, j.name]))
  return (
    <div class="scroll"><table class="tms">
      <thead><tr><th>Id</th><th class="w-host">Host</th><th>Slots</th><th class="w-time r">Free</th><th class="w-time r">Memory</th></tr></thead>
      <tbody>
        {all.map((t) => (
          <tr key={t.id}>
            <td><a href={'#/taskmanagers/' + encodeURIComponent(t.id)}><Name of={t.id} /></a></td>
            <td><Name of={t.host} /></td>
            <td><SlotBoxes of={t.slots} names={names} /></td>
            <td class="r">{t.slots.filter((s) => !s).length}</td>
            <td class="r">{bytes(t.memory || null)}</td>
          </tr>
        ))}
      </tbody>
    </table></div>
  )
}

function SlotBoxes({ of, names }: { of: string[]; names: Map<string, string> }) {
  const used = of.filter(Boolean).length
  return (
    <span class="slots" role="img" aria-label={`${used} of ${plural(of.length, 'slot')} in use`}>
      {of.map((job, i) => <i key={i} class={job ? 'used' : ''} title={job ? text(names.get(job) || job) : 'free'} />)}
    </span>
  )
}
