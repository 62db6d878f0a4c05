package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/metric"
)

// consumer is the part of a reader that does not know what records become: its partitions, and the client that fetches them.
type consumer struct {
	cfg    *config
	ctx    connect.ReaderContext
	client *kgo.Client // nil until there is a partition
	splits map[Partition]*split
	ended  []*split // have nothing more to read, which was not told yet
	paused map[Partition]bool
	noMore bool

	bounded bool      // some partitions have an end
	lookAt  time.Time // when to look for gaps; zero while there are records
	looking bool

	fetched chan []fetched // from the goroutine that polls the client
	wait    []fetched      // taken from there, with records that are not read
	stop    context.CancelFunc

	fetching context.Context // of the goroutines, done by stop
	wg       sync.WaitGroup

	commits *commits
	errors  *metric.Counter
}

// fetched is records of one partition, or an error.
type fetched struct {
	Partition
	records []*kgo.Record
	end     int64 // of the partition then
	err     error
	checked bool // err: what it means is known, as the brokers were asked whether the offset is there
	gap     *gap // instead of records: what look has looked at
}

func newConsumer(cfg *config, ctx connect.ReaderContext) *consumer {
	return &consumer{
		cfg: cfg, ctx: ctx, splits: map[Partition]*split{}, paused: map[Partition]bool{}, fetched: make(chan []fetched, 1),
		commits: newCommits(cfg, ctx.Metrics), errors: ctx.Metrics.Counter("numRecordsInErrors"),
	}
}

// Assign adds partitions, and has them fetched.
func (c *consumer) Assign(splits []connect.Split) error {
	from := map[string]map[int32]kgo.Offset{}
	for _, sp := range splits {
		s, err := decodeSplit(sp)
		if err != nil {
			return err
		}
		c.splits[s.Partition] = s
		c.bounded = c.bounded || s.stop != noStop
		if s.ended() {
			c.ended = append(c.ended, s)
			continue
		}
		if from[s.Topic] == nil {
			from[s.Topic] = map[int32]kgo.Offset{}
		}
		from[s.Topic][s.Number] = kgo.NewOffset().At(s.next)
	}
	switch {
	case len(from) == 0:
		return nil
	case c.client == nil:
		return c.open(from)
	}
	c.client.AddConsumePartitions(from)
	return nil
}

// open begins to fetch.
func (c *consumer) open(from map[string]map[int32]kgo.Offset) (err error) {
	opts := slices.Concat(c.cfg.consume, []kgo.Opt{
		kgo.ConsumePartitions(from), kgo.KeepControlRecords(), kgo.ConsumeResetOffset(kgo.NoResetOffset()), kgo.WithPools(&memory{}),
	})
	if c.cfg.reset != nil {
		at := kgo.NewOffset().AtStart()
		if c.cfg.reset.kind == latest {
			at = kgo.NewOffset().AtEnd()
		}
		opts = append(opts, kgo.ConsumeResetOffset(at))
	}
	if c.cfg.readCommitted {
		opts = append(opts, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	}
	ctx, cancel := context.WithCancel(c.ctx.Context)
	c.fetching, c.stop = ctx, cancel
	opts = append(opts, kgo.WithHooks(&refusals{cfg: c.cfg.settings, fail: func(err error) {
		c.handOver(ctx, []fetched{{err: err, checked: true}})
	}}))
	if c.client, err = c.cfg.newClient(opts...); err != nil {
		cancel()
		return err
	}
	c.wg.Go(func() { c.fetch(ctx) })
	return nil
}

// fetch hands over what the client has fetched, and waits until it is wanted.
func (c *consumer) fetch(ctx context.Context) {
	for {
		var all []fetched
		fetches := c.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			if p.Err != nil || len(p.Records) > 0 {
				all = append(all, fetched{Partition: Partition{p.Topic, p.Partition}, records: p.Records, end: p.HighWatermark, err: p.Err})
			}
		})
		if len(all) == 0 {
			continue
		}
		c.handOver(ctx, all)
	}
}

func (c *consumer) handOver(ctx context.Context, all []fetched) {
	select {
	case c.fetched <- all:
		c.ctx.Wake()
	case <-ctx.Done():
	}
}

