import { useRef } from 'preact/hooks'
import { Actions } from './actions'
import { CheckpointsTab } from './checkpoints'
import { ConfigTab } from './config'
import { ExceptionsTab } from './exceptions'
import { at, bytes, count, duration, exact, longAgo, percent, plural, rate, text } from './format'
import { Graph } from './graph'
import { jobFigures, newHistory, remember } from './history'
import { serverNow, useEvents, useTick } from './live'
import { JobLogs } from './logs'
import { Empty, Name, Spark, State } from './parts'
import { ScalingTab } from './scaling'
import type { Diagnosis, Job, JobEvents } from './types'
import { VertexPanel } from './vertex'
import { VertexTable } from './vertices'

const tabs = [['', 'Graph'], ['checkpoints', 'Checkpoints'], ['exceptions', 'Exceptions'], ['scaling', 'Scaling'], ['config', 'Configuration'], ['logs', 'Logs']] as const

// JobPage is all about a job.
export function JobPage({ id, tab, rest }: { id: string; tab: string; rest: string[] }) {
  const { data, now, gone } = useEvents<JobEvents>('flott/jobs/' + id + '/events')
  const history = useRef(newHistory())
  const { job } = data
  document.title = (job ? text(job.name, 80) : 'Job') + ' · Flott'
  if (gone) return <Empty>{text(gone)} <a href="#/">All jobs</a></Empty>
  if (!job || !data.plan || !data.vertices || !data.scaling || !data.exceptions) return <Empty>Waiting for the JobManager…</Empty>
  const all = data as JobEvents
  remember(history.current, all.vertices, now)
  const selected = tab === 'vertex' ? rest[0] : undefined
  const shown = tab === 'vertex' ? '' : tab
  const failures = all.exceptions.entries.length
  return (
    <div class="page job">
      <Head job={job} all={all} />
      <nav class="tabs" aria-label="About the job">
        {tabs.map(([key, label]) => (
          <a key={key} href={`#/jobs/${id}${key && '/' + key}`} aria-current={shown === key ? 'page' : undefined}>
            {label}
            {key === 'exceptions' && failures > 0 && <span class="count bad">{failures}{all.exceptions.truncated && '+'}</span>}
          </a>
        ))}
      </nav>
      {shown === '' ? (
        <>
          <Strip all={all} now={now} history={history.current} />
          {job['end-time'] < 0 && all.diagnosis && <Explained of={all.diagnosis} job={id} />}
          <Graph job={id} plan={all.plan} loads={all.vertices} now={now} selected={selected} />
          <VertexTable job={id} plan={all.plan} loads={all.vertices} now={now} selected={selected} />
          {selected && <VertexPanel key={selected} job={id} id={selected} plan={all.plan} loads={all.vertices} history={history.current} />}
        </>
      ) : shown === 'checkpoints' ? <CheckpointsTab job={id} plan={all.plan} data={all.checkpoints} />
        : shown === 'exceptions' ? <ExceptionsTab data={all.exceptions} />
          : shown === 'scaling' ? <ScalingTab data={all.scaling} />
            : shown === 'config' ? <ConfigTab job={id} batch={job['job-type'] === 'BATCH'} />
              : shown === 'logs' ? <JobLogs job={id} />
                : <Empty>There is no such page.</Empty>}
    </div>
  )
}

function Head({ job, all }: { job: Job; all: JobEvents }) {
  useTick(job['end-time'] < 0)
  const end = job['end-time'] < 0 ? serverNow() : job['end-time']
  const subtasks = all.plan.reduce((n, v) => n + v.parallelism, 0)
  return (
    <header class="head">
      <div class="title">
        <h1><Name of={job.name || job.jid} /></h1>
        <State of={job.state} />
      </div>
      <Actions job={job} plan={all.plan} scaling={all.scaling} />
      <p class="sub">
        <span class="fixed" title={`since ${at(job['start-time'])}`}>{duration(end - job['start-time'])}</span>
        <span>started {at(job['start-time'])}</span>
        <span>{plural(all.plan.length, 'vertex').replace('vertexs', 'vertices')}, {plural(subtasks, 'subtask')}</span>
        <span>{plural(job.restarts, 'restart')}</span>
        <span>{job['job-type'] === 'BATCH' ? 'batch' : 'streaming'}</span>
        <code title="The job's id">{job.jid}</code>
      </p>
      {job['waiting-reason'] && <p class="notice warn">{text(job['waiting-reason'], 2000)}</p>}
      {job.cause && <p class="notice bad">{text(job.cause.split('\n')[0]!, 600)} <a href={`#/jobs/${job.jid}/exceptions`}>Exceptions</a></p>}
    </header>
  )
}

