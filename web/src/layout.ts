// Where vertices and edges are drawn.
import { Graph as Digraph, layout as arrange } from '@dagrejs/dagre'
import type { PlanVertex } from './types'

export const nodeWidth = 232
export const nodeHeight = 128
const rankGap = 56
const nodeGap = 20
const margin = 16
// bandGap is between two rows of ranks: edges go through it.
const bandGap = 44

export interface Placed { id: string; x: number; y: number }
export interface Edge { from: string; to: string; path: string; x: number; y: number; strategy: string; exchange: string }
export interface Layout { width: number; height: number; nodes: Placed[]; edges: Edge[]; scale: number }

interface Point { x: number; y: number }

// place lays a plan out for a box. Ranks go from left to right; a graph that is too long for that goes on in another row,
// as a text does. In a narrow box they go down.
export function place(plan: PlanVertex[], width: number, height: number): Layout {
  const narrow = width < 640
  const g = new Digraph()
  g.setGraph({ rankdir: narrow ? 'TB' : 'LR', ranksep: rankGap, nodesep: nodeGap, marginx: 0, marginy: 0 })
  g.setDefaultEdgeLabel(() => ({}))
  const known = new Set(plan.map((v) => v.id))
  for (const v of plan) g.setNode(v.id, { width: nodeWidth, height: nodeHeight })
  const pairs = new Map<string, { from: string; to: string; strategy: string; exchange: string }>()
  for (const v of plan) {
    for (const e of v.inputs) {
      if (!known.has(e.from)) continue
      const key = e.from + ' ' + v.id
      const had = pairs.get(key)
      if (had) {
        if (!had.strategy.split(', ').includes(e.ship_strategy)) had.strategy += ', ' + e.ship_strategy
        continue
      }
      pairs.set(key, { from: e.from, to: v.id, strategy: e.ship_strategy, exchange: e.exchange })
      if (e.from !== v.id) g.setEdge(e.from, v.id)
    }
  }
  arrange(g)
  const at = new Map(plan.map((v) => [v.id, g.node(v.id) as Point]))
  if (narrow) return finish(at, pairs, (e) => (e.from === e.to ? [] : (g.edge(e.from, e.to) as { points: Point[] }).points), true, width)

  const ranks = [...new Set([...at.values()].map((p) => Math.round(p.x)))].sort((a, b) => a - b)
  let best: Layout | undefined
  for (let rows = 1; rows <= Math.min(ranks.length, 8); rows++) {
    const l = wrap(at, pairs, g, ranks, Math.ceil(ranks.length / rows))
    l.scale = Math.min(1, width / l.width, height / l.height)
    if (!best || l.scale > best.scale + 0.04) best = l
  }
  return best ?? { width: 0, height: 0, nodes: [], edges: [], scale: 1 }
}

type Pairs = Map<string, { from: string; to: string; strategy: string; exchange: string }>

// wrap breaks the ranks into rows.
function wrap(at: Map<string, Point>, pairs: Pairs, g: Digraph, ranks: number[], perRow: number): Layout {
  const rowOf = (p: Point) => Math.floor(ranks.indexOf(Math.round(p.x)) / perRow)
  const rows = Math.ceil(ranks.length / perRow)
  const shift: Point[] = []
  const bottoms: number[] = []
  let y = 0
  for (let r = 0; r < rows; r++) {
    const own = [...at.values()].filter((p) => rowOf(p) === r)
    const top = Math.min(...own.map((p) => p.y)) - nodeHeight / 2
    shift.push({ x: -(ranks[r * perRow]! - nodeWidth / 2), y: y - top })
    y += Math.max(...own.map((p) => p.y)) + nodeHeight / 2 - top
    bottoms.push(y)
    y += bandGap
  }
  const moved = new Map<string, Point>()
  for (const [id, p] of at) moved.set(id, { x: p.x + shift[rowOf(p)]!.x, y: p.y + shift[rowOf(p)]!.y })
  const right = Math.max(...[...moved.values()].map((p) => p.x)) + nodeWidth / 2
  return finish(moved, pairs, (e) => {
    if (e.from === e.to) return []
    const [a, b] = [rowOf(at.get(e.from)!), rowOf(at.get(e.to)!)]
    if (a === b) return (g.edge(e.from, e.to) as { points: Point[] }).points.map((p) => ({ x: p.x + shift[a]!.x, y: p.y + shift[a]!.y }))
    const [p, q] = [moved.get(e.from)!, moved.get(e.to)!]
    const gutter = right + 18
    const between = (b > a ? bottoms[b - 1]! : bottoms[b]!) + bandGap / 2
    return [
      { x: p.x + nodeWidth / 2, y: p.y }, { x: gutter, y: p.y }, { x: gutter, y: between },
      { x: -18, y: between }, { x: -18, y: q.y }, { x: q.x - nodeWidth / 2, y: q.y },
    ]
  }, false, 0, rows > 1)
}

