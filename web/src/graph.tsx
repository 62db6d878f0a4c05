import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks'
import { count, duration, longAgo, percent, plural, rate, state, text } from './format'
import { inRate, lag } from './history'
import { nodeHeight, nodeWidth, place } from './layout'
import { Loads, Shares } from './parts'
import type { PlanVertex, VertexLoad } from './types'

const zooms = [0.35, 0.5, 0.65, 0.8, 1, 1.25]

// Graph is the job as vertices and edges. It is laid out when the plan or the window changes, never when figures do.
export function Graph({ job, plan, loads, now, selected }: { job: string; plan: PlanVertex[]; loads: VertexLoad[]; now: number; selected?: string }) {
  const box = useRef<HTMLDivElement>(null)
  const [size, setSize] = useState({ width: 0, height: 0 })
  const [zoom, setZoom] = useState<number | null>(null) // null fits
  useLayoutEffect(() => {
    const look = () => setSize((old) => {
      const page = box.current?.closest('main') // the panel of a vertex does not count
      const pad = parseFloat(getComputedStyle(document.documentElement).getPropertyValue('--pad'))
      const width = Math.min(1920, page?.clientWidth ?? 0) - 2 * pad - 2
      const height = Math.max(300, Math.round(innerHeight * 0.58))
      return old.width === width && old.height === height ? old : { width, height }
    })
    look()
    const o = new ResizeObserver(look)
    o.observe(box.current!.closest('main')!)
    return () => o.disconnect()
  }, [])
  const shape = plan.map((v) => v.id + ':' + v.inputs.map((i) => i.from + i.ship_strategy + i.exchange).join(',')).join(';')
  const laid = useMemo(() => place(plan, size.width, size.height), [shape, size.width, size.height])
  useDrag(box)
  useLayoutEffect(() => { // a graph that is too wide is seen from its middle
    if (box.current && !selected) box.current.scrollLeft = (box.current.scrollWidth - box.current.clientWidth) / 2
  }, [laid])
  const fit = Math.max(0.4, laid.scale)
  const scale = zoom ?? fit
  const of = new Map(plan.map((v, i) => [v.id, [v, loads.find((l) => l.id === v.id) ?? loads[i]] as const]))
  const read = new Set(plan.flatMap((v) => v.inputs.map((i) => i.from)))
  const step = (by: number) => setZoom(by > 0 ? zooms.find((z) => z > scale + 0.01) ?? 1.25 : [...zooms].reverse().find((z) => z < scale - 0.01) ?? 0.35)
  return (
    <section class="graph" aria-label="The job's graph">
      <div class="canvas" ref={box} style={{ maxHeight: size.height + 'px' }}>
        {size.width > 0 && (
          <div class="sheet" style={{ width: laid.width * scale + 'px', height: laid.height * scale + 'px' }}>
            <div class={scale < 0.5 ? 'zoomed tiny' : scale < 0.78 ? 'zoomed small' : 'zoomed'} style={{ width: laid.width + 'px', height: laid.height + 'px', transform: `scale(${scale})` }}>
              <svg width={laid.width} height={laid.height} aria-hidden="true">
                <defs>
                  <marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 .5 7.5 4 0 7.500z" /></marker>
                </defs>
                {laid.edges.map((e) => (
                  <g key={e.from + e.to} class={selected && (e.from === selected || e.to === selected) ? 'edge near' : 'edge'}>
                    <path class={e.exchange === 'blocking' ? 'blocking' : ''} d={e.path} marker-end="url(#tip)"><title>{`${e.strategy}, ${e.exchange}`}</title></path>
                  </g>
                ))}
              </svg>
              {laid.nodes.map((p) => {
                const [v, load] = of.get(p.id)!
                return load && <Node key={p.id} job={job} v={v} load={load} ends={!read.has(p.id)} now={now} x={p.x} y={p.y} selected={selected === p.id} />
              })}
            </div>
          </div>
        )}
      </div>
      <div class="legend">
        <span class="key"><i class="busy" />busy</span>
        <span class="key"><i class="pressed" />backpressured</span>
        <span class="key"><i class="idle" />idle</span>
        <span class="key wide"><span class="loads sample" />each subtask: from idle to busy</span>
        <span class="zoom">
          <button type="button" aria-label="Smaller" onClick={() => step(-1)}>−</button>
          <button type="button" aria-label="Fit the graph" onClick={() => setZoom(null)}>fit</button>
          <button type="button" aria-label="Larger" onClick={() => step(1)}>+</button>
        </span>
      </div>
    </section>
  )
}

