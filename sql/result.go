package sql

import (
	"context"
	"iter"
	"sync"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
)

// Result is what a statement gives: rows, or a job that writes.
type Result struct {
	// Schema has the columns of the rows; it is nil where there are none.
	Schema *row.Schema
	// Message says what was done, for statements without rows.
	Message string
	// Defines reports whether the statement has changed the session: its tables, functions, options, or what names mean.
	// The statements that have, run again, make another session the same.
	Defines bool

	rows    *collector
	job     *job          // that belongs to the statement
	id      string        // of a job that does not
	changes bool          // in streaming mode
	fixed   *column.Batch // of SHOW and the like
	zone    *time.Location
}

// JobID is the id of the job that the statement has started, for SHOW JOBS and STOP JOB; it is empty if there is none.
func (r *Result) JobID() string {
	if r.job != nil {
		return r.job.id
	}
	return r.id
}

// IsQuery reports whether the statement is a query.
func (r *Result) IsQuery() bool { return r.rows != nil }

// IsChangelog reports whether rows are changes of a result that goes on, as those of a query in streaming mode are.
func (r *Result) IsChangelog() bool { return r.rows != nil && r.changes }

// Batches gives the rows as they come, in batches of changes, until the job ends. A batch is the caller's.
func (r *Result) Batches() iter.Seq2[*column.Batch, error] {
	return func(yield func(*column.Batch, error) bool) {
		if r.fixed != nil {
			yield(r.fixed, nil)
			return
		}
		if r.rows == nil {
			if err := r.Wait(); err != nil {
				yield(nil, err)
			}
			return
		}
		for {
			b, ok := r.rows.next(r.job.running.Done())
			if !ok {
				break
			}
			if !yield(b, nil) {
				r.Close()
				return
			}
		}
		if err := r.Wait(); err != nil {
			yield(nil, err)
		}
	}
}

// Wait waits for the end of the statement's job. Rows have to be read for a query to end.
func (r *Result) Wait() error {
	if r.job == nil {
		return nil
	}
	if err := r.job.running.Wait(); err != nil {
		return runtimeError(err)
	}
	return nil
}

// Close cancels the statement's job, if it is still running.
func (r *Result) Close() {
	if r.job == nil {
		return
	}
	r.job.cancel()
	r.rows.close()
	<-r.job.running.Done()
}

// runtimeError is what has failed a job.
func runtimeError(err error) error { return &Error{Kind: Runtime, Msg: err.Error(), Err: err} }

// collector is the sink of a query: it keeps a bounded number of batches until they are read.
type collector struct {
	batches chan *column.Batch
	closed  chan struct{}
	once    sync.Once
}

func newCollector() *collector {
	return &collector{batches: make(chan *column.Batch, 4), closed: make(chan struct{})}
}

func (c *collector) close() {
	if c != nil {
		c.once.Do(func() { close(c.closed) })
	}
}

// next is the next batch, none when the job has ended and all were read.
func (c *collector) next(done <-chan struct{}) (*column.Batch, bool) {
	select {
	case b := <-c.batches:
		return b, true
	case <-done:
	}
	select {
	case b := <-c.batches:
		return b, true
	default:
		return nil, false
	}
}

// Writer makes the writer of the only subtask.
func (c *collector) Writer(ctx connect.WriterContext, _ [][]byte) (connect.ColumnWriter, error) {
	return &collectWriter{c, ctx.Context}, nil
}

type collectWriter struct {
	c   *collector
	ctx context.Context
}

// Write copies the rows that count.
func (w *collectWriter) Write(b *column.Batch) error {
	out := &column.Batch{N: b.Len()}
	places := make([]int32, b.Len())
	for i := range places {
		places[i] = int32(b.Row(i))
		if b.Kinds != nil {
			out.Kinds = append(out.Kinds, b.Kinds[places[i]])
		}
	}
	for _, v := range b.Cols {
		c := column.New(v.Type)
		c.AppendAll(v, places)
		out.Cols = append(out.Cols, c)
	}
	select {
	case w.c.batches <- out:
	case <-w.c.closed:
	case <-w.ctx.Done():
	}
	return nil
}

func (w *collectWriter) Flush(bool) error          { return nil }
func (w *collectWriter) Snapshot() ([]byte, error) { return nil, nil }
func (w *collectWriter) Close() error              { return nil }
