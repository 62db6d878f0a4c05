package control

import (
	"log/slog"
	"time"
)

// Ask asks a TaskManager or a worker about its own process. It is answered by Answer.
type Ask struct {
	// Call is that of the answer.
	Call int64
	// LogLevel, if it is not nil, is what the process logs from now on.
	LogLevel *LogLevel
	// Profile, if it is not nil, is what is wanted of the process.
	Profile *Profile
	// Withdrawn, if it is not 0, is an earlier call whose answer nobody waits for any more. It has none of its own.
	Withdrawn int64
}

// Answer answers Ask.
type Answer struct {
	Call  int64
	Error string // "" for none
	// Busy says that the error is another profile, which is being taken.
	Busy bool
	// Data is a profile.
	Data []byte
}

// LogLevel is what is logged: what is of the level, or a higher one. A TaskManager gives it to the workers that it starts from then on.
type LogLevel struct{ Level slog.Level }

// Profile is a profile of a process, as runtime/pprof writes it, compressed.
type Profile struct {
	Kind ProfileKind
	// Duration is for how long CPU time is sampled; at most ProfileMax.
	Duration time.Duration
}

// ProfileKind is what a profile shows.
type ProfileKind string

// The kinds.
const (
	CPUProfile       ProfileKind = "cpu"       // where time of CPUs goes
	HeapProfile      ProfileKind = "heap"      // who has memory, and who has taken it since the process began
	GoroutineProfile ProfileKind = "goroutine" // where goroutines are
)

// ProfileMax is how long CPU time is sampled at most.
const ProfileMax = time.Minute

// The labels of samples of CPU time that tasks have taken, and what runs for them.
const (
	JobLabel     = "job-id"
	VertexLabel  = "vertex"     // its name
	VertexUID    = "vertex-uid" // the uid of its head
	SubtaskLabel = "subtask"    // from 0
)
