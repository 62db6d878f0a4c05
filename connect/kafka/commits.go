package kafka

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/metric"
)

// commits writes a reader's positions as offsets of the group when checkpoints are complete. Nothing depends on them, so
// a failure is counted and no more.
type commits struct {
	group        string          // "" for none
	ctx          context.Context // of writes
	cancel       context.CancelFunc
	kept         []positions
	finished     map[Partition]int64 // partitions that are read to their end, since the last write
	done, failed *metric.Counter
	wg           sync.WaitGroup
	mu           sync.Mutex // one write at a time
}

// positions are those of a checkpoint.
type positions struct {
	checkpoint int64
	at         map[Partition]int64
}

func newCommits(cfg *config, m *metric.Group) *commits {
	ctx, cancel := context.WithCancel(context.Background())
	c := &commits{
		ctx: ctx, cancel: cancel,
		finished: map[Partition]int64{}, done: m.Counter("commitsSucceeded"), failed: m.Counter("commitsFailed"),
	}
	if cfg.commitOffsets {
		c.group = cfg.group
	}
	return c
}

// keep keeps the positions of a checkpoint.
func (c *commits) keep(checkpoint int64, splits map[Partition]*split) {
	if c.group == "" {
		return
	}
	at := maps.Clone(c.finished)
	for p, s := range splits {
		at[p] = s.next
	}
	c.kept = append(c.kept, positions{checkpoint, at})
}

// write writes the positions of a checkpoint in the background.
func (c *commits) write(checkpoint int64, client *kgo.Client) {
	var newest map[Partition]int64
	for len(c.kept) > 0 && c.kept[0].checkpoint <= checkpoint {
		newest, c.kept = c.kept[0].at, c.kept[1:]
	}
	if len(newest) == 0 || client == nil {
		return
	}
	var offsets kadm.Offsets
	for p, at := range newest {
		offsets.AddOffset(p.Topic, p.Number, at, -1)
		if c.finished[p] == at {
			delete(c.finished, p)
		}
	}
	c.wg.Go(func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if err := kadm.NewClient(client).CommitAllOffsets(c.ctx, c.group, offsets); err != nil {
			c.failed.Add(1)
			warn("flott: kafka: the offsets of the group could not be written; the job does not depend on them", "group", c.group, "cause", err)
			return
		}
		c.done.Add(1)
	})
}

// closeWait is how long the last write may take.
const closeWait = 500 * time.Millisecond

// close waits for the last write, but not long.
func (c *commits) close() {
	defer time.AfterFunc(closeWait, c.cancel).Stop()
	c.wg.Wait()
	c.cancel()
}
