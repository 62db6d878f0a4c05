// Light, dark, or as the system has it; remembered.
const key = 'flott-theme'
const all = ['system', 'light', 'dark'] as const

export type Theme = (typeof all)[number]

export function theme(): Theme {
  const t = localStorage.getItem(key) as Theme
  return all.includes(t) ? t : 'system'
}

function apply() {
  const t = theme()
  if (t === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = t
  dispatchEvent(new Event('themechange'))
}

// nextTheme goes on to the next one, and gives it.
export function nextTheme(): Theme {
  localStorage.setItem(key, all[(all.indexOf(theme()) + 1) % all.length]!)
  apply()
  return theme()
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => dispatchEvent(new Event('themechange')))
apply()
