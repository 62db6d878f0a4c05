package sql

import (
	"fmt"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/physical"
)

// dealToWriters has as many subtasks write each table as its options say. Where that is another number than hands over
// the rows, these are dealt out: by the primary key, so that the changes of a row stay in order, else in turn.
func (s *Session) dealToWriters(c *config.Configuration, rels []*physical.Rel) error {
	for _, r := range rels {
		if r.Sink == nil || r.Sink.Table == nil {
			continue
		}
		table, err := s.sink(r.Sink.Table)
		if err != nil {
			return err
		}
		p, ok := table.(connect.ParallelSink)
		if !ok {
			continue
		}
		if r.Parallelism, err = p.Writers(r.Kinds); err != nil {
			return err
		}
		if err := s.deal(c, r); err != nil {
			return err
		}
	}
	return nil
}

func (s *Session) deal(c *config.Configuration, r *physical.Rel) error {
	if r.Parallelism == 0 || r.Dist[0].Kind == physical.Hash {
		return nil
	}
	before, err := s.parallelism(c, r.Ins[0])
	if err != nil || before == r.Parallelism {
		return err
	}
	keys := physical.SinkKeys(r.Sink.Table)
	switch {
	case keys == nil && r.Kinds != row.InsertOnly:
		return fmt.Errorf("the table %s has 'sink.parallelism' = '%d', its rows come from %d subtasks, and they are changes: dealt out to others "+
			"they lose their order, unless the table has a PRIMARY KEY … NOT ENFORCED", r.Sink.Table.Path.Object, r.Parallelism, before)
	case keys != nil && r.Parallelism > 1:
		r.Dist[0] = physical.Distribution{Kind: physical.Hash, Keys: keys}
	}
	return nil
}

// parallelism is that with which an operator of a plan runs.
func (s *Session) parallelism(c *config.Configuration, r *physical.Rel) (int, error) {
	job := config.Parallelism.Get(c)
	switch {
	case r.Values != nil:
		return 1, nil
	case r.Source != nil && r.Source.Table.Rows != nil:
		return job, nil
	case r.Source != nil:
		table, err := s.source(r.Source.Table, r.Source.Options)
		if p, ok := table.(connect.Parallel); ok && err == nil {
			return p.Readers(job)
		}
		return job, err
	}
	n, inherited := ownParallelism(r)
	switch {
	case inherited:
		return s.parallelism(c, r.Ins[0])
	case n == 0:
		return job, nil
	}
	return n, nil
}
