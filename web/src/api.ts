// All that is asked of the JobManager goes through here: the only place that knows of sessions. The token that begins one is not kept:
// the browser has the session's id in a cookie that no script can read, and this page a value that changes have to show besides.

export interface Session { name: string; role: string; csrf?: string; ends?: number }

let session: Promise<Session> | null = null // of the browser, once it was asked for
let begun = 0 // sessions, by this page
let signing = false
let waiting: (() => void)[] = []
let ask: (why: string) => void = () => {}
let drawn: (s: Session | null) => void = () => {}

// onTokenNeeded is told when a token is needed, and why the last one was not taken.
export function onTokenNeeded(f: (why: string) => void) {
  ask = f
}

// onSession is told who the page is for.
export function onSession(f: (s: Session | null) => void) {
  drawn = f
}

// signIn begins a session by the user's token.
export async function signIn(token: string) {
  signing = true
  try {
    const response = await fetch('flott/session', { method: 'POST', body: JSON.stringify({ token }), cache: 'no-store' })
    if (!response.ok) {
      ask(response.status === 401 ? 'That is not the token.' : await whyOf(response))
      return
    }
    session = response.json() as Promise<Session>
    begun++
    drawn(await session)
  } finally {
    signing = false
  }
  for (const go of waiting.splice(0)) go()
}

// signOut ends the session, in all tabs.
export async function signOut() {
  await tell('DELETE', 'flott/session')
  session = null
  location.reload()
}

// current is who the page is for.
async function current(): Promise<Session> {
  session ??= send('flott/session').then((r) => r.json() as Promise<Session>)
  try {
    const s = await session
    drawn(s)
    return s
  } catch (e) {
    session = null
    throw e
  }
}

// hello asks who the page is for.
export const hello = () => void current().catch(() => {}) // whatever else is asked will say why

// Refused is an answer other than a success.
export class Refused extends Error {
  constructor(readonly status: number, text: string) {
    super(text)
  }
}

// send asks until it need not ask for a token any more. Paths are relative: a proxy may serve the page below any path.
async function send(path: string, init: RequestInit = {}): Promise<Response> {
  for (let refused = 0; ;) {
    const before = begun
    const headers = new Headers(init.headers)
    if (init.method && init.method !== 'GET') headers.set('Flott-CSRF', (await current()).csrf ?? '')
    const response = await fetch(path, { ...init, headers, redirect: 'manual', cache: 'no-store' })
    if (response.type === 'opaqueredirect') { // to another JobManager, which leads now
      location.reload()
      throw new Refused(307, 'Another JobManager leads.')
    }
    if (response.status !== 401) return response
    await response.body?.cancel()
    if (begun !== before) continue // a session began while this was on its way
    session = null
    if (!signing) ask(refused++ > 0 ? 'The token was taken, but the browser does not keep the session: it must take cookies from here.' : '')
    await new Promise<void>((go) => waiting.push(go))
    init.signal?.throwIfAborted()
  }
}

async function whyOf(response: Response): Promise<string> {
  const text = await response.text()
  try {
    return (JSON.parse(text) as { errors: string[] }).errors.join(' ')
  } catch {
    return text || response.statusText // of a proxy
  }
}

async function checked(path: string, init?: RequestInit): Promise<Response> {
  const response = await send(path, init)
  if (response.ok) return response
  throw new Refused(response.status, await whyOf(response))
}

// get asks for JSON.
export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await checked(path, signal && { signal })).json() as Promise<T>
}

// blob asks for bytes.
export async function blob(path: string): Promise<Blob> {
  return (await checked(path)).blob()
}

// tell has something done.
export async function tell<T>(method: string, path: string, body?: unknown): Promise<T> {
  return (await checked(path, { method, body: body === undefined ? null : JSON.stringify(body) })).json() as Promise<T>
}

// tail is the end of a file of text, and how long it is.
export async function tail(path: string, bytes: number): Promise<{ text: string; size: number }> {
  const response = await send(path, { headers: { Range: `bytes=-${bytes}` } })
  if (response.status === 416) return { text: '', size: 0 } // it is empty
  if (!response.ok) throw new Refused(response.status, (await response.text()).slice(0, 1000))
  const text = await response.text()
  const size = Number(response.headers.get('Content-Range')?.split('/')[1] ?? text.length)
  return { text: size > bytes ? text.slice(text.indexOf('\n') + 1) : text, size }
}

