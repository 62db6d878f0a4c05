// Light, dark, or as the system has it; remembered.
import { always } from './storage'

const key = 'flott-theme'
const all = ['system', 'light', 'dark'] as const

export type Theme = (typeof all)[number]

export function theme(): Theme {
  const t = always.get(key) as Theme
  return all.includes(t) ? t : 'system'
}

let shown: Theme = theme()

function apply(t: Theme) {
  shown = t
  if (t === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = t
  dispatchEvent(new Event('themechange'))
}

// nextTheme goes on to the next one, and gives it.
export function nextTheme(): Theme {
  const next = all[(all.indexOf(shown) + 1) % all.length]!
  always.set(key, next)
  apply(next)
  return next
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => dispatchEvent(new Event('themechange')))
apply(shown)
