package connecttest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/metric"
)

// SinkTarget is what a sink writes to, as one test sees it.
type SinkTarget[T any] struct {
	// Sink is the sink under test. It is used by one job and those restored from its snapshots.
	Sink connect.Sink[T]
	// Visible are the records that a reader of the target sees, in any order.
	Visible func() []T
}

// SinkOptions say what Sink expects.
type SinkOptions[T any] struct {
	// Record makes the n-th record; no two may be equal.
	Record func(n int) T
	// Seeds is how many random histories are tried; 0 means 30.
	Seeds int
}

// Sink checks that a sink that commits in two phases, by a committer for each subtask or by one for all, keeps the
// contract of package connect: records
// become visible with the checkpoint that holds them and not before, commits may be repeated, and
// after failures and restores at any parallelism each record is there once. open makes an empty
// target.
func Sink[T any](t *testing.T, open func(t *testing.T) SinkTarget[T], o SinkOptions[T]) {
	t.Helper()
	if o.Seeds == 0 {
		o.Seeds = 30
	}
	t.Run("commit", func(t *testing.T) { sinkCommits(t, open(t), o) })
	t.Run("empty", func(t *testing.T) { sinkEmpty(t, open(t)) })
	t.Run("close after error", func(t *testing.T) { sinkCloses(t, open(t), o) })
	t.Run("broken committable", func(t *testing.T) { sinkBroken(t, open(t)) })
	t.Run("cancelled", func(t *testing.T) { sinkCancelled(t, open, o) })
	for seed := range o.Seeds {
		t.Run(fmt.Sprint("history ", seed), func(t *testing.T) {
			sinkHistory(t, open(t), o, rand.New(rand.NewPCG(uint64(seed), 7)))
		})
	}
}

// sinkJob is a run of the sink's subtasks, driven as the engine does.
type sinkJob[T any] struct {
	t          *testing.T
	cancel     context.CancelFunc
	writers    []connect.Writer[T]
	committers []connect.Committer
	pending    [][][]byte // prepared and not committed, by subtask
	global     connect.GlobalCommitter
	portions   []*connect.Prepared // of checkpoints, not committed, for global
}

// sinkSnapshot is what a checkpoint holds.
type sinkSnapshot struct {
	id      int64
	states  [][]byte
	pending [][]byte
	records int // written before it

	global   []byte // the state of a global committer
	portions []*connect.Prepared
}

// startSink opens the writers. What a snapshot had prepared is committed again, as after a restore.
func startSink[T any](t *testing.T, s connect.Sink[T], parallelism, attempt int, from *sinkSnapshot,
) *sinkJob[T] {
	t.Helper()
	j := &sinkJob[T]{t: t, pending: make([][][]byte, parallelism)}
	c := clock.NewManual(time.Unix(1_700_000_000, 0))
	var ctx context.Context
	ctx, j.cancel = context.WithCancel(context.Background())
	for i := range parallelism {
		wc := connect.WriterContext{
			Context: ctx, Job: "conformance", UID: "sink", Subtask: i, Parallelism: parallelism,
			Attempt: attempt, Metrics: &metric.Group{}, Now: c.Now, WakeAt: func(time.Time) {},
		}
		share, of := i, parallelism
		if all, ok := s.(connect.StateSharer); ok && all.SharesStates() {
			share, of = 0, 1
		}
		w, err := s.Writer(wc, dealt(from, share, of, func(f *sinkSnapshot) [][]byte { return f.states }))
		must(t, "make a writer", err)
		j.writers = append(j.writers, w)
		if global, ok := s.(connect.GlobalTwoPhase); ok {
			if wc.Parallelism = 1; i == 0 {
				j.startGlobal(global, wc, from)
			}
			continue
		}
		two, ok := s.(connect.TwoPhase)
		if !ok {
			t.Fatalf("%T does not commit in two phases", s)
		}
		k, err := two.Committer(wc)
		must(t, "make a committer", err)
		j.committers = append(j.committers, k)
		again := dealt(from, i, parallelism, func(f *sinkSnapshot) [][]byte { return f.pending })
		if len(again) > 0 {
			must(t, "commit after a restore", k.Commit(again))
		}
	}
	return j
}

