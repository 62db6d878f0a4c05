import { useEffect, useRef } from 'preact/hooks'
import uPlot from 'uplot'
import { clockTime } from './format'
import type { Series } from './history'

export interface Line { name: string; label: string; colour: string; dash?: number[] }

// Chart is lines over time.
export function Chart({ series, lines, unit, max, label }: { series: Series; lines: Line[]; unit: (n: number) => string; max?: number; label: string }) {
  const box = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const data = () => [series.t.map((t) => t / 1000), ...lines.map((l) => series.values[l.name] ?? series.t.map(() => null))] as uPlot.AlignedData
  useEffect(() => {
    const at = box.current!
    const make = () => {
      plot.current?.destroy()
      const css = getComputedStyle(document.documentElement)
      const colour = (name: string) => css.getPropertyValue(name).trim()
      const probe = document.createElement('i') // light-dark() is resolved where it is used
      at.append(probe)
      const used = (name: string) => {
        probe.style.color = `var(${name})`
        return getComputedStyle(probe).color || colour(name)
      }
      const axis = { stroke: used('--dim'), grid: { stroke: used('--rule'), width: 1 }, ticks: { show: false }, font: `11px ${css.fontFamily || 'sans-serif'}` }
      plot.current = new uPlot({
        width: at.clientWidth, height: 132, legend: { show: false }, cursor: { show: false }, padding: [8, 28, 0, 0],
        scales: { y: { range: (_u, _lo, hi) => [0, max ?? Math.max(1, (hi ?? 1) * 1.1)] } },
        axes: [
          { ...axis, size: 24, space: 80, values: (_u, all) => all.map((t) => clockTime(t * 1000)) },
          { ...axis, size: 64, space: 30, values: (_u, all) => all.map(unit) },
        ],
        series: [{}, ...lines.map((l) => ({ label: l.label, stroke: used(l.colour), width: 1.5, dash: l.dash, points: { show: false } }))],
      }, data(), at)
      probe.remove()
    }
    make()
    const o = new ResizeObserver(() => plot.current?.setSize({ width: at.clientWidth, height: 132 }))
    o.observe(at)
    addEventListener('themechange', make)
    return () => {
      removeEventListener('themechange', make)
      o.disconnect()
      plot.current?.destroy()
      plot.current = null
    }
  }, [])
  useEffect(() => plot.current?.setData(data()))
  return (
    <figure class="chart">
      <figcaption>{label}{lines.map((l) => <span key={l.name} class="key"><i style={{ background: `var(${l.colour})` }} />{l.label}</span>)}</figcaption>
      <div ref={box} role="img" aria-label={label} />
    </figure>
  )
}