// fetchAgain fetches a partition again whose offset is out of range for the broker, if it is not: that of a topic that was just
// created says so.
func (c *consumer) fetchAgain(ctx context.Context, p Partition, next int64, cause error) {
	admin := kadm.NewClient(c.client)
	first, err := admin.ListStartOffsets(ctx, p.Topic)
	if err == nil {
		var end kadm.ListedOffsets
		end, err = admin.ListEndOffsets(ctx, p.Topic)
		a, ok1 := first.Lookup(p.Topic, p.Number)
		b, ok2 := end.Lookup(p.Topic, p.Number)
		if err == nil && ok1 && ok2 && a.Err == nil && b.Err == nil && a.Offset <= next && next <= b.Offset {
			c.client.RemoveConsumePartitions(map[string][]int32{p.Topic: {p.Number}})
			c.client.AddConsumePartitions(map[string]map[int32]kgo.Offset{p.Topic: {p.Number: kgo.NewOffset().At(next)}})
			return
		}
	}
	c.handOver(ctx, []fetched{{Partition: p, err: errors.Join(cause, err), checked: true}})
}

// NoMoreSplits tells the reader that it has all its partitions.
func (c *consumer) NoMoreSplits() { c.noMore = true }

// records are those that are read next, all of one partition; nil if there are none now. Some of them may be markers, or
// lie at or behind the partition's end.
func (c *consumer) records() (*fetched, error) {
	for more := true; more; more = c.take() {
		for i := range c.wait {
			f := &c.wait[i]
			if f.err != nil {
				if err := c.failed(f); err != nil {
					return nil, err
				}
				f.err = nil
			}
			if len(f.records) > 0 && !c.paused[f.Partition] && c.splits[f.Partition] != nil {
				return f, nil
			}
		}
		c.wait = slices.DeleteFunc(c.wait, func(f fetched) bool { return len(f.records) == 0 || c.splits[f.Partition] == nil })
	}
	return nil, nil
}

// take takes what was fetched, and reports whether there was anything.
func (c *consumer) take() bool {
	select {
	case all := <-c.fetched:
		c.taken(all)
		return true
	default:
		return false
	}
}

func (c *consumer) taken(all []fetched) {
	for i := range all {
		f := &all[i]
		if f.gap != nil {
			c.looked(f)
		} else if s := c.splits[f.Partition]; s != nil && f.err == nil {
			s.end = f.end
		}
	}
	c.wait = append(c.wait, all...)
}

// failed is the error of a partition, nil if it does not concern the reader.
func (c *consumer) failed(f *fetched) error {
	s := c.splits[f.Partition]
	var lost *kgo.ErrDataLoss
	switch {
	case s == nil && f.Topic != "":
		return nil
	case errors.As(f.err, &lost) && c.cfg.reset != nil:
		warn("flott: kafka: records are lost, and auto.offset.reset says that reading goes on", "partition", f.Partition, "cause", f.err)
		return nil
	case errors.Is(f.err, kerr.OffsetOutOfRange) && !f.checked:
		p, next, cause := f.Partition, s.next, f.err
		c.wg.Go(func() { c.fetchAgain(c.fetching, p, next, cause) })
		return nil
	case errors.Is(f.err, kerr.OffsetOutOfRange), errors.As(f.err, &lost):
		return fmt.Errorf("kafka: the records of partition %s from offset %d on are not there any more, or were never; to lose them, or to "+
			"read some again, set auto.offset.reset to earliest or latest: %w", f.Partition, s.next, f.err)
	case f.Topic == "" && f.checked:
		return fmt.Errorf("kafka: %w", f.err)
	case f.Topic == "":
		return fmt.Errorf("kafka: %w", c.cfg.explain(f.err))
	}
	return fmt.Errorf("kafka: partition %s: %w", f.Partition, c.cfg.explain(f.err))
}

// each has records of a partition dealt with while there is room, but for those that are passed by, and moves its position.
func (c *consumer) each(f *fetched, s *split, out output, do func(k *kgo.Record) error) error {
	for out.Room() > 0 && len(f.records) > 0 && !s.ended() {
		k := f.records[0]
		if passed, end := c.pass(s, k); end {
			break
		} else if !passed {
			if err := do(k); err != nil {
				return err
			}
			s.next = k.Offset + 1
		}
		f.records = f.records[1:]
		k.Recycle()
	}
	c.leave(out, s)
	return nil
}