// startGlobal makes the one committer.
func (j *sinkJob[T]) startGlobal(s connect.GlobalTwoPhase, wc connect.WriterContext, from *sinkSnapshot) {
	j.t.Helper()
	var state []byte
	if from != nil {
		state = slices.Clone(from.global)
	}
	var err error
	j.global, err = s.GlobalCommitter(wc, state)
	must(j.t, "make a committer", err)
	if from != nil {
		for _, p := range from.portions {
			must(j.t, "commit after a restore", j.global.Commit(clonePortion(p)))
		}
	}
}

func dealt(from *sinkSnapshot, subtask, parallelism int, of func(*sinkSnapshot) [][]byte) (mine [][]byte) {
	if from == nil {
		return nil
	}
	for i, item := range of(from) {
		if i%parallelism == subtask {
			mine = append(mine, slices.Clone(item))
		}
	}
	return mine
}

func must(t *testing.T, doing string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", doing, err)
	}
}

// write spreads records over the subtasks. The slices are overwritten after each call.
func (j *sinkJob[T]) write(records ...T) {
	j.t.Helper()
	for i, r := range records {
		vals, times := []T{r}, []int64{math.MinInt64}
		must(j.t, "write", j.writers[i%len(j.writers)].Write(vals, times))
		clear(vals)
		times[0] = -1
	}
}

// checkpoint takes a snapshot and keeps what was prepared for commit.
func (j *sinkJob[T]) checkpoint(id int64, end bool) *sinkSnapshot {
	j.t.Helper()
	s := &sinkSnapshot{id: id}
	for i, w := range j.writers {
		must(j.t, "flush", w.Flush(end))
		if p, ok := w.(connect.Preparer); ok {
			items, err := p.Prepare(id)
			must(j.t, "prepare", err)
			for _, item := range items {
				j.pending[i] = append(j.pending[i], slices.Clone(item))
			}
		}
		state, err := w.Snapshot()
		must(j.t, "snapshot", err)
		if state != nil {
			s.states = append(s.states, slices.Clone(state))
		}
		s.pending = append(s.pending, j.pending[i]...)
	}
	if j.global == nil {
		return s
	}
	p := &connect.Prepared{Committables: slices.Concat(j.pending...), Watermark: math.MinInt64, End: end}
	clear(j.pending)
	j.portions = append(j.portions, p)
	var err error
	s.global, err = j.global.Snapshot()
	must(j.t, "snapshot", err)
	s.global, s.portions = slices.Clone(s.global), slices.Clone(j.portions)
	return s
}

func clonePortion(p *connect.Prepared) *connect.Prepared {
	c := *p
	c.Committables = nil
	for _, b := range p.Committables {
		c.Committables = append(c.Committables, slices.Clone(b))
	}
	return &c
}

func (j *sinkJob[T]) commit() {
	j.t.Helper()
	for _, p := range j.portions {
		must(j.t, "commit", j.global.Commit(clonePortion(p)))
	}
	j.portions = nil
	for i, items := range j.pending {
		if len(items) > 0 && j.global == nil {
			must(j.t, "commit", j.committers[i].Commit(items))
			j.pending[i] = nil
		}
	}
}

// stop ends the job as a failure does: nothing more is flushed or committed.
func (j *sinkJob[T]) stop() {
	j.t.Helper()
	j.cancel()
	for i := range j.writers {
		must(j.t, "close a writer", j.writers[i].Close())
	}
	for i := range j.committers {
		must(j.t, "close a committer", j.committers[i].Close())
	}
	if j.global != nil {
		must(j.t, "close the committer", j.global.Close())
	}
}

func records[T any](o SinkOptions[T], from, to int) (all []T) {
	for i := from; i < to; i++ {
		all = append(all, o.Record(i))
	}
	return all
}

