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
	"slices"

	"github.com/flott-dev/flott/internal/fault"
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
	Request
	Periodic bool
	Stats    Stats
	// Location is where it is stored, once it is.
	Location string

	snapshot   *Snapshot
	missing    map[Part]bool
	ready      bool // all parts are there
	publishing bool
	standsOn   int64 // the newest completed checkpoint when it began
}

// ID is the checkpoint's number.
func (p *Pending) ID() int64 { return p.snapshot.ID }

// Outlived reports whether the job goes on from earlier checkpoints than this: it belongs to who asked
// for it.
func (p *Pending) Outlived() bool {
	return (p.Flags.Has(operator.Savepoint) || p.InMemory) && !p.Flags.Has(operator.Suspend)
}

// StandsOn is the checkpoint that its deltas are to be applied to, 0 for none.
func (p *Pending) StandsOn() int64 { return p.standsOn }

// Snapshot is the state that has been delivered so far.
func (p *Pending) Snapshot() *Snapshot { return p.snapshot }

// operator is the state of the operator named uid, made at the first call.
func (p *Pending) operator(of Operator) *OperatorState {
	o := p.snapshot.Operators[of.UID]
	if o == nil {
		o = &OperatorState{
			Name: of.Name, MaxParallelism: of.MaxParallelism,
			Subtasks: make([]*operator.State, of.Parallelism),
		}
		p.snapshot.Operators[of.UID] = o
	}
	return o
}

// Operator is what a snapshot tells of an operator besides its state.
type Operator struct {
	UID, Name                   string
	Parallelism, MaxParallelism int
}

// resolve puts the sections that still hold from the checkpoint that s stands on before its own.
func resolve(s *operator.Snapshot, since *operator.State) {
	if since == nil || len(s.Deltas) == 0 {
		return
	}
	type place struct {
		state string
		group int
	}
	replaced := map[place]bool{}
	for _, section := range s.State.Keyed {
		if !section.Delta && !fault.Seeded(fault.KeepReplaced) {
			replaced[place{section.State, section.Group}] = true
		}
	}
	var all []operator.Section
	for _, section := range since.Keyed {
		if slices.Contains(s.Deltas, section.State) &&
			!replaced[place{section.State, section.Group}] {
			all = append(all, section)
		}
	}
	if fault.Seeded(fault.DeltaWithoutBase) {
		return
	}
	s.State.Keyed = append(all, s.State.Keyed...)
}
