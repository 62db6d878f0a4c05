// What the JobManager sends: see internal/restapi.

export interface TaskManager { id: string; host: string; pid?: number; version?: string; memory: number; slots: string[] }

export interface Cluster {
  version: string
  commit?: string
  'slots-total': number
  'slots-available': number
  taskmanagers: TaskManager[]
}

export interface Job {
  jid: string
  name: string
  state: string
  'job-type'?: string
  'start-time': number
  'end-time': number
  'last-modification': number
  'waiting-reason'?: string
  cause?: string
  restarts: number
  tasks: Record<string, number>
}

export interface PlanVertex {
  id: string
  name: string
  parallelism: number
  maxParallelism: number
  source: boolean
  sink: boolean
  operators: { name: string; kind: string }[]
  inputs: { from: string; ship_strategy: string; exchange: string }[]
}

// FlameGraph is where CPU time of a vertex goes; endTimestamp is negative if there is none.
export interface FlameGraph {
  endTimestamp: number
  data?: FlameNode
  'flott-millis': number
  'flott-sample-millis': number
  'flott-workers': number
  'flott-missing': string[]
}

export interface FlameNode { name: string; value: number; children: FlameNode[] }

export interface Load {
  'records-in': number
  'records-out': number
  'records-read': number
  'bytes-in': number
  'bytes-out': number
  'in-rate': number | null
  'out-rate': number | null
  'read-rate': number | null
  'bytes-in-rate': number | null
  'bytes-out-rate': number | null
  busy: number | null
  backpressured: number | null
  idle: number | null
  watermark: number | null
  'watermark-done'?: boolean
  'pending-records': number | null
}

export interface VertexLoad extends Load {
  id: string
  status: string
  tasks: Record<string, number>
  loads: string
  hottest: number
  'hottest-busy': number
  skew: number
}

export interface SubtaskLoad extends Load {
  subtask: number
  status: string
  attempt: number
  'taskmanager-id': string
  endpoint: string
  'start-time': number
  'end-time': number
}

export interface CheckpointNumbers {
  latest_ack_timestamp: number
  checkpointed_size: number
  state_size: number
  end_to_end_duration: number
  num_subtasks: number
  num_acknowledged_subtasks: number
  persisted_data: number
}

export interface Checkpoint extends CheckpointNumbers {
  id: number
  status: string
  is_savepoint: boolean
  savepointFormat: string | null
  trigger_timestamp: number
  checkpoint_type: string
  external_path?: string
  failure_timestamp?: number
  failure_message?: string
  tasks: Record<string, CheckpointNumbers & { status: string }>
}

export interface Checkpoints {
  counts: { restored: number; total: number; in_progress: number; completed: number; failed: number }
  latest: {
    completed: Checkpoint | null
    savepoint: Checkpoint | null
    failed: Checkpoint | null
    restored: { id: number; restore_timestamp: number; is_savepoint: boolean } | null
  }
  history: Checkpoint[]
}

export interface Failure {
  exceptionName: string
  stacktrace: string
  timestamp: number
  taskName?: string
  endpoint?: string
  taskManagerId?: string
}

export interface Exceptions { entries: (Failure & { concurrentExceptions: Failure[] })[]; truncated: boolean }

export interface Scaling {
  scheduler: string
  vertices: { id: string; name: string; parallelism: number; lowerBound: number; upperBound: number }[]
  settled: boolean
  reason?: string
  refused?: string
  waits?: string
  rescales: number
  decisions?: { timestamp: number; from: number[]; to: number[]; reasons: string[] }[]
  explained?: string[]
}

// ClusterEvents are the events of the cluster, by their names; likewise of a job and of a vertex.
export interface ClusterEvents { cluster: Cluster; jobs: Job[] }

// Diagnosis says what limits a job, and what holds its watermark back.
export interface Diagnosis {
  limit: 'UNKNOWN' | 'NONE' | 'OPERATOR' | 'SKEW' | 'SOURCE'
  vertex?: { id: string; name: string }
  bottleneck: string
  evidence: string[]
  'bottleneck-advice'?: string
  hold: 'UNKNOWN' | 'NO_WATERMARK' | 'SPLIT' | 'VERTEX' | 'IDLE' | 'ENDED'
  watermark: string
  'watermark-advice'?: string
}

export interface JobEvents {
  job: Job
  plan: PlanVertex[]
  vertices: VertexLoad[]
  scaling: Scaling
  diagnosis: Diagnosis
  exceptions: Exceptions
  checkpoints: Checkpoints
}

// HotKeys are the keys that many of the records have that a vertex gets.
export interface HotKeys {
  sampled: number
  'hot-keys': { key: string; subtask: number; share: number; 'at-least': number }[]
}

export interface VertexEvents { subtasks: SubtaskLoad[]; 'hot-keys': HotKeys }
