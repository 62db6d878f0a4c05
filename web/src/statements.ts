// Statements of a text of SQL, and the result of a query as its changes make it.

// split cuts a text at the semicolons between statements: not at those in quotes and comments. BEGIN STATEMENT SET, and what is
// in it, are statements of their own.
export function split(text: string): string[] {
  const all: string[] = []
  let begin = 0
  let filled = false // there is more than comments and white space
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!
    const two = text.slice(i, i + 2)
    if (two === '--') {
      i = indexFrom(text, '\n', i) // the line's end
    } else if (two === '/*') {
      i = indexFrom(text, '*/', i + 2) + 1
    } else if (c === "'" || c === '"' || c === '`') {
      filled = true
      i = indexFrom(text, c, i + 1) // a doubled quote begins another text
    } else if (c === ';') {
      if (filled) all.push(text.slice(begin, i).trim())
      begin = i + 1
      filled = false
    } else if (c.trim()) {
      filled = true
    }
  }
  if (filled) all.push(text.slice(begin).trim())
  return all
}

function indexFrom(text: string, what: string, from: number) {
  const at = text.indexOf(what, from)
  return at < 0 ? text.length : at
}

export type Field = string | null
export interface Change { kind: 'INSERT' | 'UPDATE_BEFORE' | 'UPDATE_AFTER' | 'DELETE'; fields: Field[] }

// Table is the rows of a result as it is now. A row that is updated stays where it is, so that nothing jumps.
export class Table {
  rows: { id: number; fields: Field[] }[] = []
  changes = 0
  dropped = 0 // rows that were too many
  private places = new Map<string, number[]>() // of rows, counted with those that were dropped
  private holes: { at: number; id: number }[] = []
  private ids = 0

  constructor(private readonly most: number) {}

  apply(changes: Change[]) {
    const slots: ({ id: number; fields: Field[] } | null)[] = this.rows
    for (const c of changes) {
      this.changes++
      const key = JSON.stringify(c.fields)
      if (c.kind === 'UPDATE_BEFORE' || c.kind === 'DELETE') {
        const places = this.places.get(key)
        const at = places?.pop()
        if (!places?.length) this.places.delete(key)
        if (at === undefined || at < this.dropped) continue // it was too many
        this.holes.push({ at, id: slots[at - this.dropped]!.id })
        slots[at - this.dropped] = null
      } else {
        const hole = c.kind === 'UPDATE_AFTER' ? this.holes.pop() : undefined
        const at = hole?.at ?? this.dropped + slots.length
        slots[at - this.dropped] = { id: hole?.id ?? this.ids++, fields: c.fields }
        const places = this.places.get(key)
        if (places) places.push(at)
        else this.places.set(key, [at])
      }
    }
    if (!this.holes.length && slots.length <= this.most) return
    this.holes = []
    const left = slots.filter((r) => r !== null)
    const over = Math.max(0, left.length - this.most)
    this.dropped += over
    this.rows = left.slice(over)
    this.places.clear()
    this.rows.forEach((r, i) => {
      const key = JSON.stringify(r.fields)
      const places = this.places.get(key)
      if (places) places.push(this.dropped + i)
      else this.places.set(key, [this.dropped + i])
    })
  }
}
