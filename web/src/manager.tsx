import { text } from './format'
import { Pairs, useGet } from './config'
import { useEvents } from './live'
import { Logs } from './logs'
import { Empty } from './parts'
import { Processes } from './processes'
import type { ClusterEvents } from './types'

// ManagerPage is the JobManager's process.
export function ManagerPage({ tab }: { tab: string }) {
  useEvents<ClusterEvents>('flott/events') // by which one sees whether it is there
  document.title = 'JobManager · Flott'
  return (
    <div class="page">
      <header class="head"><div class="title"><h1>JobManager</h1></div></header>
      <nav class="tabs" aria-label="About the JobManager">
        <a href="#/jobmanager" aria-current={tab === '' ? 'page' : undefined}>Configuration</a>
        <a href="#/jobmanager/processes" aria-current={tab === 'processes' ? 'page' : undefined}>Processes</a>
        <a href="#/jobmanager/logs" aria-current={tab === 'logs' ? 'page' : undefined}>Logs</a>
      </nav>
      {tab === 'processes' ? <Processes /> : tab === 'logs' ? <Logs sources={[['JobManager', 'jobmanager']]} /> : <Configuration />}
    </div>
  )
}

function Configuration() {
  const { data, why } = useGet<{ key: string; value: string }[]>('jobmanager/config')
  const version = useGet<{ version: string; commit: string; platform: string; epoch: number }>('flott/version')
  if (!data) return <Empty>{text(why ?? 'Asking…')}</Empty>
  const v = version.data
  return (
    <section class="columns">
      <h2 class="hidden">Configuration</h2>
      {v && <Pairs caption="Program" all={[['Version', text(v.version)], ['Commit', text(v.commit || 'unknown')], ['Platform', text(v.platform)], ['Term', text(String(v.epoch))]]} />}
      {data.length ? <Pairs caption="Options that are set" all={data.map((kv) => [kv.key, text(kv.value, 2000)])} /> : <Empty>No option is set.</Empty>}
      <p class="note"><a href="licenses.txt">Licences of the libraries of this page</a></p>
    </section>
  )
}
