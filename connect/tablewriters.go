package connect

import (
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/row"
)

// SinkParallelism is how many subtasks write a table, an option of all connectors that write for many.
var SinkParallelism = config.Int(config.Doc{
	Key: "sink.parallelism", Text: "How many subtasks write. By default as many as hand over the rows. With another number rows are dealt out by " +
		"the primary key, those of a table without one in turn, which must be new rows only.",
}, 1, 1<<15)

// WritersOf is what SinkParallelism says, 0 where it is not set.
func WritersOf(options *config.Configuration) int {
	n, _ := SinkParallelism.Lookup(options)
	return n
}

// ParallelSink is a TableSink that may be asked for how many subtasks write it, mostly by SinkParallelism.
type ParallelSink interface {
	// Writers is that number for rows of some kinds, 0 for as many as hand over the rows. It is an error that the
	// number cannot be chosen for such rows.
	Writers(kinds row.ChangeKinds) (int, error)
}