// operation waits for the end of what was begun with an answer that has a request-id, and gives where its result is.
export async function operation(path: string, id: string): Promise<string> {
  for (;;) {
    const r = await get<{
      status: { id: string }
      operation?: { location?: string; 'failure-cause'?: { 'stack-trace': string } }
    }>(`${path}/${id}`)
    if (r.status.id === 'COMPLETED') {
      const cause = r.operation?.['failure-cause']
      if (cause) throw new Error(cause['stack-trace'])
      return r.operation?.location ?? ''
    }
    await sleep(300)
  }
}

function sleep(ms: number, signal?: AbortSignal) {
  return new Promise<void>((done) => {
    const t = setTimeout(done, ms)
    signal?.addEventListener('abort', () => {
      clearTimeout(t)
      done()
    }, { once: true })
  })
}

// Event is one of the JobManager's. now is its clock.
export interface Event { kind: string; data: unknown; now: number }

export interface Follower {
  events(all: Event[]): void
  // live says whether events come; why not, if they do not.
  live(yes: boolean, why: string): void
  // gone says that what was followed is not there any more.
  gone(why: string): void
}

// silence is after how many milliseconds without a sign of life a connection is given up: the JobManager gives one
// every 15 s.
const silence = 40_000

// follow reads events until it is stopped by what it returns. It reads again when the JobManager was away, and none
// while nobody sees the page: browsers have few connections for all their tabs.
export function follow(path: string, to: Follower): () => void {
  const stopped = new AbortController()
  void (async () => {
    let failures = 0
    while (!stopped.signal.aborted) {
      await visible(stopped.signal)
      const round = new AbortController()
      const end = () => round.abort()
      stopped.signal.addEventListener('abort', end)
      const hide = whenHidden(end)
      try {
        const response = await send(path, { signal: round.signal })
        if (response.status === 404) {
          to.gone(((await response.json()) as { errors: string[] }).errors.join(' '))
          return
        }
        if (!response.ok || !response.body) throw new Error(response.status === 503 ? 'No JobManager leads at the moment.' : `Status ${response.status}.`)
        if (await read(response.body, round, to, () => { failures = 0 })) return
        throw new Error('The JobManager has ended the connection.')
      } catch (e) {
        if (stopped.signal.aborted) return
        if (document.visibilityState === 'visible') to.live(false, e instanceof TypeError ? 'The JobManager does not answer.' : String((e as Error).message))
      } finally {
        stopped.signal.removeEventListener('abort', end)
        hide()
      }
      await sleep(Math.min(5000, 250 * 2 ** failures++), stopped.signal)
    }
  })()
  return () => stopped.abort()
}

// read passes events on until the stream ends, and reports whether nothing more can come.
async function read(body: ReadableStream<Uint8Array>, round: AbortController, to: Follower, came: () => void): Promise<boolean> {
  const reader = body.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader()
  let rest = ''
  for (;;) {
    const watch = setTimeout(() => round.abort(), silence)
    const { done, value } = await reader.read().finally(() => clearTimeout(watch))
    if (done) return false
    came()
    to.live(true, '')
    const blocks = (rest + value).split('\n\n')
    rest = blocks.pop() ?? ''
    const all: Event[] = []
    for (const block of blocks) {
      const field: Record<string, string> = {}
      for (const line of block.split('\n')) {
        const at = line.indexOf(': ')
        if (at > 0) field[line.slice(0, at)] = line.slice(at + 2)
      }
      if (!field.event || !field.data) continue
      const data = JSON.parse(field.data) as unknown
      if (field.event === 'gone') {
        to.gone((data as { errors: string[] }).errors.join(' '))
        return true
      }
      all.push({ kind: field.event, data, now: Number(field.id) })
    }
    if (all.length) to.events(all)
  }
}

function visible(signal: AbortSignal) {
  if (document.visibilityState === 'visible') return Promise.resolve()
  return new Promise<void>((go) => {
    document.addEventListener('visibilitychange', () => go(), { once: true, signal })
    signal.addEventListener('abort', () => go(), { once: true })
  })
}

// hiddenMillis is how long events are read of a page that nobody sees.
const hiddenMillis = 30_000

function whenHidden(end: () => void): () => void {
  let t: ReturnType<typeof setTimeout> | undefined
  const look = () => {
    clearTimeout(t)
    if (document.visibilityState === 'hidden') t = setTimeout(end, hiddenMillis)
  }
  document.addEventListener('visibilitychange', look)
  return () => {
    clearTimeout(t)
    document.removeEventListener('visibilitychange', look)
  }
}
