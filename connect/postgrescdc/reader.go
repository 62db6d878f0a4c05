package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/flott-dev/flott/connect"
)

// newEnumerator deals the one split out.
func newEnumerator(ctx connect.EnumeratorContext, encoded []byte) (connect.Enumerator, error) {
	if encoded == nil {
		split, err := (&state{}).encode()
		return connect.NewDeal(ctx, []connect.Split{split}), err
	}
	splits, err := connect.DecodeSplits(encoded)
	if err != nil {
		return nil, fmt.Errorf("postgrescdc: %w", err)
	}
	d := connect.NewDeal(ctx, nil)
	d.Back(0, splits)
	return d, nil
}

// follower hands over what the runner has read.
type follower struct {
	ctx    connect.ReaderContext
	cfg    *config
	check  func(*relation) error
	st     *state // behind what was handed over; nil without the split
	noMore bool

	runner  *runner // nil until it is polled
	cancel  context.CancelFunc
	running sync.WaitGroup
	now     *batch
	at      int
	kept    []position
}

// position is that of a checkpoint.
type position struct {
	checkpoint int64
	lsn        uint64
}

// Assign takes the split.
func (f *follower) Assign(splits []connect.Split) error {
	for _, sp := range splits {
		st, err := decodeSplit(sp)
		if err != nil {
			return err
		}
		if f.st != nil {
			return errors.New("postgrescdc: there are two logs to read")
		}
		f.st = st
	}
	return nil
}

// NoMoreSplits tells that no split will come.
func (f *follower) NoMoreSplits() { f.noMore = true }

// Snapshot has the split at its position.
func (f *follower) Snapshot() ([]connect.Split, error) {
	if f.st == nil {
		return nil, nil
	}
	s, err := f.st.encode()
	return []connect.Split{s}, err
}

// Snapshotted keeps the position of a checkpoint.
func (f *follower) Snapshotted(checkpoint int64) {
	if f.st != nil {
		f.kept = append(f.kept, position{checkpoint, f.st.LSN})
	}
}

// Completed has the server told that it does not need the log any more before the position of the checkpoint.
func (f *follower) Completed(checkpoint int64) {
	for len(f.kept) > 0 && f.kept[0].checkpoint <= checkpoint {
		if f.runner != nil {
			f.runner.confirmed.Store(f.kept[0].lsn)
		}
		f.kept = f.kept[1:]
	}
}

// Close ends reading.
func (f *follower) Close() error {
	if f.cancel != nil {
		f.cancel()
		f.running.Wait()
		f.cancel = nil
	}
	return nil
}

// next is the batch that is handed over now; nil if there is none, for the reason that status tells.
func (f *follower) next() (b *batch, status connect.Status, err error) {
	switch {
	case f.st == nil && f.noMore:
		return nil, connect.Ended, nil
	case f.st == nil:
		return nil, connect.Waiting, nil
	case f.now != nil:
		return f.now, connect.More, nil
	case f.runner == nil:
		ctx, cancel := context.WithCancel(f.ctx.Context)
		f.runner = &runner{cfg: f.cfg, check: f.check, ready: make(chan *batch, 2), wake: f.ctx.Wake, st: f.st.clone()}
		f.cancel = cancel
		f.running.Go(func() { f.runner.run(ctx) })
	}
	select {
	case b := <-f.runner.ready:
		if b.err != nil {
			return nil, connect.More, b.err
		}
		if len(b.changes) == 0 {
			f.st = b.after
			return nil, connect.More, nil
		}
		f.now, f.at = b, 0
		return b, connect.More, nil
	default:
		return nil, connect.Waiting, nil
	}
}

// took tells that so many changes were handed over.
func (f *follower) took(n int) {
	b := f.now
	if f.at += n; f.at == len(b.changes) {
		f.st, f.now = b.after, nil
		return
	}
	if n == 0 {
		return
	}
	f.st = b.before.clone()
	last := &b.changes[f.at-1]
	if b.table == "" {
		f.st.LSN, f.st.Skip = last.lsn, last.skip
		return
	}
	var key []string
	all := values(nil, last.new)
	for _, i := range b.key {
		key = append(key, string(all[i].text))
	}
	f.st.Tables[b.table] = tableState{After: key}
}
