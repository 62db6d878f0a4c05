import { render } from 'preact'
import { useEffect, useLayoutEffect, useState } from 'preact/hooks'
import { hello, onSession, onTokenNeeded, type Session, signIn, signOut } from './api'
import { ClusterPage } from './cluster'
import { Dialog, Toasts } from './dialog'
import { JobPage } from './job'
import { useConnection } from './live'
import { ManagerPage } from './manager'
import { Name } from './parts'
import { SQLPage } from './sql'
import { TaskManagerPage } from './taskmanager'
import { nextTheme, theme } from './theme'

// route is what the URL names after its #: the page, and what it is about.
function route(): string[] {
  return location.hash.replace(/^#\/?/, '').split('/').map((part) => {
    try {
      return decodeURIComponent(part)
    } catch {
      return part
    }
  })
}

function App() {
  const [path, setPath] = useState(route)
  useLayoutEffect(() => { // before the page is drawn, as a link may be clicked as soon as it is seen
    const changed = () => setPath(route())
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  const [page, ...rest] = path
  return (
    <>
      <a class="skip" href="#main" onClick={(e) => { e.preventDefault(); document.getElementById('main')?.focus() }}>Skip to the content</a>
      <Top page={page ?? ''} />
      <main id="main" tabIndex={-1}>
        {page === 'jobs' && rest[0] ? <JobPage key={rest[0]} id={rest[0]} tab={rest[1] ?? ''} rest={rest.slice(2)} />
          : page === 'taskmanagers' && rest[0] ? <TaskManagerPage key={rest[0]} id={rest[0]} />
            : page === 'jobmanager' ? <ManagerPage tab={rest[0] ?? ''} />
              : page === 'sql' ? <SQLPage />
                : <ClusterPage />}
      </main>
      <TokenDialog />
      <Toasts />
    </>
  )
}

function Top({ page }: { page: string }) {
  const c = useConnection()
  const [shown, setShown] = useState(theme())
  return (
    <header class="top">
      <a class="brand" href="#/" aria-label="Flott: jobs and TaskManagers">
        <svg viewBox="0 0 16 16" width="18" height="18" aria-hidden="true">
          <path d="M2 4.5c3-3 5 2 8 0 1.5-1 2.5-1 4-.5M2 9c3-3 5 2 8 0 1.5-1 2.5-1 4-.5M2 13.5c3-3 5 2 8 0" fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" />
        </svg>
        <span>Flott</span>
      </a>
      <nav aria-label="Pages">
        <a href="#/" aria-current={page !== 'jobmanager' && page !== 'sql' ? 'page' : undefined}>Cluster</a>
        <a href="#/sql" aria-current={page === 'sql' ? 'page' : undefined}>SQL</a>
        <a href="#/jobmanager" aria-current={page === 'jobmanager' ? 'page' : undefined}>JobManager</a>
      </nav>
      <div class={c.live ? 'link live' : c.why ? 'link lost' : 'link'} role="status" title={c.why}>
        <i aria-hidden="true" />
        <span>{c.live ? 'live' : c.why ? 'reconnecting' : 'connecting'}</span>
      </div>
      <Who />
      <button class="quiet" type="button" aria-label={`Colours: ${shown}. Change`} title={`Colours: ${shown}`} onClick={() => setShown(nextTheme())}>
        <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
          <circle cx="8" cy="8" r="6.2" fill="none" stroke="currentColor" stroke-width="1.4" />
          {shown === 'dark' ? <circle cx="8" cy="8" r="6" fill="currentColor" /> : shown === 'light' ? null : <path d="M8 2a6 6 0 0 1 0 12z" fill="currentColor" />}
        </svg>
      </button>
    </header>
  )
}

// Who is who the page is for, where that is asked.
function Who() {
  const [who, setWho] = useState<Session | null>(null)
  useEffect(() => {
    onSession(setWho)
    hello()
  }, [])
  if (!who?.csrf) return null
  return (
    <>
      <span class="who" title={`role ${who.role}`}><Name of={who.name} most={40} /></span>
      <button class="quiet" type="button" onClick={() => void signOut()}>Sign out</button>
    </>
  )
}

// TokenDialog asks for the token when one is needed.
function TokenDialog() {
  const [open, setOpen] = useState(false)
  const [why, setWhy] = useState('')
  useEffect(() => onTokenNeeded((w) => {
    setWhy(w)
    setOpen(true)
  }), [])
  if (!open) return null
  return (
    <Dialog title="This JobManager needs a token" stay onClose={() => {}}>
      <form method="dialog" onSubmit={(e) => {
        e.preventDefault()
        const t = new FormData(e.currentTarget).get('token') as string
        setOpen(false)
        void signIn(t.trim()).catch((e: Error) => { setWhy(e.message); setOpen(true) })
      }}>
        <label>
          Token
          <input name="token" type="password" autocomplete="off" required autofocus aria-describedby="token-note" />
        </label>
        <p id="token-note" class={why ? 'bad' : 'note'} role={why ? 'alert' : undefined}>
          {why || 'Yours, or the one that the JobManager was started with, in FLOTT_TOKEN. It begins a session of this browser, and is not kept.'}
        </p>
        <div class="buttons"><button class="primary" type="submit">Sign in</button></div>
      </form>
    </Dialog>
  )
}

render(<App />, document.getElementById('app')!)
