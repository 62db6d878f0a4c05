//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// jobArgument makes this program the one of the job.
const jobArgument = "job"

// job is what the job is told.
type job struct {
	dir    string // has the directories out and checkpoints
	events int64
	gate   string // a file: until it is there, events come slowly
}

func (j job) args() []string {
	return []string{jobArgument, j.dir, strconv.FormatInt(j.events, 10), j.gate}
}

func parseJob(args []string) (j job, err error) {
	if len(args) != 4 {
		return j, fmt.Errorf("job: got %q", args)
	}
	j.dir, j.gate = args[1], args[3]
	j.events, err = strconv.ParseInt(args[2], 10, 64)
	return j, err
}

func (j job) out() string         { return filepath.Join(j.dir, "out") }
func (j job) checkpoints() string { return filepath.Join(j.dir, "checkpoints") }

const (
	parallelism = 4
	// slowPerSecond is how many events come in a second while the gate is closed.
	slowPerSecond = 20_000
	size          = 10 * time.Second // of windows
	gap           = 2 * time.Second  // of sessions
)

// run runs the job: in this process, or on the cluster that the environment names.
func (j job) run(ctx context.Context) error {
	env := stream.NewEnv(stream.Parallelism(parallelism), stream.MaxParallelism(32),
		stream.Checkpoint(200*time.Millisecond), stream.CheckpointDir(j.checkpoints()), stream.CheckpointFailures(1<<30),
		stream.LocalRecovery(), stream.Restart(stream.FixedDelay(1<<30, 0)))
	events := stream.From(env, slowly(nexmark.Source(nexmark.Config{Events: j.events, RatePerSecond: slowPerSecond}), j.gate)).
		Watermarks(watermark.BoundedMillis(0, (*nexmark.Event).Millis))
	lines := bids(events).Union(newSellers(events), sessions(events))
	lines.To(file.Sink(j.out(), file.EncodeLines(func(s string) string { return s }), file.SinkOptions[string]{PartBytes: 256 << 10, Rollover: 10 * time.Second}))
	return launch.Run(ctx, env, "chaos")
}

// bids counts them for each auction and window.
func bids(events *stream.Stream[nexmark.Event]) *stream.Stream[string] {
	auctions := stream.Select(events, func(e *nexmark.Event, out *int64) bool {
		*out = e.Bid.Auction
		return e.Kind == nexmark.KindBid
	})
	counts := stream.Aggregate(stream.KeyBy(auctions, same).Window(window.Sliding(size, size/2)), agg.Count[int64]())
	return stream.Map(counts, func(r stream.Result[int64, int64]) string {
		return fmt.Sprintf("bids %d %d %d", r.Window.End, r.Key, r.Value)
	})
}

// newSellers joins persons who register with the auctions that they open in the same window.
func newSellers(events *stream.Stream[nexmark.Event]) *stream.Stream[string] {
	persons := stream.Select(events, func(e *nexmark.Event, out *int64) bool {
		*out = e.Person.ID
		return e.Kind == nexmark.KindPerson
	})
	auctions := stream.Select(events, func(e *nexmark.Event, out *[2]int64) bool {
		*out = [2]int64{e.Auction.Seller, e.Auction.ID}
		return e.Kind == nexmark.KindAuction
	})
	return stream.JoinWindow(stream.KeyBy(persons, same), stream.KeyBy(auctions, func(a [2]int64) int64 { return a[0] }),
		window.Tumbling(size), func(_ int64, a [2]int64) string { return fmt.Sprintf("sells %d %d", a[0], a[1]) })
}

// sessions adds up what each bidder bids without a pause.
func sessions(events *stream.Stream[nexmark.Event]) *stream.Stream[string] {
	prices := stream.Select(events, func(e *nexmark.Event, out *[2]int64) bool {
		*out = [2]int64{e.Bid.Bidder, e.Bid.Price}
		return e.Kind == nexmark.KindBid && e.Bid.Bidder%7 == 0
	})
	sums := stream.Aggregate(stream.KeyBy(prices, func(p [2]int64) int64 { return p[0] }).Window(window.Session(gap)),
		agg.Sum(func(p [2]int64) int64 { return p[1] }))
	return stream.Map(sums, func(r stream.Result[int64, int64]) string {
		return fmt.Sprintf("session %d %d %d", r.Key, r.Window.Start, r.Value)
	})
}

func same(v int64) int64 { return v }

// slowly is a source whose readers take their time until a file is there.
func slowly[T any](s connect.Source[T], gate string) connect.Source[T] { return slowSource[T]{s, gate} }

type slowSource[T any] struct {
	connect.Source[T]
	gate string
}

// Reader makes a slow reader.
func (s slowSource[T]) Reader(c connect.ReaderContext) (connect.Reader[T], error) {
	r, err := s.Source.Reader(c)
	return &slowReader[T]{Reader: r, c: c, gate: s.gate}, err
}

type slowReader[T any] struct {
	connect.Reader[T]
	c    connect.ReaderContext
	gate string
	open bool
	next time.Time
}

// Poll reads when it is time for it.
func (r *slowReader[T]) Poll(out *connect.Output[T]) (connect.Status, error) {
	if !r.open {
		if _, err := os.Stat(r.gate); err == nil {
			r.open = true
		} else if !errors.Is(err, fs.ErrNotExist) {
			return connect.Waiting, err
		}
	}
	now := r.c.Now()
	if !r.open && now.Before(r.next) {
		r.c.WakeAt(r.next)
		return connect.Waiting, nil
	}
	room := out.Room()
	status, err := r.Reader.Poll(out)
	read := time.Duration(room - out.Room())
	r.next = now.Add(read * time.Second * time.Duration(r.c.Parallelism) / slowPerSecond)
	return status, err
}
