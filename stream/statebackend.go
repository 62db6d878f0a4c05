package stream

import (
	"fmt"

	"github.com/flott-dev/flott/internal/lsm"
)

// StateBackend sets where keyed state lies:
//
//	hashmap   in memory: the default
//	pebble    on local disk, behind tables in memory: for state that is larger than memory
//	rocksdb   the same as pebble
//
// The semantics are the same, and so are savepoints and checkpoints: a job may be restored with another
// backend. With pebble a value that is in the tables costs what it costs in memory, and one that has to
// be read some microseconds. Timers stay in memory; a batch job, which has the state of one key
// at a time, keeps it there too. The disk is that of launch.TempDir.
func StateBackend(name string) Option {
	return func(e *Env) {
		if err := lsm.Check(name); err != nil {
			e.errs = append(e.errs, fmt.Errorf("stream.StateBackend: %w", err))
			return
		}
		e.graph.State.Name = name
	}
}

// StateMemory is how much memory state on disk may take, for the whole process and in all: tables,
// caches and buffers. The default is 256 MiB. State in memory knows no limit. The process takes
// about twice as much, or what the environment variable GOMEMLIMIT says if that is enough: three times
// as much as this in a job that does little else.
// With 1 nothing stays in memory between batches, for tests.
func StateMemory(bytes int64) Option {
	return func(e *Env) {
		if bytes < 1 {
			e.errs = append(e.errs, fmt.Errorf("stream.StateMemory(%d): must be at least 1", bytes))
			return
		}
		e.graph.State.Bytes = bytes
	}
}
