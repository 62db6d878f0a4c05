import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { get } from './api'
import { Dialog } from './dialog'
import { count, duration, plural, text } from './format'
import { Empty, Name } from './parts'
import type { FlameGraph, FlameNode } from './types'

// Frame is a function where it stands in the graph. Numbers are samples; from is how many are to its left.
interface Frame { name: string; depth: number; from: number; all: number; self: number; parent: Frame | null; children: Frame[] }

function frameOf(n: FlameNode, depth: number, from: number, parent: Frame | null): Frame {
  const f: Frame = { name: n.name, depth, from, all: n.value, self: n.value, parent, children: [] }
  for (const c of n.children) {
    const child = frameOf(c, depth + 1, from, f)
    f.children.push(child)
    from += child.all
    f.self -= child.all
  }
  return f
}

// plain is a function's name without the types that it was made for, short without the path of its package as well.
const plain = (name: string) => name.replace(/\[.*\]/, '[…]')
function short(name: string): string {
  const n = plain(name)
  return n.slice(n.lastIndexOf('/') + 1)
}

// kind is whose code a function is: of the job and its libraries, of Flott, or of Go.
function kind(name: string): 'own' | 'engine' | 'go' {
  const path = name.split('[')[0]!
  if (path.startsWith('github.com/flott-dev/flott/') && !/^github.com\/flott-dev\/flott\/(examples|bench)\//.test(path)) return 'engine'
  return path.startsWith('main.') || /^[^/]*\.[^/]*\//.test(path) ? 'own' : 'go'
}

const kinds = [['own', 'the job and its libraries'], ['engine', 'Flott'], ['go', 'Go']] as const

const share = (n: number, all: number) => (all ? `${(100 * n / all).toFixed(n === all ? 0 : 1)}\u202f%` : '–')

// FlameDialog samples the CPU time of a vertex, and shows where it goes.
export function FlameDialog({ job, vertex, name, parallelism, onClose }: { job: string; vertex: string; name: string; parallelism: number; onClose: () => void }) {
  const [seconds, setSeconds] = useState(5)
  const [subtask, setSubtask] = useState('')
  const [round, setRound] = useState(0)
  const [graph, setGraph] = useState<FlameGraph | null>(null)
  const [why, setWhy] = useState('')
  const [busy, setBusy] = useState(0) // for how many seconds it samples
  useEffect(() => {
    const over = new AbortController() // the workers stop sampling with it
    setBusy(seconds)
    setWhy('')
    get<FlameGraph>(`jobs/${job}/vertices/${vertex}/flamegraph?type=ON_CPU&seconds=${seconds}${subtask && '&subtaskindex=' + subtask}`, over.signal)
      .then((g) => { setGraph(g) }, (e: Error) => { if (!over.signal.aborted) setWhy(e.message) })
      .finally(() => { if (!over.signal.aborted) setBusy(0) })
    return () => over.abort()
  }, [round])
  return (
    <Dialog title="Where CPU time goes" wide onClose={onClose}>
      <p class="sub"><Name of={name} most={200} /></p>
      <form class="bar" onSubmit={(e) => {
        e.preventDefault()
        setRound(round + 1)
      }}>
        <label>Subtask<select value={subtask} disabled={busy > 0} onChange={(e) => setSubtask(e.currentTarget.value)}>
          <option value="">all {parallelism}</option>
          {Array.from({ length: parallelism }, (_, i) => <option key={i} value={String(i)}>{i}</option>)}
        </select></label>
        <label>For<select value={String(seconds)} disabled={busy > 0} onChange={(e) => setSeconds(Number(e.currentTarget.value))}>
          {[1, 5, 10, 30].map((n) => <option key={n} value={String(n)}>{plural(n, 'second')}</option>)}
        </select></label>
        <button type="submit" disabled={busy > 0}>Sample again</button>
        <button type="button" class="last" onClick={onClose}>Close</button>
      </form>
      <div class="sampling" role="status">{busy > 0 && <><span>Sampling for {plural(busy, 'second')}…</span><i style={{ animationDuration: busy + 's' }} /></>}</div>
      {why && <p class="notice bad">{text(why, 600)}</p>}
      {graph && (graph.data ? <Flame key={graph.endTimestamp} graph={graph} data={graph.data} />
        : <Empty>{graph.endTimestamp === -1 ? 'The vertex has ended.' : 'The vertex does not run yet.'}</Empty>)}
    </Dialog>
  )
}

function Flame({ graph, data }: { graph: FlameGraph; data: FlameNode }) {
  const root = useMemo(() => frameOf(data, 0, 0, null), [data])
  const [zoom, setZoom] = useState(root)
  const [at, setAt] = useState(root)
  const [seen, setSeen] = useState<Frame | null>(null) // below the pointer
  const [search, setSearch] = useState('')
  const [width, setWidth] = useState(900)
  const box = useRef<HTMLDivElement>(null)
  const moved = useRef(false)
  useLayoutEffect(() => {
    const o = new ResizeObserver(() => setWidth(box.current!.clientWidth))
    o.observe(box.current!)
    return () => o.disconnect()
  }, [])
  useLayoutEffect(() => { // before the next key comes
    if (moved.current) box.current?.querySelector<HTMLElement>('[tabindex="0"]')?.focus()
    moved.current = false
  }, [at, zoom])
  const wanted = search.trim().toLowerCase()
  const found = wanted ? matching(root, wanted) : 0
  const all = useMemo(() => visible(root, zoom, width), [root, zoom, width])
  const rows = 1 + Math.max(...all.map((s) => s.frame.depth))
  if (!root.all) return <Empty>No CPU time was seen: the vertex waits, or has so little to do that it was never met.</Empty>
  const time = (n: number) => duration(n * graph['flott-sample-millis'])
  const words = (f: Frame) => `${f.depth ? text(plain(f.name), 300) : 'all of the vertex'}: ${share(f.all, root.all)}, ${time(f.all)}; ${share(f.self, root.all)} in itself`
  const go = (f: Frame | undefined | null) => {
    if (!f) return
    moved.current = true
    setAt(f)
  }
  const zoomTo = (f: Frame) => {
    moved.current = true
    setZoom(f)
    setAt(f)
  }
  const key = (e: KeyboardEvent) => {
    const beside = all.filter((s) => s.frame.depth === at.depth).map((s) => s.frame)
    const i = beside.indexOf(at)
    const shown = new Set(all.map((s) => s.frame))
    const to: Record<string, () => void> = {
      ArrowUp: () => go(at.parent),
      ArrowDown: () => go(at.children.filter((c) => shown.has(c)).reduce<Frame | null>((a, c) => (!a || c.all > a.all ? c : a), null)),
      ArrowLeft: () => go(beside[i - 1]),
      ArrowRight: () => go(beside[i + 1]),
      Home: () => go(root),
      Enter: () => zoomTo(at),
      ' ': () => zoomTo(at),
      Backspace: () => zoomTo(zoom.parent ?? root),
    }
    if (!to[e.key] || e.ctrlKey || e.metaKey || e.altKey) return
    e.preventDefault()
    to[e.key]!()
  }
  const focus = all.some((s) => s.frame === at) ? at : zoom
  return (
    <>
      <div class="bar">
        <label class="find">Find<input type="search" value={search} placeholder="a function" spellcheck={false} onInput={(e) => setSearch(e.currentTarget.value)} /></label>
        <button type="button" disabled={zoom === root} onClick={() => zoomTo(root)}>Whole graph</button>
        <span class="note last" role="status">{wanted ? `${share(found, root.all)} of the samples match` : `${count(root.all)} samples of ${plural(graph['flott-workers'], 'worker')}, ${time(root.all)} of CPU in ${duration(graph['flott-millis'])}`}</span>
      </div>
      {graph['flott-missing'].map((m) => <p key={m} class="notice warn">Not sampled: {text(m, 300)}</p>)}
      <div ref={box} class="flame" role="tree" aria-label="Functions, each below those that have called it" style={{ height: rows * 20 + 'px' }} onKeyDown={key} onMouseLeave={() => setSeen(null)}>
        {all.map(({ frame: f, left, share: part }) => (
          <div key={`${f.depth} ${f.from} ${f.name}`} role="treeitem" aria-level={f.depth + 1} aria-label={words(f)} aria-selected={f === zoom} tabIndex={f === focus ? 0 : -1}
            class={`frame ${f.depth ? kind(f.name) : 'root'}${f.depth < zoom.depth ? ' above' : ''}${wanted ? (f.name.toLowerCase().includes(wanted) ? ' found' : ' other') : ''}`}
            style={{ left: left * 100 + '%', width: part * 100 + '%', top: f.depth * 20 + 'px' }}
            onClick={() => zoomTo(f)} onFocus={() => setAt(f)} onMouseEnter={() => setSeen(f)}>
            {part * width > 34 && <span aria-hidden="true">{f.depth ? text(short(f.name), 200) : 'all'}</span>}
          </div>
        ))}
      </div>
      <p class="at mono" aria-hidden="true">{words(seen ?? focus)}</p>
      <p class="legend note">{kinds.map(([k, label]) => <span key={k}><i class={'frame ' + k} />{label}</span>)}</p>
      <Most root={root} time={time} />
    </>
  )
}

// visible are the frames that are wide enough to be seen when one fills the width, with those that have called it.
function visible(root: Frame, zoom: Frame, width: number): { frame: Frame; left: number; share: number }[] {
  const out: { frame: Frame; left: number; share: number }[] = []
  const path = new Set<Frame>()
  for (let f: Frame | null = zoom; f; f = f.parent) path.add(f)
  const walk = (f: Frame) => {
    if (path.has(f)) {
      out.push({ frame: f, left: 0, share: 1 })
      for (const c of f.children) if (f === zoom || path.has(c)) walk(c)
      return
    }
    const part = f.all / zoom.all
    if (part * width < 1.5) return
    out.push({ frame: f, left: (f.from - zoom.from) / zoom.all, share: part })
    f.children.forEach(walk)
  }
  walk(root)
  return out
}

// matching is how many samples have a function of a name, each counted once.
function matching(f: Frame, wanted: string): number {
  return f.depth && f.name.toLowerCase().includes(wanted) ? f.all : f.children.reduce((n, c) => n + matching(c, wanted), 0)
}

// Most is the functions that take most time themselves.
function Most({ root, time }: { root: Frame; time: (n: number) => string }) {
  const most = useMemo(() => {
    const self = new Map<string, number>()
    const walk = (f: Frame) => {
      if (f.depth && f.self > 0) self.set(f.name, (self.get(f.name) ?? 0) + f.self)
      f.children.forEach(walk)
    }
    walk(root)
    return [...self].sort((a, b) => b[1] - a[1]).slice(0, 8)
  }, [root])
  return (
    <>
      <h3>Most time in themselves</h3>
      <div class="scroll"><table class="most">
        <thead><tr><th>Function</th><th class="r">CPU</th><th class="r">Share</th></tr></thead>
        <tbody>{most.map(([name, n]) => (
          <tr key={name}><td><i class={'frame ' + kind(name)} aria-hidden="true" /><bdi title={text(name, 500)}>{text(short(name), 120)}</bdi></td><td class="r">{time(n)}</td><td class="r">{share(n, root.all)}</td></tr>
        ))}</tbody>
      </table></div>
    </>
  )
}
