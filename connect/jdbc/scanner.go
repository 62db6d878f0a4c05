package jdbc

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
)

// chunk is rows of a split that were read, with the positions behind them.
type chunk struct {
	rows   *column.Batch
	keys   []*column.Vector // the parts of positions; nil where rows are counted
	before int64            // rows of the split before these, where they are counted
	end    bool             // of the split
	err    error
}

// scanner reads splits one after the other, on a goroutine of its own, which is ahead of those who poll by a few chunks.
type scanner struct {
	ctx    connect.ReaderContext
	link   *link
	query  query // without range and position; without fields those of names are read
	names  []string
	size   int // rows of a chunk
	splits []*split
	noMore bool

	ready, free chan *chunk // of the split that is read
	now         *chunk      // nil while there is none
	at          int         // the row of now that is next
	cancel      context.CancelFunc
	running     sync.WaitGroup
}

// chunksAhead is how many chunks there are.
const chunksAhead = 3

// readRetries is how often reading is tried again that fails for a cause that may pass, without a row in between.
const readRetries = 3

// Assign adds splits.
func (s *scanner) Assign(splits []connect.Split) error {
	for _, sp := range splits {
		one, err := decodeSplit(sp)
		if err != nil {
			return err
		}
		s.splits = append(s.splits, one)
	}
	return nil
}

// NoMoreSplits tells that no splits will come.
func (s *scanner) NoMoreSplits() { s.noMore = true }

// Snapshot has the splits at their positions.
func (s *scanner) Snapshot() ([]connect.Split, error) {
	var all []connect.Split
	for _, one := range s.splits {
		all = append(all, one.encode())
	}
	return all, nil
}

// Close ends reading.
func (s *scanner) Close() error {
	s.stop()
	s.link.close()
	return nil
}

func (s *scanner) stop() {
	if s.cancel != nil {
		s.cancel()
		s.running.Wait()
		s.cancel = nil
	}
	s.now = nil
}

// next is the chunk that is read now; nil if there is none, for the reason that status tells.
func (s *scanner) next() (c *chunk, status connect.Status, err error) {
	switch {
	case len(s.splits) == 0 && s.noMore:
		return nil, connect.Ended, nil
	case len(s.splits) == 0:
		return nil, connect.Waiting, nil
	case s.now != nil:
		return s.now, connect.More, nil
	case s.cancel == nil:
		s.start()
	}
	select {
	case s.now = <-s.ready:
		s.at = 0
		return s.now, connect.More, s.now.err
	default:
		return nil, connect.Waiting, nil
	}
}

// took tells that so many rows of the chunk were taken, and whether the split ended with them.
func (s *scanner) took(n int) (finished bool) {
	c, one := s.now, s.splits[0]
	if s.at += n; n > 0 {
		one.after.rows = c.before
		if c.keys == nil {
			one.after.rows += int64(s.at)
		}
		one.after.key = one.after.key[:0]
		for _, v := range c.keys {
			one.after.key = append(one.after.key, append([]byte(nil), v.Bytes(s.at-1)...))
		}
	}
	if s.at < c.rows.N {
		return false
	}
	if s.now = nil; !c.end {
		s.free <- c
		return false
	}
	s.stop()
	if s.splits = s.splits[1:]; len(s.splits) == 0 && !s.noMore {
		s.ctx.Request()
	}
	return true
}

// start reads the first split.
func (s *scanner) start() {
	ctx, cancel := context.WithCancel(s.ctx.Context)
	s.cancel = cancel
	s.ready, s.free = make(chan *chunk, chunksAhead+1), make(chan *chunk, chunksAhead)
	for range chunksAhead {
		s.free <- &chunk{}
	}
	q := s.query
	q.split, q.span, q.after = s.splits[0].id, s.splits[0].span, s.splits[0].after
	q.after.key = slices.Clone(q.after.key) // it moves on its own
	s.running.Go(func() { s.read(ctx, &q, s.ready, s.free) })
}

// read reads a split to its end.
func (s *scanner) read(ctx context.Context, q *query, ready, free chan *chunk) {
	var c *chunk
	for failures := 0; ; failures++ {
		before := q.after.rows
		progress := false
		err := s.link.do(ctx, 0, func(session session) error {
			return s.readRows(ctx, session, q, &c, ready, free, &progress)
		})
		if progress || q.after.rows > before {
			failures = 0
		}
		if err == nil || ctx.Err() != nil {
			return
		}
		if !s.link.lost(err) || failures >= readRetries {
			ready <- &chunk{err: err}
			s.ctx.Wake()
			return
		}
		if sleep(ctx, pauseMin<<failures) != nil {
			return
		}
	}
}

// readRows reads the rows of a split from the position of q on, which it moves. What it has read and not handed over is in c.
func (s *scanner) readRows(ctx context.Context, session session, q *query, c **chunk, ready, free chan *chunk, progress *bool) (err error) {
	if q.fields == nil {
		all, _, err := session.columns(ctx, q.table)
		if err != nil {
			return err
		}
		if q.fields, err = named(all, q.table, s.names); err != nil {
			return err
		}
	}
	cur, err := session.scan(ctx, q)
	if err != nil {
		return err
	}
	defer func() {
		if closed := cur.close(); err == nil {
			err = closed
		}
	}()
	for {
		if *c == nil {
			select {
			case *c = <-free:
			case <-ctx.Done():
				return ctx.Err()
			}
			(*c).clear(q, cur.positions())
		}
		end, err := (*c).fill(cur, s.size, q)
		if err != nil {
			return err
		}
		*progress = true
		(*c).end = end
		ready <- *c // there is room for all
		*c = nil
		s.ctx.Wake()
		if end {
			return nil
		}
	}
}

// named are those of a table's fields that have some names, all if there are none.
func named(all []row.Field, table string, names []string) ([]row.Field, error) {
	if len(names) == 0 {
		return all, nil
	}
	fields := make([]row.Field, 0, len(names))
	for _, name := range names {
		i := slices.IndexFunc(all, func(f row.Field) bool { return strings.EqualFold(f.Name, name) })
		if i < 0 {
			return nil, permanent{fmt.Errorf("the table %s has no column %s in the database", table, name)}
		}
		fields = append(fields, all[i])
	}
	return fields, nil
}

// clear makes the chunk one of no rows behind a position.
func (c *chunk) clear(q *query, positions int) {
	if c.rows == nil {
		c.rows = column.NewBatch(&row.Schema{Fields: q.fields})
	}
	c.rows.Reset()
	c.end, c.before = false, q.after.rows
	if c.keys == nil {
		for range positions {
			c.keys = append(c.keys, column.New(row.BytesType().Nullable(false)))
		}
	}
	for _, v := range c.keys {
		v.Reset()
	}
}

// fill adds rows up to a size, and moves the position behind them.
//
//flott:hot
func (c *chunk) fill(cur cursor, size int, q *query) (end bool, err error) {
	before := c.rows.N
	defer func() {
		if n := c.rows.N; len(c.keys) == 0 {
			q.after.rows += int64(n - before)
		} else if n > before {
			q.after.key = q.after.key[:0]
			for _, v := range c.keys {
				q.after.key = append(q.after.key, append([]byte(nil), v.Bytes(n-1)...))
			}
		}
	}()
	for c.rows.N < size {
		more, err := cur.next(c.rows, c.keys)
		if err != nil || !more {
			return err == nil, err
		}
		c.rows.N++
	}
	return false, nil
}
