// A session of SQL, and the statements in it.
import { get, Refused, tell } from './api'
import { type Change, Table } from './statements'
import { tab } from './storage'

export interface Column { name: string; logicalType: { type: string } }

interface Page {
  resultType: 'NOT_READY' | 'PAYLOAD' | 'EOS'
  isQueryResult?: boolean
  jobID?: string
  resultKind?: string
  results?: { columns: Column[]; data: Change[] }
  nextResultUri?: string
}

// Outcome is what a statement has given so far.
export interface Outcome {
  statement: string
  state: 'running' | 'finished' | 'stopped' | 'failed'
  why: string
  query: boolean
  message: string // of a statement without rows
  job: string // that it has handed over to the cluster
  columns: Column[]
  table: Table
  began: number
  ended: number
}

// rowsMost is how many rows are kept.
const rowsMost = 10_000
const key = 'flott-sql-session'

// inSession does something in the tab's session, or in a new one if it has ended meanwhile.
async function inSession<T>(f: (path: string) => Promise<T>): Promise<T> {
  const kept = tab.get(key)
  if (kept) {
    try {
      return await f('sessions/' + kept)
    } catch (e) {
      if (!(e instanceof Refused) || e.status !== 404) throw e
    }
  }
  const { sessionHandle } = await tell<{ sessionHandle: string }>('POST', 'sessions', { sessionName: 'dashboard' })
  tab.set(key, sessionHandle)
  return f('sessions/' + sessionHandle)
}

// keepAlive keeps the session while the page is shown; it returns what stops that.
export function keepAlive(): () => void {
  const t = setInterval(() => {
    const kept = tab.get(key)
    if (kept) void tell('POST', `sessions/${kept}/heartbeat`).catch(() => {}) // the next statement begins another one
  }, 60_000)
  return () => clearInterval(t)
}

// execute runs a statement until it has ended or signal ends it, and shows what it has given after each page.
export async function execute(statement: string, signal: AbortSignal, show: (o: Outcome) => void): Promise<Outcome> {
  const o: Outcome = {
    statement, state: 'running', why: '', query: false, message: '', job: '', columns: [], table: new Table(rowsMost), began: Date.now(), ended: 0,
  }
  const end = (state: Outcome['state'], why = '') => {
    o.state = state
    o.why = why
    o.ended = Date.now()
    show({ ...o })
    return o
  }
  show({ ...o })
  let operation = ''
  try {
    operation = await inSession(async (path) => {
      const { operationHandle } = await tell<{ operationHandle: string }>('POST', path + '/statements', { statement })
      return `${path}/operations/${operationHandle}`
    })
    for (let token = 0; ;) {
      if (signal.aborted) return end('stopped')
      const page = await get<Page>(`${operation}/result/${token}?rowFormat=PLAIN_TEXT`)
      if (page.resultType === 'NOT_READY') continue
      token++
      o.query = page.isQueryResult ?? false
      o.columns = page.results?.columns ?? []
      if (page.resultKind === 'SUCCESS') o.message = page.results?.data[0]?.fields[0] ?? o.message
      else o.table.apply(page.results?.data ?? [])
      if (!o.query) o.job = page.jobID ?? ''
      if (page.resultType === 'EOS' || !o.query) return end('finished')
      show({ ...o })
    }
  } catch (e) {
    return end(signal.aborted ? 'stopped' : 'failed', (e as Error).message)
  } finally {
    if (operation) void tell('DELETE', operation + '/close').catch(() => {}) // it ends with its session
  }
}