// Explained says what limits a job, and what holds its watermark back, with what that is concluded from and what helps.
function Explained({ of, job }: { of: Diagnosis; job: string }) {
  return (
    <section class="explained" aria-label="What limits the job, and what holds its watermark back">
      <details>
        <summary>
          <b>Speed</b> {text(of.bottleneck, 300)}
        </summary>
        <ul>
          {of.evidence.map((e) => <li key={e}>{text(e, 400)}</li>)}
          {of['bottleneck-advice'] && <li class="advice">{text(of['bottleneck-advice'], 400)}</li>}
          {of.vertex && <li><a href={`#/jobs/${job}/vertex/${of.vertex.id}`}>{text(of.vertex.name, 120)}</a></li>}
        </ul>
      </details>
      <details>
        <summary>
          <b>Event time</b> {text(of.watermark, 300)}
        </summary>
        <ul>{of['watermark-advice'] ? <li class="advice">{text(of['watermark-advice'], 400)}</li> : <li>nothing is to be done</li>}</ul>
      </details>
    </section>
  )
}

// Strip is the job in five figures.
function Strip({ all, now, history }: { all: JobEvents; now: number; history: ReturnType<typeof newHistory> }) {
  const f = jobFigures(all.vertices, now)
  const of = (name: string) => history.job.values[name] ?? []
  const busiest = all.vertices.reduce((a, v, i) => ((v.busy ?? -1) > (all.vertices[a]?.busy ?? -1) ? i : a), 0)
  const pressed = all.vertices.reduce((a, v, i) => ((v.backpressured ?? -1) > (all.vertices[a]?.backpressured ?? -1) ? i : a), 0)
  const name = (i: number) => text(all.plan[i]?.name ?? '', 80)
  const done = all.vertices.length > 0 && all.vertices.every((v) => v['watermark-done'])
  const old = f.lag != null && f.lag > longAgo
  const last = all.checkpoints?.latest.completed
  return (
    <div class="measure"><section class="strip" aria-label="The job in numbers">
      <Figure label="Read by sources" value={rate(f.read)} note={`${count(all.vertices.reduce((n, v) => n + v['records-read'], 0))} in all`} points={of('read')} />
      <Figure label="Busiest vertex" value={percent(f.busy)} note={f.busy ? name(busiest) : ''} points={of('busy')} max={1} />
      <Figure label="Most backpressured" value={percent(f.pressed)} note={f.pressed ? name(pressed) : 'none'} points={of('pressed')} max={1} warm />
      <Figure label={old ? 'Event time' : 'Watermark lag'} value={done ? 'at the end' : old ? at(now - f.lag!).slice(0, 10) : duration(f.lag)}
        note={old ? at(now - f.lag!).slice(11) : f.lag == null && !done ? 'no watermarks' : ''} points={old ? [] : of('lag')} />
      <Figure label="Last checkpoint" value={last ? duration(last.end_to_end_duration) : '–'}
        note={last ? `${bytes(last.state_size)}, ${exact(all.checkpoints.counts.completed)} completed` : 'none yet'}
        points={all.checkpoints?.history.filter((c) => c.status === 'COMPLETED').map((c) => c.end_to_end_duration).reverse() ?? []} />
    </section></div>
  )
}

function Figure({ label, value, note, points, max, warm }: { label: string; value: string; note: string; points: (number | null)[]; max?: number; warm?: boolean }) {
  return (
    <div class={warm ? 'figure warm' : 'figure'}>
      <span class="label">{label}</span>
      <b>{value}</b>
      <span class="note" title={note}>{note || '\u00a0'}</span>
      <Spark points={points} max={max} label={`${label}, over the last minutes`} />
    </div>
  )
}
