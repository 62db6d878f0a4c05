package exec

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
)

// LookupFull says when a table that is kept as a whole is read again.
type LookupFull struct {
	Reload LookupReload
	// Interval lies between two reloads: between the end of one and the start of the next with ReloadDelay, between the
	// starts with ReloadRate.
	Interval time.Duration
	// TimeOfDay is when reloads begin with ReloadTimed, every Days days: in the session's time zone, unless HasOffset says that
	// it is that of a zone OffsetSeconds ahead of UTC.
	TimeOfDay     time.Duration
	Days          int
	HasOffset     bool
	OffsetSeconds int
}

// LookupReload is a strategy of reloading.
type LookupReload string

// The strategies. ReloadNever is for tables that are not kept as a whole.
const (
	ReloadNever LookupReload = ""
	ReloadDelay LookupReload = "FIXED_DELAY"
	ReloadRate  LookupReload = "FIXED_RATE"
	ReloadTimed LookupReload = "TIMED"
)

// first is when the table is read again that was read for the first time.
func (f *LookupFull) first(began, ended time.Time, zone *time.Location) time.Time {
	if f.Reload != ReloadTimed {
		return f.next(began, ended)
	}
	switch {
	case f.HasOffset:
		zone = time.FixedZone("", f.OffsetSeconds)
	case zone == nil:
		zone = time.UTC
	}
	y, m, d := began.In(zone).Date()
	at := func(day int) time.Time { return time.Date(y, m, day, 0, 0, 0, int(f.TimeOfDay), zone) }
	if today := at(d); today.After(began) {
		return today
	}
	return at(d + 1)
}

// next is when the table is read again, if the last time was due and ended at these times.
func (f *LookupFull) next(due, ended time.Time) time.Time {
	switch f.Reload {
	case ReloadDelay:
		return ended.Add(f.Interval)
	case ReloadRate:
		return due.Add(f.Interval)
	}
	return due.AddDate(0, 0, f.Days)
}

// fullLookup keeps a whole table in memory and reads it again now and then, on another goroutine; then the new table takes the
// place of the old one. As in Flink, a table that cannot be read, which is tried again as a lookup is, fails the job: also later,
// since what is old may be wrong.
type fullLookup struct {
	op      *LookupJoin
	env     *lookupEnv
	cancel  context.CancelFunc
	ctx     connect.ReaderContext
	run     func(work func()) // on another goroutine
	work    sync.WaitGroup
	due     time.Time // when the next reload is
	key     []byte
	keys    *colcodec.Layout
	table   atomic.Pointer[keptTable]
	failure atomic.Pointer[error]
	places  []int32
	mu      struct {
		sync.Mutex
		stop   func() // the timer of the next reload
		closed bool
	}
}

// keptTable is the rows of a table, in order, by their keys.
type keptTable struct {
	cols  []*column.Vector
	first map[string]int32 // the first row of a key
	next  []int32          // behind each row, the next one of its key, -1 for none
}

func newFullLookup(op *LookupJoin, task *operator.Context, env *lookupEnv) (connect.Lookup, error) {
	l := &fullLookup{op: op, keys: colcodec.NewLayout(op.keyTypes()), run: task.Go}
	if l.run == nil {
		l.run = l.work.Go
	}
	inside, cancel := context.WithCancel(env.ctx)
	l.env, l.cancel = &lookupEnv{inside, env.clock}, cancel
	l.ctx = readerContext(task, l.env)
	if err := l.load(); err != nil {
		cancel()
		return nil, err
	}
	return l, nil
}

// load reads the table, tries again as often as the options say, and has it read again later.
func (l *fullLookup) load() error {
	began := l.env.clock.Now()
	for retry := 1; ; retry++ {
		t, err := l.read()
		if err == nil {
			l.table.Store(t)
			break
		}
		if retry > l.op.Options.Retries || l.env.wait(time.Duration(retry)*time.Second) != nil {
			return fmt.Errorf("read the table as a whole, for 'lookup.cache' = 'FULL': %w", err)
		}
	}
	ended := l.env.clock.Now()
	if l.due.IsZero() {
		l.due = l.op.Options.Full.first(began, ended, l.op.Zone)
	} else {
		l.due = l.op.Options.Full.next(l.due, ended)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.mu.closed {
		l.mu.stop = l.env.clock.AfterFunc(max(0, l.due.Sub(ended)), l.reload)
	}
	return nil
}

func (l *fullLookup) reload() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.mu.closed {
		return
	}
	l.run(func() {
		if err := l.load(); err != nil {
			l.failure.Store(&err)
		}
	})
}

// read makes a table of all rows.
func (l *fullLookup) read() (*keptTable, error) {
	source, at, project := l.op.Scan()
	t := &keptTable{cols: newVectors(l.op.lookedUp()), first: map[string]int32{}}
	keys := make([]*column.Vector, len(at))
	for i, c := range at {
		keys[i] = column.New(source.Schema().Fields[c].Type)
	}
	err := readAll(l.ctx, l.env, source, func(b *batch.Columns) error {
		places := make([]int32, b.Len())
		for i := range places {
			places[i] = int32(b.Row(i))
		}
		for i, v := range keys {
			v.AppendAll(b.Cols[at[i]], places)
		}
		for i, v := range t.cols {
			v.AppendAll(b.Cols[project[i]], places)
			if len(v.Data) > math.MaxInt32 || v.N > math.MaxInt32 {
				return errors.New("a column has more than 2 GB or 2 billion rows, which is too much to be kept")
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	t.index(l.keys, keys)
	return t, nil
}

// index goes from the last row to the first one, so that those of a key are in order.
func (t *keptTable) index(layout *colcodec.Layout, keys []*column.Vector) {
	n := keys[0].N
	t.next = make([]int32, n)
	var key []byte
	for i := n - 1; i >= 0; i-- {
		t.next[i] = -1
		if anyNull(keys, i) {
			continue
		}
		key = layout.Append(key[:0], keys, i)
		if first, ok := t.first[string(key)]; ok {
			t.next[i] = first
		}
		t.first[string(key)] = int32(i)
	}
}

func (l *fullLookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	if err := l.failure.Load(); err != nil {
		return 0, *err
	}
	t := l.table.Load()
	l.key = l.keys.Append(l.key[:0], keys, place)
	at, ok := t.first[string(l.key)]
	if !ok {
		return 0, nil
	}
	l.places = l.places[:0]
	for ; at >= 0; at = t.next[at] {
		l.places = append(l.places, at)
	}
	for i, v := range out {
		v.AppendAll(t.cols[i], l.places)
	}
	return len(l.places), nil
}

func (l *fullLookup) Close() error {
	l.mu.Lock()
	l.mu.closed = true
	if l.mu.stop != nil {
		l.mu.stop()
	}
	l.mu.Unlock()
	l.cancel()
	l.work.Wait()
	return nil
}
