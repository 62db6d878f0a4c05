// What is followed, as state of components.
import { useEffect, useState } from 'preact/hooks'
import { follow } from './api'

// The JobManager's clock is not the browser's: between events its time goes on by the browser's monotonic clock.
let offset = Date.now() - performance.now()

export const serverNow = () => performance.now() + offset

// The connection, as the last event stream has it.
export interface Connection { live: boolean; why: string }

let connection: Connection = { live: false, why: '' }
const watchers = new Set<(c: Connection) => void>()

function connected(live: boolean, why: string) {
  if (connection.live === live && connection.why === why) return
  connection = { live, why }
  for (const w of watchers) w(connection)
}

export function useConnection(): Connection {
  const [c, set] = useState(connection)
  useEffect(() => {
    watchers.add(set)
    set(connection)
    return () => { watchers.delete(set) }
  }, [])
  return c
}

export interface Live<T> { data: Partial<T>; now: number; gone: string }

const nothing = { data: {}, now: 0, gone: '' }

// useEvents has the last event of each kind of a path.
export function useEvents<T>(path: string): Live<T> {
  const [state, set] = useState<Live<T> & { path: string }>({ ...nothing, path })
  useEffect(() => {
    set({ ...nothing, path })
    return follow(path, {
      events(all) {
        const now = all[all.length - 1]!.now
        offset = now - performance.now()
        set((old) => ({ path, now, gone: '', data: { ...old.data, ...(Object.fromEntries(all.map((e) => [e.kind, e.data])) as Partial<T>) } }))
      },
      live: connected,
      gone(why) {
        connected(true, '')
        set((old) => ({ ...old, path, gone: why }))
      },
    })
  }, [path])
  return state.path === path ? state : { ...nothing }
}

// useTick draws a component again every second: for what only the time changes.
export function useTick(on = true) {
  const [, set] = useState(0)
  useEffect(() => {
    if (!on) return
    const t = setInterval(() => set((n) => n + 1), 1000)
    return () => clearInterval(t)
  }, [on])
}
