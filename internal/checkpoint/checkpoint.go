// Package checkpoint has the protocol by which the state of a whole job is collected.
//
// It is pure: no I/O, no clock, no goroutine. A driver (internal/job) feeds it what happened and
// carries out what it says.
//
// Data flow: the job starts a checkpoint with the set of its parts; tasks and coordinators
// acknowledge theirs; when all have, the Snapshot is complete. AppendManifest makes of it what
// internal/storage writes, DecodeManifest reads it.
package checkpoint

import (
	"fmt"

	"github.com/flott-dev/flott/internal/operator"
)

// Kind says whom a snapshot belongs to.
type Kind uint8

// Kinds. The numbers are part of the format of manifests.
const (
	Checkpoint Kind = iota // the job's, which deletes it
	Savepoint              // the user's
)

// String returns "checkpoint" or "savepoint".
func (k Kind) String() string {
	if k == Savepoint {
		return "savepoint"
	}
	return "checkpoint"
}

// Snapshot is the state of a job at one moment.
type Snapshot struct {
	ID   int64
	Job  string
	Kind Kind
	// Native says that a savepoint is in the form of its state backend, not in the canonical one.
	Native bool
	// Taken is when the snapshot was begun, in milliseconds since 1970.
	Taken int64
	// Epoch is the term of the leader that took it.
	Epoch int64
	// Attempt tells snapshots of one number and epoch apart.
	Attempt   int64
	Operators map[string]*OperatorState // by uid
}

// OperatorState is the state of all subtasks of an operator and of its coordinator.
type OperatorState struct {
	Name           string
	MaxParallelism int
	Subtasks       []*operator.State
	Coordinator    []byte
	// Rest has, by subtask, what AppendRest has made of the subtask's state, where that is stored
	// rather than in the state itself. It may be shorter than Subtasks, and blobs may be nil.
	Rest []operator.Blob
}

// Part is what has to acknowledge a checkpoint: a subtask of a chain, or a coordinator (Subtask
// -1).
type Part struct {
	Chain   int
	Subtask int
	UID     string // of the coordinator's operator
}

// Pending is a checkpoint that is not complete yet.
type Pending struct {
	snapshot *Snapshot
	missing  map[Part]bool
	err      error
}

// Begin starts a checkpoint of parts.
func Begin(id int64, job string, parts []Part) *Pending {
	p := &Pending{
		snapshot: &Snapshot{ID: id, Job: job, Operators: map[string]*OperatorState{}},
		missing:  map[Part]bool{},
	}
	for _, part := range parts {
		p.missing[part] = true
	}
	return p
}

// ID is the checkpoint's number.
func (p *Pending) ID() int64 { return p.snapshot.ID }

// Missing is the number of parts that have not acknowledged.
func (p *Pending) Missing() int { return len(p.missing) }

// Operator is the state of the operator named uid, made at the first call.
func (p *Pending) Operator(uid, name string, parallelism, maxParallelism int) *OperatorState {
	o := p.snapshot.Operators[uid]
	if o == nil {
		o = &OperatorState{
			Name: name, MaxParallelism: maxParallelism,
			Subtasks: make([]*operator.State, parallelism),
		}
		p.snapshot.Operators[uid] = o
	}
	return o
}

// Ack notes that a part has delivered its state. It reports whether the checkpoint is complete.
// Repeated and late acknowledgements change nothing.
func (p *Pending) Ack(part Part) (complete bool) {
	if p.err != nil || !p.missing[part] {
		return false
	}
	delete(p.missing, part)
	return len(p.missing) == 0
}

// Fail gives the checkpoint up.
func (p *Pending) Fail(err error) {
	if p.err == nil {
		p.err = fmt.Errorf("checkpoint %d: %w", p.snapshot.ID, err)
	}
}

// Result is the snapshot, or why there is none.
func (p *Pending) Result() (*Snapshot, error) {
	if p.err != nil {
		return nil, p.err
	}
	if len(p.missing) > 0 {
		return nil, fmt.Errorf("checkpoint %d: %d parts are missing", p.snapshot.ID, len(p.missing))
	}
	return p.snapshot, nil
}
