import { bytes, text } from './format'
import { useEvents } from './live'
import { Logs } from './logs'
import { Empty, Facts, Name } from './parts'
import { Processes } from './processes'
import type { ClusterEvents } from './types'

// TaskManagerPage is a TaskManager with its slots and logs.
export function TaskManagerPage({ id }: { id: string }) {
  const { data } = useEvents<ClusterEvents>('flott/events')
  document.title = text(id, 60) + ' · Flott'
  if (!data.cluster || !data.jobs) return <Empty>Waiting for the JobManager…</Empty>
  const t = data.cluster.taskmanagers.find((o) => o.id === id)
  const names = new Map(data.jobs.map((j) => [j.jid, j.name]))
  return (
    <div class="page">
      <header class="head"><div class="title"><h1><Name of={id} /></h1></div></header>
      {!t ? <Empty>This TaskManager is not there any more. <a href="#/">All TaskManagers</a></Empty> : (
        <>
          <Facts all={[
            ['Host', text(t.host)], ['Process', t.pid ? String(t.pid) : '–'], ['Version', text(t.version || '–')], ['Memory of its slots', t.memory ? bytes(t.memory) : 'no limit'],
            ['Slots', <ol class="numbered">{t.slots.map((s, i) => <li key={i}>{s ? <a href={'#/jobs/' + s}><Name of={names.get(s) || s} /></a> : 'free'}</li>)}</ol>],
          ]} />
          <Processes of={id} />
          <Logs sources={[[id, 'taskmanagers/' + encodeURIComponent(id)]]} />
        </>
      )}
    </div>
  )
}
