// How numbers and texts of strangers look.

const none = '–'

// three writes a number with three digits, and a prefix for thousands.
function three(n: number, prefixes: string[], unit: string): string {
  let i = 0
  while (Math.abs(n) >= 999.5 && i < prefixes.length - 1) {
    n /= 1000
    i++
  }
  const digits = i === 0 && Number.isInteger(n) ? 0 : Math.abs(n) >= 99.95 ? 0 : Math.abs(n) >= 9.995 ? 1 : 2
  const suffix = prefixes[i]! + unit
  return n.toFixed(digits) + (suffix && '\u202f' + suffix)
}

const prefixes = ['', 'k', 'M', 'G', 'T', 'P']

export const count = (n: number | null | undefined) => (n == null ? none : three(n, prefixes, ''))
export const bytes = (n: number | null | undefined) => (n == null ? none : three(n, prefixes, 'B'))
export const byteRate = (n: number | null | undefined) => (n == null ? none : three(n, prefixes, 'B/s'))
export const percent = (share: number | null | undefined) => (share == null ? none : Math.round(share * 100) + '\u202f%')
export const exact = (n: number) => n.toLocaleString('en-US')

// rate is records per second.
export function rate(n: number | null | undefined): string {
  if (n == null) return none
  return n >= 99.95 || n === 0 ? three(Math.round(n), prefixes, '/s') : three(n, prefixes, '/s')
}

// duration is of milliseconds, in at most two units.
export function duration(ms: number | null | undefined): string {
  if (ms == null || ms < 0) return none
  if (ms < 1000) return `${Math.round(ms)}\u202fms`
  if (ms < 9950) return `${(ms / 1000).toFixed(1)}\u202fs`
  const s = Math.round(ms / 1000)
  if (s < 60) return `${s}\u202fs`
  const two = (a: number, b: number, big: string, small: string) => `${a}\u202f${big} ${String(b).padStart(2, '0')}\u202f${small}`
  if (s < 3600) return two(Math.floor(s / 60), s % 60, 'm', 's')
  const m = Math.floor(s / 60)
  if (m < 24 * 60) return two(Math.floor(m / 60), m % 60, 'h', 'm')
  const h = Math.floor(m / 60)
  return two(Math.floor(h / 24), h % 24, 'd', 'h')
}

// longAgo is how far a watermark may lie back and still be that of a job that keeps up with the clock.
export const longAgo = 365 * 24 * 3600_000

const date = new Intl.DateTimeFormat('en-CA', { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })
const clock = new Intl.DateTimeFormat('en-CA', { hour: '2-digit', minute: '2-digit', second: '2-digit', hourCycle: 'h23' })

// at is a time in the browser's zone.
export const at = (ms: number) => (ms <= 0 ? none : date.format(ms).replace(',', ''))
export const clockTime = (ms: number) => clock.format(ms)

// text shows what cannot be seen, and what would turn the text around: control characters, and those of direction.
export function text(s: string, most = 400): string {
  const all = s.length > most ? s.slice(0, most) + '…' : s
  return all.replace(/[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g, (c) => {
    const n = c.charCodeAt(0)
    return n < 32 ? String.fromCharCode(0x2400 + n) : n === 127 ? '\u2421' : '\ufffd'
  })
}

// lines is the same for texts of several lines.
export const lines = (s: string, most = 100_000) => s.slice(0, most).split(/\r?\n/).map((l) => text(l.replaceAll('\t', '    '), most)).join('\n')

// state is a state of a job or task in words.
export const state = (s: string) => s.toLowerCase().replaceAll('_', ' ')

export const plural = (n: number, one: string) => `${exact(n)} ${one}${n === 1 ? '' : 's'}`