func sinkCommits[T any](t *testing.T, target SinkTarget[T], o SinkOptions[T]) {
	j := startSink(t, target.Sink, 2, 1, nil)
	j.write(records(o, 0, 10)...)
	wantVisible(t, "before the checkpoint", target, nil)
	s := j.checkpoint(1, true)
	j.write(records(o, 10, 15)...)
	wantVisible(t, "before the commit", target, nil)
	j.commit()
	wantVisible(t, "after the commit", target, records(o, 0, 10))
	for range 2 {
		if j.global != nil {
			must(t, "commit again", j.global.Commit(clonePortion(s.portions[0])))
			continue
		}
		must(t, "commit again", j.committers[0].Commit(s.pending))
	}
	wantVisible(t, "after more commits", target, records(o, 0, 10))
	j.checkpoint(2, true)
	j.commit()
	wantVisible(t, "at the end", target, records(o, 0, 15))
	j.stop()
	wantVisible(t, "after the end", target, records(o, 0, 15))
}

func sinkEmpty[T any](t *testing.T, target SinkTarget[T]) {
	j := startSink(t, target.Sink, 3, 1, nil)
	for id := range int64(3) {
		j.checkpoint(id+1, id == 2)
		j.commit()
	}
	j.stop()
	wantVisible(t, "without records", target, nil)
}

// sinkCloses ends jobs in the middle of everything. The next one sees nothing of them.
func sinkCloses[T any](t *testing.T, target SinkTarget[T], o SinkOptions[T]) {
	for attempt := range 3 {
		j := startSink(t, target.Sink, 2, attempt+1, nil)
		j.write(records(o, 10*attempt, 10*attempt+5)...)
		if attempt == 1 {
			j.checkpoint(1, false) // and never complete
		}
		j.stop()
		wantVisible(t, fmt.Sprint("after failure ", attempt+1), target, nil)
	}
	j := startSink(t, target.Sink, 2, 4, nil)
	j.write(records(o, 30, 35)...)
	j.checkpoint(1, true)
	j.commit()
	j.stop()
	wantVisible(t, "after a run without failure", target, records(o, 30, 35))
}

func sinkBroken[T any](t *testing.T, target SinkTarget[T]) {
	j := startSink(t, target.Sink, 1, 1, nil)
	defer j.stop()
	broken := [][]byte{{}}
	commit := func() error { return j.committers[0].Commit(broken) }
	if j.global != nil {
		commit = func() error { return j.global.Commit(&connect.Prepared{Committables: broken}) }
	}
	if err := commit(); err == nil {
		t.Error("an empty committable is committed")
	}
}

// sinkHistory writes, takes checkpoints, completes them or not, fails, and restores the last
// complete one at another parallelism; then it writes again what came after.
func sinkHistory[T any](t *testing.T, target SinkTarget[T], o SinkOptions[T], rng *rand.Rand) {
	attempt, written, id := 1, 0, int64(0)
	var last *sinkSnapshot // complete
	j := startSink(t, target.Sink, 1+rng.IntN(3), attempt, nil)
	for range 20 {
		switch rng.IntN(4) {
		case 0, 1:
			n := rng.IntN(6)
			j.write(records(o, written, written+n)...)
			written += n
		case 2:
			id++
			s := j.checkpoint(id, false)
			s.records = written
			if rng.IntN(4) == 0 {
				continue // given up: what it prepared goes with the next one
			}
			last = s
			if rng.IntN(3) > 0 {
				j.commit() // else the job fails before, or commits with the next one
			}
		case 3:
			j.stop()
			attempt++
			written = 0
			if last != nil {
				written = last.records
			}
			j = startSink(t, target.Sink, 1+rng.IntN(3), attempt, last)
		}
	}
	j.checkpoint(id+1, true)
	j.commit()
	j.stop()
	wantVisible(t, "at the end", target, records(o, 0, written))
}

func wantVisible[T any](t *testing.T, when string, target SinkTarget[T], want []T) {
	t.Helper()
	text := func(all []T) []string {
		var out []string
		for _, v := range all {
			out = append(out, fmt.Sprintf("%+v", v))
		}
		slices.Sort(out)
		return out
	}
	if g, w := text(target.Visible()), text(want); !slices.Equal(g, w) {
		t.Fatal(errors.New(when + ": visible are " + strings.Join(g, ", ") + "; want " +
			strings.Join(w, ", ")))
	}
}
