import { at, duration, lines, plural, text } from './format'
import { serverNow, useTick } from './live'
import { Empty } from './parts'
import type { Exceptions, Failure } from './types'

// ExceptionsTab is what has failed, the newest first.
export function ExceptionsTab({ data }: { data: Exceptions }) {
  useTick()
  if (!data.entries.length) return <Empty>Nothing has failed.</Empty>
  return (
    <section class="exceptions">
      <h2 class="hidden">Exceptions</h2>
      {data.entries.map((e, i) => (
        <article key={e.timestamp + ':' + i}>
          <One of={e} open={i === 0} />
          {e.concurrentExceptions.length > 0 && (
            <details class="later"><summary>{plural(e.concurrentExceptions.length, 'other')} while its tasks were being cancelled</summary>
              {e.concurrentExceptions.map((c, k) => <One key={k} of={c} />)}
            </details>
          )}
        </article>
      ))}
      {data.truncated && <p class="note">There were more; the JobManager remembers the last ones.</p>}
    </section>
  )
}

function One({ of, open }: { of: Failure; open?: boolean }) {
  const all = lines(of.stacktrace)
  const [first, ...rest] = all.split('\n')
  return (
    <details class="exception" open={open}>
      <summary>
        <span class="when"><time>{at(of.timestamp)}</time> <span class="note">{duration(serverNow() - of.timestamp)} ago</span></span>
        <b>{text(of.exceptionName)}</b>
        <span class="first">{text(first!, 300)}</span>
      </summary>
      <p class="where">
        {of.taskName && <span>task <bdi>{text(of.taskName)}</bdi></span>}
        {of.taskManagerId && <span>on <a href={'#/taskmanagers/' + encodeURIComponent(of.taskManagerId)}>{text(of.taskManagerId, 80)}</a></span>}
        {of.endpoint && <span class="mono">{text(of.endpoint, 80)}</span>}
      </p>
      {(rest.length > 0 || first!.length > 80) && <pre tabIndex={0} aria-label="The whole text">{all}</pre>}
    </details>
  )
}
