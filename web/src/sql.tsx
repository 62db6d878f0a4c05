import { useEffect, useRef, useState } from 'preact/hooks'
import { duration, exact, lines, plural, text } from './format'
import { Empty } from './parts'
import { execute, keepAlive, type Outcome } from './sqlsession'
import { split } from './statements'
import { tab } from './storage'

const key = 'flott-sql-text'

const example = `-- Ctrl+Enter runs the statement at the cursor, or those that are selected.
CREATE TABLE IF NOT EXISTS orders (id BIGINT, product INT, amount DOUBLE) WITH (
  'connector' = 'datagen', 'rows-per-second' = '50', 'fields.product.min' = '1', 'fields.product.max' = '8',
  'fields.amount.min' = '1', 'fields.amount.max' = '100');

SELECT product, COUNT(*) AS orders, ROUND(SUM(amount), 2) AS amount FROM orders GROUP BY product;
`

// shownMost is how many rows are shown; the newest of those that are kept.
const shownMost = 500

// SQLPage runs statements, and shows their results as they change.
export function SQLPage() {
  const [outcomes, setOutcomes] = useState<Outcome[]>([])
  const stop = useRef<AbortController | null>(null)
  const box = useRef<HTMLTextAreaElement>(null)
  const busy = outcomes.some((o) => o.state === 'running')
  document.title = 'SQL · Flott'
  useEffect(() => {
    const rest = keepAlive()
    return () => {
      rest()
      stop.current?.abort()
    }
  }, [])
  const run = async (statements: string[]) => {
    stop.current?.abort()
    const mine = stop.current = new AbortController()
    const done: Outcome[] = []
    setOutcomes([])
    for (const s of statements) {
      const o = await execute(s, mine.signal, (o) => { if (stop.current === mine) setOutcomes([...done, o]) })
      if (o.state !== 'finished') return
      done.push({ ...o })
    }
  }
  const chosen = () => {
    const area = box.current!
    const { value, selectionStart: from, selectionEnd: to } = area
    return from < to ? split(value.slice(from, to)) : at(value, from)
  }
  const save = () => tab.set(key, box.current!.value)
  return (
    <div class="page sql">
      <h1 class="hidden">SQL</h1>
      <section class="editor">
        <label class="hidden" for="sql-text">SQL statements</label>
        <textarea id="sql-text" ref={box} class="mono" rows={10} spellcheck={false} autocapitalize="off" autocomplete="off"
          defaultValue={tab.get(key) || example} onInput={save} onKeyDown={(e) => {
            if (e.key === 'Enter' && (e.ctrlKey || e.metaKey)) {
              e.preventDefault()
              void run(chosen())
            }
          }} />
        <div class="bar">
          <button class="primary" type="button" onClick={() => void run(split(box.current!.value))}>Run all</button>
          <button type="button" onClick={() => void run(chosen())} title="Ctrl+Enter">Run at cursor</button>
          <button type="button" disabled={!busy} onClick={() => stop.current?.abort()}>Stop</button>
          <span class="note">Queries run beside the JobManager; INSERT runs on the cluster.</span>
        </div>
      </section>
      {outcomes.length === 0 && <Empty>Results are shown here, and change as the query goes on.</Empty>}
      {outcomes.map((o, i) => <Result key={i} of={o} last={i === outcomes.length - 1} />)}
    </div>
  )
}

// at is the statement that a place of a text is in, or behind.
function at(text: string, place: number): string[] {
  const before = split(text.slice(0, place) + 'x').length // x: also behind a semicolon there is one
  const all = split(text)
  const one = all[Math.min(before, all.length) - 1]
  return one === undefined ? [] : [one]
}

function Result({ of: o, last }: { of: Outcome; last: boolean }) {
  const took = duration((o.ended || Date.now()) - o.began)
  const first = text(o.statement.split('\n').find((l) => l.trim() && !l.trim().startsWith('--')) ?? o.statement, 90)
  if (o.state === 'failed') {
    return (
      <section class="result">
        <h2><code>{first}</code></h2>
        <pre class="notice bad" role="alert">{lines(o.why, 5000)}</pre>
      </section>
    )
  }
  const rows = o.table.rows
  const say = o.job ? <>Handed over to the cluster: <a href={'#/jobs/' + o.job}>job {o.job.slice(0, 8)}</a></>
    : o.message ? text(o.message)
      : `${plural(rows.length + o.table.dropped, 'row')}${o.query && o.table.changes > rows.length + o.table.dropped ? ` of ${plural(o.table.changes, 'change')}` : ''}`
  return (
    <section class="result" aria-busy={o.state === 'running'}>
      <h2><code>{first}</code></h2>
      <p class="note" role="status">
        <span class={o.state === 'running' ? 'link live' : 'link'}>{o.state === 'running' && <i aria-hidden="true" />}<span>
          {o.state === 'running' ? 'running' : o.state} · {say} · {took}
        </span></span>
      </p>
      {last && o.columns.length > 0 && !o.message && !o.job && <Rows of={o} />}
    </section>
  )
}

const numbers = ['TINYINT', 'SMALLINT', 'INTEGER', 'BIGINT', 'DECIMAL', 'FLOAT', 'DOUBLE']

function Rows({ of: o }: { of: Outcome }) {
  const shown = o.table.rows.slice(-shownMost)
  const right = o.columns.map((c) => (numbers.includes(c.logicalType.type) ? 'r' : undefined))
  if (!shown.length) return <Empty>{o.state === 'running' ? 'No row has come yet.' : 'There are no rows.'}</Empty>
  const block = o.columns.length === 1 && shown.length === 1 && (shown[0]!.fields[0] ?? '').includes('\n') // of EXPLAIN, and SHOW CREATE
  if (block) return <pre class="log">{lines(shown[0]!.fields[0]!)}</pre>
  return (
    <>
      <div class="scroll rows"><table class="rows">
        <thead><tr>{o.columns.map((c, i) => <th key={i} class={right[i]} title={c.logicalType.type.toLowerCase().replaceAll('_', ' ')}>{text(c.name, 80)}</th>)}</tr></thead>
        <tbody>{shown.map((r) => (
          <tr key={r.id}>{r.fields.map((f, i) => <td key={i} class={right[i]} title={f && f.length > 40 ? text(f, 2000) : undefined}>
            {f === null ? <span class="note">NULL</span> : text(f, 300)}
          </td>)}</tr>
        ))}</tbody>
      </table></div>
      {o.table.rows.length + o.table.dropped > shown.length && <p class="note">The last {exact(shown.length)} rows are shown.</p>}
    </>
  )
}
