import { useState } from 'preact/hooks'
import { operation, tell } from './api'
import { Dialog, toast } from './dialog'
import { plural, text } from './format'
import { Name } from './parts'
import type { Job, PlanVertex, Scaling } from './types'

type Kind = 'savepoint' | 'rescale' | 'stop' | 'cancel'

const over = ['FINISHED', 'CANCELED', 'FAILED']

// Actions are what can be done with a job. Each is asked about first.
export function Actions({ job, plan, scaling }: { job: Job; plan: PlanVertex[]; scaling: Scaling }) {
  const [open, setOpen] = useState<Kind | null>(null)
  if (over.includes(job.state)) return null
  const close = () => setOpen(null)
  const batch = job['job-type'] === 'BATCH'
  return (
    <div class="actions">
      {!batch && <button type="button" onClick={() => setOpen('savepoint')}>Savepoint…</button>}
      <button type="button" onClick={() => setOpen('rescale')}>Rescale…</button>
      {!batch && <button type="button" onClick={() => setOpen('stop')}>Stop…</button>}
      <button class="danger" type="button" onClick={() => setOpen('cancel')}>Cancel…</button>
      {open === 'savepoint' && <SavepointDialog job={job} onClose={close} />}
      {open === 'stop' && <SavepointDialog job={job} stop onClose={close} />}
      {open === 'rescale' && <RescaleDialog job={job} plan={plan} scaling={scaling} onClose={close} />}
      {open === 'cancel' && <CancelDialog job={job} onClose={close} />}
    </div>
  )
}

// run does something, and shows how far it is.
async function run(title: string, done: string, f: () => Promise<string>) {
  const set = toast({ kind: 'busy', title })
  try {
    set({ kind: 'done', title: done, detail: await f() })
  } catch (e) {
    set({ kind: 'bad', title: title.replace(/…$/, '') + ': it has failed', detail: (e as Error).message })
  }
}

function SavepointDialog({ job, stop, onClose }: { job: Job; stop?: boolean; onClose: () => void }) {
  const path = `jobs/${job.jid}/`
  const begin = (data: FormData) => {
    const directory = (data.get('directory') as string).trim() || null
    const formatType = data.get('format') as string
    onClose()
    void run(stop ? 'Stopping with a savepoint…' : 'Taking a savepoint…', stop ? 'Stopped with a savepoint' : 'The savepoint is complete', async () => {
      const t = stop
        ? await tell<{ 'request-id': string }>('POST', path + 'stop', { targetDirectory: directory, drain: data.has('drain'), formatType })
        : await tell<{ 'request-id': string }>('POST', path + 'savepoints', { 'target-directory': directory, formatType })
      return operation(path + 'savepoints', t['request-id'])
    })
  }
  return (
    <Dialog title={stop ? 'Stop the job with a savepoint?' : 'Take a savepoint?'} onClose={onClose}>
      <form onSubmit={(e) => {
        e.preventDefault()
        begin(new FormData(e.currentTarget))
      }}>
        <p>{stop ? 'The job takes a savepoint, commits what it has written, and ends: ' : 'The job goes on meanwhile: '}<Name of={job.name} most={100} /></p>
        <label>Directory<input name="directory" placeholder="the job's own" autocomplete="off" spellcheck={false} /></label>
        <label>Format<select name="format"><option value="CANONICAL">canonical: for any backend</option><option value="NATIVE">native: faster</option></select></label>
        {stop && <label class="check"><input type="checkbox" name="drain" />Drain: close all windows first. The job cannot go on from the savepoint as if nothing had been.</label>}
        <Buttons yes={stop ? 'Stop the job' : 'Take the savepoint'} danger={stop} onClose={onClose} />
      </form>
    </Dialog>
  )
}

function CancelDialog({ job, onClose }: { job: Job; onClose: () => void }) {
  return (
    <Dialog title="Cancel the job?" onClose={onClose}>
      <form onSubmit={(e) => {
        e.preventDefault()
        onClose()
        void run('Cancelling…', 'The job is being cancelled', async () => {
          await tell('PATCH', `jobs/${job.jid}?mode=cancel`)
          return ''
        })
      }}>
        <p>It ends at once, without a savepoint: <Name of={job.name} most={100} /></p>
        <Buttons yes="Cancel the job" danger onClose={onClose} />
      </form>
    </Dialog>
  )
}

function RescaleDialog({ job, plan, scaling, onClose }: { job: Job; plan: PlanVertex[]; scaling: Scaling; onClose: () => void }) {
  // What the user writes stays, whatever comes meanwhile.
  const usual = Math.max(...scaling.vertices.map((v) => v.upperBound), 1)
  const most = Math.min(...plan.map((v) => v.maxParallelism).filter((n) => n > 0), 32768)
  return (
    <Dialog title="Rescale the job?" onClose={onClose}>
      <form onSubmit={(e) => {
        e.preventDefault()
        const data = new FormData(e.currentTarget)
        const parallelism = Number(data.get('parallelism'))
        const name = data.get('vertex') as string
        onClose()
        void run('Rescaling…', 'The job is being rescaled', async () => {
          const s = await tell<Scaling>('PUT', `flott/jobs/${job.jid}/parallelism`, name ? { vertices: { [name]: parallelism } } : { parallelism })
          return s.refused ?? s.waits ?? ''
        })
      }}>
        <p>The job takes a checkpoint, stops, and goes on from it with another number of subtasks, as soon as it has the slots.</p>
        <label>Vertices<select name="vertex">
          <option value="">all that have no parallelism of their own</option>
          {scaling.vertices.map((v) => <option key={v.id} value={v.name}>{`${text(v.name, 60)}, now ${plural(v.parallelism, 'subtask')}`}</option>)}
        </select></label>
        <label>Parallelism<input name="parallelism" type="number" min={1} max={most} defaultValue={String(usual)} required /></label>
        <Buttons yes="Rescale the job" onClose={onClose} />
      </form>
    </Dialog>
  )
}

function Buttons({ yes, danger, onClose }: { yes: string; danger?: boolean; onClose: () => void }) {
  return (
    <div class="buttons">
      <button type="button" onClick={onClose}>Keep as it is</button>
      <button class={danger ? 'danger full' : 'primary'} type="submit">{yes}</button>
    </div>
  )
}
