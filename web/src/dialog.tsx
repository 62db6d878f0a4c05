import type { ComponentChildren } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { text } from './format'

// Dialog is modal: the browser keeps the focus in it, and gives it back. With stay it cannot be left.
export function Dialog({ title, stay, wide, onClose, children }: { title: string; stay?: boolean; wide?: boolean; onClose: () => void; children: ComponentChildren }) {
  const ref = useRef<HTMLDialogElement>(null)
  useLayoutEffect(() => {
    const own = ref.current!
    own.showModal()
    return () => own.close() // gives the focus back
  }, [])
  return (
    <dialog ref={ref} class={wide ? 'wide' : undefined} aria-labelledby="dialog-title" onCancel={(e) => { e.preventDefault(); if (!stay) onClose() }}
      onClick={(e) => { if (!stay && e.target === ref.current) onClose() }}>
      <div class="dialog">
        <h2 id="dialog-title">{title}</h2>
        {children}
      </div>
    </dialog>
  )
}

export interface Toast { id: number; kind: 'busy' | 'done' | 'bad'; title: string; detail?: string }

let toasts: Toast[] = []
let last = 0
let drawn: (all: Toast[]) => void = () => {}

// toast shows what has become of something, until it is dismissed, and gives how to change what it says.
export function toast(t: Omit<Toast, 'id'>) {
  const id = ++last
  const set = (next: Omit<Toast, 'id'>) => {
    toasts = toasts.some((o) => o.id === id) ? toasts.map((o) => (o.id === id ? { ...next, id } : o)) : [...toasts, { ...next, id }]
    drawn(toasts)
  }
  set(t)
  return set
}

export function Toasts() {
  const [all, set] = useState(toasts)
  useLayoutEffect(() => { drawn = set }, [])
  return (
    <div class="toasts" role="status" aria-label="Messages">
      {all.map((t) => (
        <div key={t.id} class={'toast ' + t.kind}>
          <div><b>{t.title}</b>{t.detail && <p class="mono">{text(t.detail, 2000)}</p>}</div>
          <button class="quiet" type="button" aria-label={`Dismiss: ${t.title}`} onClick={() => { toasts = toasts.filter((o) => o.id !== t.id); set(toasts) }}>×</button>
        </div>
      ))}
    </div>
  )
}
