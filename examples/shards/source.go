// Package shards is a source of one's own, in about fifty lines: entries of a log that has several shards, each read from any place.
// docs/own-connectors.md goes through it.
//
// Data flow: each shard is a split; readers read them one after the other, and a split's data is the number of the entry that is next.
package shards

import (
	"fmt"
	"strconv"

	"github.com/flott-dev/flott/connect"
)

// Log is what is read.
type Log interface {
	Shards() []string
	// Read returns entries of a shard from a place on, at most some; none is the end.
	Read(shard string, from, most int) ([]string, error)
}

// Source reads a log to its end.
func Source(log Log) connect.Source[string] { return source{log} }

type source struct{ log Log }

func (s source) Bounded() bool { return true }

func (s source) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	if state != nil {
		left, err := connect.DecodeSplits(state)
		return connect.NewQueue(ctx, left), err
	}
	var all []connect.Split
	for _, shard := range s.log.Shards() {
		all = append(all, connect.Split{ID: shard, Data: []byte("0")})
	}
	return connect.NewQueue(ctx, all), nil
}

func (s source) Reader(ctx connect.ReaderContext) (connect.Reader[string], error) {
	return &reader{log: s.log, ctx: ctx}, nil
}

type reader struct {
	log    Log
	ctx    connect.ReaderContext
	shards []shard // that are not read to their end
	noMore bool
}

type shard struct {
	name string
	next int
}

func (r *reader) Assign(splits []connect.Split) error {
	for _, s := range splits {
		next, err := strconv.Atoi(string(s.Data))
		if err != nil {
			return fmt.Errorf("shard %s: its place %q is broken", s.ID, s.Data)
		}
		r.shards = append(r.shards, shard{s.ID, next})
	}
	return nil
}

func (r *reader) NoMoreSplits() { r.noMore = true }

func (r *reader) Poll(out *connect.Output[string]) (connect.Status, error) {
	if len(r.shards) == 0 && r.noMore {
		return connect.Ended, nil
	}
	if len(r.shards) == 0 {
		return connect.Waiting, nil // it is polled again after Assign or NoMoreSplits
	}
	s := &r.shards[0]
	out.Split(s.name)
	entries, err := r.log.Read(s.name, s.next, out.Room())
	for _, e := range entries {
		out.Emit(e)
	}
	s.next += len(entries)
	if len(entries) == 0 && err == nil {
		out.Finished()
		if r.shards = r.shards[1:]; len(r.shards) == 0 {
			r.ctx.Request()
		}
	}
	return connect.More, err
}

func (r *reader) Snapshot() (at []connect.Split, err error) {
	for _, s := range r.shards {
		at = append(at, connect.Split{ID: s.name, Data: strconv.AppendInt(nil, int64(s.next), 10)})
	}
	return at, nil
}

func (r *reader) Close() error { return nil }