// pass passes by a record that is no user's, or not wanted, and reports whether it did; end says that the partition ends
// before it.
func (c *consumer) pass(s *split, r *kgo.Record) (passed, end bool) {
	switch {
	case r.Offset >= s.stop:
		s.next = s.stop
		return false, true
	case r.Offset < s.next: // read before the restart
		return true, false
	case r.Attrs.IsControl():
		s.next = r.Offset + 1
		return true, false
	}
	return false, false
}

// output is what the engine gives a reader to fill.
type output interface {
	Split(id string)
	Finished()
	Room() int
}

// next begins a poll: it returns the records that are read next and their partition; without any, what Poll returns.
func (c *consumer) next(out output) (f *fetched, s *split, status connect.Status, err error) {
	for len(c.ended) > 0 {
		if s, c.ended = c.ended[0], c.ended[1:]; c.splits[s.Partition] != s {
			continue // it was left, as records behind its end came, too
		}
		out.Split(s.id)
		c.leave(out, s)
		return nil, nil, connect.More, nil
	}
	if f, err = c.records(); err != nil || f == nil {
		return nil, nil, c.idle(), err
	}
	c.lookAt = time.Time{}
	s = c.splits[f.Partition]
	out.Split(s.id)
	return f, s, connect.More, nil
}

// leave ends a poll: it gives up the partition if that is at its end.
func (c *consumer) leave(out output, s *split) {
	if !s.ended() {
		return
	}
	out.Finished()
	delete(c.splits, s.Partition)
	c.commits.finished[s.Partition] = s.next
	if c.client != nil {
		c.client.RemoveConsumePartitions(map[string][]int32{s.Topic: {s.Number}})
	}
	if len(c.splits) == 0 && !c.noMore {
		c.ctx.Request()
	}
}

// idle is what Poll reports when nothing was read.
func (c *consumer) idle() connect.Status {
	switch {
	case len(c.ended) > 0:
		return connect.More
	case len(c.splits) == 0 && c.noMore:
		return connect.Ended
	}
	c.look()
	return connect.Waiting
}

// Pause stops and resumes partitions.
func (c *consumer) Pause(stop, goOn []string) {
	ids := func(names []string) map[string][]int32 {
		all := map[string][]int32{}
		for p, s := range c.splits {
			if slices.Contains(names, s.id) {
				all[p.Topic] = append(all[p.Topic], p.Number)
			}
		}
		return all
	}
	each := func(all map[string][]int32, f func(Partition)) {
		for topic, numbers := range all {
			for _, n := range numbers {
				f(Partition{topic, n})
			}
		}
	}
	stopped, gone := ids(stop), ids(goOn)
	each(stopped, func(p Partition) { c.paused[p] = true })
	each(gone, func(p Partition) { delete(c.paused, p) })
	if c.client != nil {
		c.client.PauseFetchPartitions(stopped)
		c.client.ResumeFetchPartitions(gone)
	}
}

// Backlog is what the brokers had more when they were asked last.
func (c *consumer) Backlog() connect.Backlog {
	b := connect.Backlog{Bytes: -1}
	for _, s := range c.splits {
		b.Records += max(0, min(s.end, s.stop)-s.next)
	}
	return b
}

// Snapshot has the partitions at their positions.
func (c *consumer) Snapshot() ([]connect.Split, error) {
	splits := make([]connect.Split, 0, len(c.splits))
	for _, p := range slices.SortedFunc(maps.Keys(c.splits), comparePartitions) {
		splits = append(splits, c.splits[p].encode())
	}
	return splits, nil
}

// Snapshotted keeps the positions of a checkpoint.
func (c *consumer) Snapshotted(checkpoint int64) { c.commits.keep(checkpoint, c.splits) }

// Completed writes the positions of a checkpoint as offsets of the group.
func (c *consumer) Completed(checkpoint int64) { c.commits.write(checkpoint, c.client) }

// Close disconnects.
func (c *consumer) Close() error {
	c.commits.close()
	if c.client != nil {
		c.stop()
		c.wg.Wait()
		// A client of franz-go 1.22.3 that learns of a partition's leader while it is closed begins to fetch from there: so there are no
		// partitions any more.
		all := map[string][]int32{}
		for p := range c.splits {
			all[p.Topic] = append(all[p.Topic], p.Number)
		}
		c.client.RemoveConsumePartitions(all)
		c.client.Close()
		c.client = nil
	}
	return nil
}