function Node({ job, v, load, ends, now, x, y, selected }: { job: string; v: PlanVertex; load: VertexLoad; ends: boolean; now: number; x: number; y: number; selected: boolean }) {
  const ref = useRef<HTMLAnchorElement>(null)
  useEffect(() => {
    if (selected) ref.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [selected])
  const behind = lag(load, now)
  const name = text(v.name)
  return (
    <a ref={ref} class={'node ' + load.status.toLowerCase()} href={`#/jobs/${job}${selected ? '' : '/vertex/' + v.id}`} data-vertex={v.id}
      aria-label={`${text(v.name, 120)}: ${plural(v.parallelism, 'subtask')}, ${state(load.status)}`} aria-current={selected ? 'true' : undefined}
      style={{ left: x + 'px', top: y + 'px', width: nodeWidth + 'px', height: nodeHeight + 'px', '--pressed': percentOf(load.backpressured), '--busy': percentOf(load.busy) }}>
      <span class="top"><bdi class="name" title={text(v.name, 2000)}>{name}</bdi><span class="par" title={plural(v.parallelism, 'subtask')}>×{v.parallelism}</span></span>
      <Shares of={load} />
      {load.status === 'RUNNING' || load.status === 'FINISHED' ? (
        <>
          <span class="row big"><b>{rate(inRate(load))}</b>{!ends && <><span class="arrow" aria-hidden="true">→</span><b>{rate(load['out-rate'])}</b></>}</span>
          <span class="row">
            <span><em>busy</em> {percent(load.busy)}</span>
            <span class={(load.backpressured ?? 0) > 0.1 ? 'warm' : ''}><em>bp</em> {percent(load.backpressured)}</span>
            <span>{load['pending-records'] ? <><em>left</em> {count(load['pending-records'])}</> : load['watermark-done'] ? <em>ended</em> : behind != null && behind < longAgo ? <><em>lag</em> {duration(behind)}</> : <em>{load.status === 'FINISHED' ? 'finished' : 'no lag'}</em>}</span>
          </span>
        </>
      ) : <span class="row big"><b>{state(load.status)}</b></span>}
      <Loads of={load.loads} hottest={load.hottest} busy={load['hottest-busy']} />
    </a>
  )
}

const percentOf = (share: number | null) => Math.round((share ?? 0) * 100) + '%'

// useDrag moves what is scrolled by the pointer.
function useDrag(ref: { current: HTMLDivElement | null }) {
  useEffect(() => {
    const box = ref.current!
    let from: { x: number; y: number; left: number; top: number } | null = null
    const down = (e: PointerEvent) => {
      if (e.pointerType !== 'mouse' || (e.target as Element).closest('.node')) return
      from = { x: e.clientX, y: e.clientY, left: box.scrollLeft, top: box.scrollTop }
      box.setPointerCapture(e.pointerId)
    }
    const move = (e: PointerEvent) => {
      if (from) box.scrollTo(from.left - e.clientX + from.x, from.top - e.clientY + from.y)
    }
    const up = () => { from = null }
    box.addEventListener('pointerdown', down)
    box.addEventListener('pointermove', move)
    box.addEventListener('pointerup', up)
    box.addEventListener('pointercancel', up)
    return () => {
      box.removeEventListener('pointerdown', down)
      box.removeEventListener('pointermove', move)
      box.removeEventListener('pointerup', up)
      box.removeEventListener('pointercancel', up)
    }
  }, [])
}
