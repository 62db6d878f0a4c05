// What figures were, as long as a page has followed them.
import type { SubtaskLoad, VertexLoad } from './types'

const most = 600

// Series are points over time, the newest last. A null is a gap.
export interface Series { t: number[]; values: Record<string, (number | null)[]> }

export function newSeries(): Series {
  return { t: [], values: {} }
}

export function push(s: Series, now: number, values: Record<string, number | null>) {
  if (s.t.length && now <= s.t[s.t.length - 1]!) return
  s.t.push(now)
  for (const [name, v] of Object.entries(values)) {
    const all = (s.values[name] ??= new Array<number | null>(s.t.length - 1).fill(null))
    all.push(v)
    if (all.length > most) all.shift()
  }
  if (s.t.length > most) s.t.shift()
}

// JobHistory is that of a job and its vertices.
export interface JobHistory { job: Series; vertices: Map<string, Series> }

export const newHistory = (): JobHistory => ({ job: newSeries(), vertices: new Map() })

// In is the rate by which a vertex takes records, from others or as a source.
export const inRate = (v: VertexLoad | SubtaskLoad) => (v['in-rate'] == null ? null : v['in-rate'] + (v['read-rate'] ?? 0))

const sum = (all: (number | null)[]) => all.reduce((a, b) => (b == null ? a : (a ?? 0) + b), null)
const top = (all: (number | null)[]) => all.reduce((a, b) => (b == null ? a : Math.max(a ?? b, b)), null)

export const lag = (v: { watermark: number | null }, now: number) => (v.watermark == null ? null : Math.max(0, now - v.watermark))

// JobFigures are a job's in one number each.
export function jobFigures(all: VertexLoad[], now: number) {
  return {
    read: sum(all.map((v) => v['read-rate'])),
    busy: top(all.map((v) => v.busy)),
    pressed: top(all.map((v) => v.backpressured)),
    lag: top(all.map((v) => lag(v, now))),
  }
}

export function remember(h: JobHistory, all: VertexLoad[], now: number) {
  push(h.job, now, jobFigures(all, now))
  for (const v of all) {
    let s = h.vertices.get(v.id)
    if (!s) h.vertices.set(v.id, (s = newSeries()))
    push(s, now, { in: inRate(v), out: v['out-rate'], busy: v.busy, pressed: v.backpressured, lag: lag(v, now) })
  }
}