// finish moves all into the positive, and draws the edges.
function finish(at: Map<string, Point>, pairs: Pairs, points: (e: { from: string; to: string }) => Point[], down: boolean, width: number, wrapped = false): Layout {
  const side = wrapped ? 28 : margin
  const all = [...at.values()]
  const left = Math.min(...all.map((p) => p.x)) - nodeWidth / 2 - side
  const top = Math.min(...all.map((p) => p.y)) - nodeHeight / 2 - margin
  const w = Math.max(...all.map((p) => p.x)) + nodeWidth / 2 + side - left
  const h = Math.max(...all.map((p) => p.y)) + nodeHeight / 2 + margin - top
  const edges: Edge[] = []
  for (const e of pairs.values()) {
    let route = points(e).map((p) => ({ x: p.x - left, y: p.y - top }))
    if (route.length && !(wrapped && route.length === 6)) { // dagre cuts them off at any side of a vertex
      const [p, q] = [at.get(e.from)!, at.get(e.to)!]
      const [along, across] = down ? [0, nodeHeight / 2] : [nodeWidth / 2, 0]
      route[0] = { x: p.x - left + along, y: p.y - top + across }
      route[route.length - 1] = { x: q.x - left - along, y: q.y - top - across }
    }
    if (!route.length) { // a loop to itself
      const p = at.get(e.from)!
      const [x, y] = [p.x - left, p.y - top - nodeHeight / 2]
      route = [{ x: x + 40, y }, { x: x + 40, y: y - 12 }, { x: x - 40, y: y - 12 }, { x: x - 40, y }]
    }
    const bent = wrapped && route.length === 6 && route[0]!.x > route[5]!.x - nodeWidth
    const middle = route[Math.floor(route.length / 2)]!
    edges.push({ ...e, path: bent ? corners(route) : smooth(route, down), x: middle.x, y: middle.y })
  }
  return {
    width: w, height: h, edges, scale: down ? Math.min(1, Math.max(0.5, width / w)) : 1,
    nodes: [...at].map(([id, p]) => ({ id, x: p.x - left - nodeWidth / 2, y: p.y - top - nodeHeight / 2 })),
  }
}

const n = (x: number) => x.toFixed(1)

// smooth leaves and comes in along the direction of the ranks.
function smooth(all: Point[], down: boolean): string {
  let d = `M${n(all[0]!.x)} ${n(all[0]!.y)}`
  for (let i = 1; i < all.length; i++) {
    const [a, b] = [all[i - 1]!, all[i]!]
    const c = down ? [a.x, (a.y + b.y) / 2, b.x, (a.y + b.y) / 2] : [(a.x + b.x) / 2, a.y, (a.x + b.x) / 2, b.y]
    d += `C${c.map(n).join(' ')} ${n(b.x)} ${n(b.y)}`
  }
  return d
}

// corners goes straight, with round corners.
function corners(all: Point[]): string {
  let d = `M${n(all[0]!.x)} ${n(all[0]!.y)}`
  for (let i = 1; i < all.length - 1; i++) {
    const [a, b, c] = [all[i - 1]!, all[i]!, all[i + 1]!]
    const cut = (p: Point) => {
      const l = Math.hypot(p.x - b.x, p.y - b.y) || 1
      const r = Math.min(8, l / 2)
      return `${n(b.x + ((p.x - b.x) / l) * r)} ${n(b.y + ((p.y - b.y) / l) * r)}`
    }
    d += `L${cut(a)}Q${n(b.x)} ${n(b.y)} ${cut(c)}`
  }
  const end = all[all.length - 1]!
  return d + `L${n(end.x)} ${n(end.y)}`
}
