import { useEffect, useRef, useState } from 'preact/hooks'
import { get, tail } from './api'
import { at, bytes, lines, text } from './format'
import { useGet } from './config'
import { Empty } from './parts'

interface Files { logs: { name: string; size: number; mtime: number }[] }

// tailBytes is how much of a log's end is shown, tailMillis how often it is read again.
const tailBytes = 96_000
const tailMillis = 2000

// JobLogs are those of all processes; workers of the job come first.
export function JobLogs({ job }: { job: string }) {
  const { data } = useGet<{ taskmanagers: { id: string }[] }>('taskmanagers')
  if (!data) return <Empty>Asking…</Empty>
  const sources: [string, string][] = [['JobManager', 'jobmanager'], ...data.taskmanagers.map((t) => [t.id, 'taskmanagers/' + encodeURIComponent(t.id)] as [string, string])]
  return <Logs sources={sources} prefer={'worker-' + job.slice(0, 8)} />
}

// Logs shows the end of a log file of one of several processes.
export function Logs({ sources, prefer }: { sources: [string, string][]; prefer?: string }) {
  const [files, setFiles] = useState<{ label: string; path: string }[] | null>(null)
  const [chosen, setChosen] = useState('')
  const key = sources.map((s) => s[1]).join()
  useEffect(() => {
    let over = false
    void Promise.all(sources.map(([label, path]) => get<Files>(path + '/logs').then((f) => f.logs.map((l) => ({
      label: `${text(label, 40)}: ${text(l.name, 80)} (${bytes(l.size)}, ${at(l.mtime)})`, name: l.name, path: `${path}/logs/${encodeURIComponent(l.name)}`,
    })), () => []))).then((all) => {
      if (over) return
      const found = all.flat()
      setFiles(found)
      setChosen((found.find((f) => prefer && f.name.startsWith(prefer)) ?? found[0])?.path ?? '')
    })
    return () => { over = true }
  }, [key])
  if (!files) return <Empty>Asking…</Empty>
  if (!files.length) return <Empty>No process writes its log to a file: those were started by hand, and write to their terminals.</Empty>
  return (
    <section class="logs">
      <h2 class="hidden">Logs</h2>
      <label class="pick">File<select value={chosen} onChange={(e) => setChosen(e.currentTarget.value)}>{files.map((f) => <option key={f.path} value={f.path}>{f.label}</option>)}</select></label>
      {chosen && <Tail key={chosen} path={chosen} />}
    </section>
  )
}

function Tail({ path }: { path: string }) {
  const [log, setLog] = useState<{ text: string; size: number } | null>(null)
  const [why, setWhy] = useState('')
  const [follow, setFollow] = useState(true)
  const box = useRef<HTMLPreElement>(null)
  useEffect(() => {
    if (!follow && log) return
    let t: ReturnType<typeof setTimeout>
    let over = false
    const read = async () => {
      try {
        if (document.visibilityState === 'visible') {
          const next = await tail(path, tailBytes)
          if (!over) {
            setLog((old) => (old?.size === next.size && old.text === next.text ? old : next))
            setWhy('')
          }
        }
      } catch (e) {
        if (!over) setWhy((e as Error).message)
      }
      if (!over) t = setTimeout(() => void read(), tailMillis)
    }
    void read()
    return () => {
      over = true
      clearTimeout(t)
    }
  }, [path, follow])
  useEffect(() => {
    if (follow && box.current) box.current.scrollTop = box.current.scrollHeight
  }, [log, follow])
  return (
    <>
      <div class="bar">
        <label class="check"><input type="checkbox" checked={follow} onChange={(e) => setFollow(e.currentTarget.checked)} />Follow the end</label>
        <span class="note">{log ? `${bytes(log.size)}${log.size > tailBytes ? `, the last ${bytes(tailBytes)} are shown` : ''}` : ''}</span>
      </div>
      {why && <p class="notice bad">{text(why, 500)}</p>}
      <pre ref={box} class="log" tabIndex={0} aria-label="The end of the log">{log ? lines(log.text, tailBytes * 2) || 'The file is empty.' : 'Asking…'}</pre>
    </>
  )
}
