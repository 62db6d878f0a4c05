package exec

import (
	"container/list"
	"context"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/colcodec"
)

// LookupOptions are what a LookupJoin puts before the lookup of a connector:
//
//	row ──▶ cache ──▶ again where there is nothing ──▶ again where it fails ──▶ connect.Lookup
//
// Whatever waits has the subtask wait, unless it is Async, which has goroutines wait for what is behind the cache.
type LookupOptions struct {
	Async LookupAsync
	// Full keeps the whole table, in place of the lookup of a connector.
	Full LookupFull
	// Cache keeps what was looked up, in each subtask: at most MaxRows rows, a key without rows being one, the longest
	// unused going first; 0 is any number.
	Cache   bool
	MaxRows int
	// AfterWrite and AfterAccess are how long it is kept since it was looked up, and since it was last used; 0 is for
	// ever.
	AfterWrite, AfterAccess time.Duration
	// Missing keeps keys that have no rows, too.
	Missing bool
	// Retries is how often a failure is tried again: after a second, two, three.
	Retries int
	// Attempts is how often a key is looked up that has no rows, Delay what lies between; 0 and 1 are once.
	Attempts int
	Delay    time.Duration
}

// LookupAsync is how several rows are looked up at once; the zero value is one after the other.
type LookupAsync struct {
	Capacity  int           // rows in flight in a subtask, 0 for one after the other
	Timeout   time.Duration // of a row, with all retries; 0 is for ever
	Unordered bool          // results go out as they come
}

// lookupEnv is what the layers need to wait.
type lookupEnv struct {
	ctx   context.Context
	clock clock.Clock
}

// wait waits, unless the job ends first.
func (e *lookupEnv) wait(d time.Duration) error {
	over := make(chan struct{})
	stop := e.clock.AfterFunc(d, func() { close(over) })
	defer stop()
	select {
	case <-over:
		return nil
	case <-e.ctx.Done():
		return e.ctx.Err()
	}
}

// retried puts the layers before a lookup that try again.
func (o *LookupOptions) retried(l connect.Lookup, env *lookupEnv) connect.Lookup {
	if o.Retries > 0 && o.Full.Reload == ReloadNever {
		l = &failingLookup{layer{l}, env, o.Retries}
	}
	if o.Attempts > 1 {
		l = &missingLookup{layer{l}, env, o}
	}
	return l
}

// cached puts the cache before a lookup, which may be nil where get and put are called.
func (o *LookupOptions) cached(l connect.Lookup, op *LookupJoin, env *lookupEnv) connect.Lookup {
	if !o.Cache {
		return l
	}
	return newCachedLookup(l, op, env)
}

// layer is before another lookup.
type layer struct{ next connect.Lookup }

func (l layer) Close() error { return l.next.Close() }

// boundLookup is an AsyncLookup for one goroutine at a time.
type boundLookup struct {
	connect.AsyncLookup
	env *lookupEnv
}

func (l boundLookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	return l.LookupAsync(l.env.ctx, keys, place, out)
}

// failingLookup tries again what fails.
type failingLookup struct {
	layer
	env     *lookupEnv
	retries int
}

func (l *failingLookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	had := 0
	if len(out) > 0 {
		had = out[0].N
	}
	for retry := 1; ; retry++ {
		n, err := l.next.Lookup(keys, place, out)
		if err == nil || retry > l.retries {
			return n, err
		}
		for _, v := range out { // what was found before it failed
			v.Truncate(had)
		}
		if l.env.wait(time.Duration(retry)*time.Second) != nil {
			return 0, err
		}
	}
}

// missingLookup looks up again what is not there.
type missingLookup struct {
	layer
	env *lookupEnv
	o   *LookupOptions
}

func (l *missingLookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	for attempt := 1; ; attempt++ {
		n, err := l.next.Lookup(keys, place, out)
		if n > 0 || err != nil || attempt >= l.o.Attempts {
			return n, err
		}
		if err := l.env.wait(l.o.Delay); err != nil {
			return 0, err
		}
	}
}

// cachedLookup keeps rows as bytes, by the bytes of their keys.
type cachedLookup struct {
	layer
	o          *LookupOptions
	env        *lookupEnv
	keys, rows *colcodec.Layout
	entries    map[string]*list.Element
	recent     *list.List // of *cached, the last used first
	held       int        // rows, and keys without
	key        []byte
}

type cached struct {
	key            string
	rows           []byte
	n              int
	written, asked time.Time
}

func (c *cached) size() int { return max(1, c.n) }

func newCachedLookup(l connect.Lookup, op *LookupJoin, env *lookupEnv) *cachedLookup {
	return &cachedLookup{
		layer: layer{l}, o: &op.Options, env: env, keys: colcodec.NewLayout(op.keyTypes()), rows: colcodec.NewLayout(types(op.lookedUp())),
		entries: map[string]*list.Element{}, recent: list.New(),
	}
}

func (l *cachedLookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	if n, ok, err := l.get(keys, place, out); ok {
		return n, err
	}
	had := 0
	if len(out) > 0 {
		had = out[0].N
	}
	n, err := l.next.Lookup(keys, place, out)
	if err == nil {
		l.put(keys, place, out, had, n)
	}
	return n, err
}

// get appends the rows that are kept for a key; ok is false where nothing is known of it.
func (l *cachedLookup) get(keys []*column.Vector, place int, out []*column.Vector) (n int, ok bool, err error) {
	now := l.env.clock.Now()
	l.key = l.keys.Append(l.key[:0], keys, place)
	e := l.entries[string(l.key)]
	if e == nil {
		return 0, false, nil
	}
	c := e.Value.(*cached)
	if l.isOver(c, now) {
		l.drop(e)
		return 0, false, nil
	}
	c.asked = now
	l.recent.MoveToFront(e)
	return c.n, true, l.decode(c, out)
}

// put keeps the last n rows of vectors for a key.
func (l *cachedLookup) put(keys []*column.Vector, place int, out []*column.Vector, had, n int) {
	if n == 0 && !l.o.Missing {
		return
	}
	now := l.env.clock.Now()
	c := &cached{key: string(l.keys.Append(l.key[:0], keys, place)), n: n, written: now, asked: now}
	for i := range n {
		c.rows = l.rows.Append(c.rows, out, had+i)
	}
	if e := l.entries[c.key]; e != nil { // looked up by another row at the same time
		l.drop(e)
	}
	l.entries[c.key] = l.recent.PushFront(c)
	l.held += c.size()
	l.shrink(now)
}

func (l *cachedLookup) decode(c *cached, out []*column.Vector) (err error) {
	rest := c.rows
	for range c.n {
		if rest, err = l.rows.Decode(rest, out); err != nil {
			return err
		}
	}
	return nil
}

func (l *cachedLookup) isOver(c *cached, now time.Time) bool {
	return l.o.AfterWrite > 0 && now.Sub(c.written) >= l.o.AfterWrite || l.o.AfterAccess > 0 && now.Sub(c.asked) >= l.o.AfterAccess
}

// shrink drops what is too much, and of what has not been used for longest what is over.
func (l *cachedLookup) shrink(now time.Time) {
	for e := l.recent.Back(); e != nil; e = l.recent.Back() {
		if !(l.o.MaxRows > 0 && l.held > l.o.MaxRows) && !l.isOver(e.Value.(*cached), now) {
			return
		}
		l.drop(e)
	}
}

func (l *cachedLookup) drop(e *list.Element) {
	c := l.recent.Remove(e).(*cached)
	delete(l.entries, c.key)
	l.held -= c.size()
}
