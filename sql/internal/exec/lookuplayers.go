package exec

import (
	"container/list"
	"context"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/row"
)

// LookupOptions are what a LookupJoin puts before the lookup of a connector:
//
//	row ──▶ again where there is nothing ──▶ cache ──▶ again where it fails ──▶ connect.Lookup
//
// Whatever waits has the subtask wait.
type LookupOptions struct {
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

// layered puts the layers that the options ask for before a lookup.
func (o *LookupOptions) layered(l connect.Lookup, keys, out []*row.Type, env lookupEnv) connect.Lookup {
	if o.Retries > 0 {
		l = &failingLookup{layer{l}, env, o.Retries}
	}
	if o.Cache {
		l = &cachedLookup{
			layer: layer{l}, o: o, env: env, keys: colcodec.NewLayout(keys), rows: colcodec.NewLayout(out),
			entries: map[string]*list.Element{}, recent: list.New(),
		}
	}
	if o.Attempts > 1 {
		l = &missingLookup{layer{l}, env, o}
	}
	return l
}

// layer is before another lookup.
type layer struct{ next connect.Lookup }

func (l layer) Close() error { return l.next.Close() }

// failingLookup tries again what fails.
type failingLookup struct {
	layer
	env     lookupEnv
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
	env lookupEnv
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
	env        lookupEnv
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

func (l *cachedLookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (int, error) {
	now := l.env.clock.Now()
	l.key = l.keys.Append(l.key[:0], keys, place)
	if e := l.entries[string(l.key)]; e != nil {
		if c := e.Value.(*cached); !l.isOver(c, now) {
			c.asked = now
			l.recent.MoveToFront(e)
			return c.n, l.decode(c, out)
		}
		l.drop(e)
	}
	had := 0
	if len(out) > 0 {
		had = out[0].N
	}
	n, err := l.next.Lookup(keys, place, out)
	if err != nil || n == 0 && !l.o.Missing {
		return n, err
	}
	c := &cached{key: string(l.key), n: n, written: l.env.clock.Now()}
	c.asked = c.written
	for i := range n {
		c.rows = l.rows.Append(c.rows, out, had+i)
	}
	l.entries[c.key] = l.recent.PushFront(c)
	l.held += c.size()
	l.shrink(c.written)
	return n, nil
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
