// Small things that several pages show.
import type { ComponentChildren } from 'preact'
import { percent, state, text } from './format'
import type { Load } from './types'

// Name is a text of somebody's, as text, on one line.
export function Name({ of, most }: { of: string; most?: number }) {
  return <bdi class="name" title={text(of, 2000)}>{text(of, most)}</bdi>
}

// kinds of states, for their colours; shapes differ as well.
const kinds: Record<string, string> = {
  RUNNING: 'good', FINISHED: 'done', COMPLETED: 'done', CANCELED: 'off', SUSPENDED: 'off',
  FAILED: 'bad', FAILING: 'bad', RESTARTING: 'warn', CANCELLING: 'warn', CANCELING: 'warn',
}

export function State({ of }: { of: string }) {
  return <span class={'state ' + (kinds[of] ?? 'wait')}><i aria-hidden="true" />{state(of)}</span>
}

// Shares is how time is spent: busy, backpressured, idle.
export function Shares({ of }: { of: Pick<Load, 'busy' | 'backpressured' | 'idle'> }) {
  const b = of.busy ?? 0
  const p = of.backpressured ?? 0
  const words = of.busy == null ? 'not known yet' : `busy ${percent(b)}, backpressured ${percent(p)}, idle ${percent(of.idle)}`
  return (
    <span class="shares" role="img" aria-label={words} title={words}>
      <i class="busy" style={{ width: b * 100 + '%' }} /><i class="pressed" style={{ width: p * 100 + '%' }} />
    </span>
  )
}

// Loads is a cell for each subtask, the darker the busier.
export function Loads({ of, hottest, busy }: { of: string; hottest: number; busy: number }) {
  const n = of.length
  const cell = (i: number) => `${(i / n) * 100}% ${((i + 1) / n) * 100}%`
  const words = hottest < 0 ? 'the load of subtasks is not known yet' : `${n} subtasks; the busiest is ${hottest} with ${percent(busy)}`
  return (
    <span class="loads" role="img" aria-label={words} title={words} style={{
      background: `linear-gradient(90deg,${[...of].map((c, i) => `var(--load-${c === '-' ? 0 : c}) ${cell(i)}`).join(',')})`,
    }} />
  )
}

// Spark is a line over the last minutes. Points are the newest last; null is a gap.
export function Spark({ points, max, label }: { points: (number | null)[]; max?: number; label: string }) {
  const w = 120
  const h = 28
  const n = Math.max(30, Math.min(120, points.length)) // points of the whole width
  const top = max ?? Math.max(1e-9, ...points.map((p) => p ?? 0)) * 1.08
  let d = ''
  let on = false
  const start = n - Math.min(n, points.length)
  points.slice(-n).forEach((p, i) => {
    if (p == null) {
      on = false
      return
    }
    d += `${on ? 'L' : 'M'}${(((start + i) / (n - 1)) * w).toFixed(1)} ${(h - 1 - (Math.min(p, top) / top) * (h - 3)).toFixed(1)}`
    on = true
  })
  return (
    <svg class="spark" viewBox={`0 0 ${w} ${h}`} preserveAspectRatio="none" role="img" aria-label={label}>
      <path d={`M0 ${h - 0.5}H${w}`} class="base" />
      <path d={d} class="line" />
    </svg>
  )
}

// Facts are names with values.
export function Facts({ all }: { all: [string, ComponentChildren][] }) {
  return <dl class="facts">{all.map(([k, v]) => <div key={k}><dt>{k}</dt><dd>{v}</dd></div>)}</dl>
}

export function Empty({ children }: { children: ComponentChildren }) {
  return <p class="empty">{children}</p>
}
