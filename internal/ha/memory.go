package ha

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Memory is a Store in the memory of this process: what a JobManager without high availability has,
// and what simulations and tests of its users have.
type Memory struct {
	mu struct {
		sync.Mutex
		leader  Leader
		term    *memoryTerm // nil if nobody leads
		writes  int64
		records map[string]Record
		changed chan struct{} // is closed with each change of the leader
		closed  bool
	}
}

// NewMemory returns a store without records.
func NewMemory() *Memory {
	m := &Memory{}
	m.mu.records = map[string]Record{}
	m.mu.changed = make(chan struct{})
	return m
}

type memoryTerm struct {
	*Term
	*Memory
}

func (m *Memory) fail(op, what string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, What: what, Where: "memory", Err: err}
}

// Campaign waits until nobody else leads.
func (m *Memory) Campaign(ctx context.Context, c Contender) (Leadership, error) {
	for {
		l, changed, err := m.try(c)
		if l != nil {
			return l, nil
		}
		if err == nil {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				l := m.now()
				err = fmt.Errorf("%s leads in epoch %d: %w", l.Name, l.Epoch, context.Cause(ctx))
			}
		}
		return nil, m.fail("campaign", c.Name, err)
	}
}

func (m *Memory) now() Leader {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.mu.leader
}

// try returns a term, or what to wait for.
func (m *Memory) try(c Contender) (Leadership, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.closed {
		return nil, nil, ErrClosed
	}
	if m.mu.term != nil {
		return nil, m.mu.changed, nil
	}
	m.mu.leader = Leader{m.mu.leader.Epoch + 1, c}
	m.mu.term = &memoryTerm{NewTerm(m.mu.leader), m}
	m.changedLocked()
	return m.mu.term, nil, nil
}

func (m *Memory) changedLocked() {
	close(m.mu.changed)
	m.mu.changed = make(chan struct{})
}

// Watch tells every change that there is time for.
func (m *Memory) Watch(ctx context.Context, seen func(Leader)) error {
	for last, told := (Leader{}), false; ; told = true {
		m.mu.Lock()
		leader, changed := m.mu.leader, m.mu.changed
		if m.mu.term == nil {
			leader = Leader{}
		}
		closed := m.mu.closed
		m.mu.Unlock()
		if !told || leader != last {
			seen(leader)
			last = leader
		}
		if closed {
			return m.fail("watch", "", ErrClosed)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Depose makes the leader lose its leadership as if its lease were over, for tests.
func (m *Memory) Depose() { m.lose(nil, ErrDeposed) }

// lose ends the term t, or whichever there is.
func (m *Memory) lose(t *memoryTerm, cause error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.term == nil || t != nil && t != m.mu.term {
		return
	}
	m.mu.term.Lose(cause)
	m.mu.term = nil
	m.changedLocked()
}

// Close ends the leadership.
func (m *Memory) Close() error {
	m.mu.Lock()
	m.mu.closed = true
	m.mu.Unlock()
	m.lose(nil, ErrClosed)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changedLocked()
	return nil
}

// Get returns a copy.
func (m *Memory) Get(ctx context.Context, key string) (Record, error) {
	if ctx.Err() != nil {
		return Record{}, m.fail("read", key, context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.mu.records[key]
	if !ok {
		return Record{}, m.fail("read", key, ErrNotFound)
	}
	return Record{slices.Clone(r.Value), r.Version}, nil
}

// List returns keys.
func (m *Memory) List(ctx context.Context, prefix string) ([]Entry, error) {
	if ctx.Err() != nil {
		return nil, m.fail("list", prefix, context.Cause(ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var list []Entry
	for _, key := range slices.Sorted(maps.Keys(m.mu.records)) {
		if strings.HasPrefix(key, prefix) {
			list = append(list, Entry{key, m.mu.records[key].Version})
		}
	}
	return list, nil
}

// write changes a record that has the version was, "" if it must not be there. The value is nil to
// delete it.
func (t *memoryTerm) write(ctx context.Context, key string, was Version, value []byte) (Version, error) {
	if err := CheckKey(key); err != nil {
		return "", err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.Check(ctx); err != nil {
		return "", err
	}
	now, ok := t.mu.records[key]
	switch {
	case was == "" && ok:
		return "", ErrExists
	case was != now.Version:
		return "", ErrConflict
	case value == nil:
		delete(t.mu.records, key)
		return "", nil
	}
	t.mu.writes++
	r := Record{slices.Clone(value), Version(fmt.Sprint(t.mu.writes))}
	t.mu.records[key] = r
	return r.Version, nil
}

// Confirm asks whether the term lasts.
func (t *memoryTerm) Confirm(ctx context.Context) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.fail("confirm", "", t.Check(ctx))
}

// Put makes a record.
func (t *memoryTerm) Put(ctx context.Context, key string, value []byte) (Version, error) {
	v, err := t.write(ctx, key, "", present(value))
	return v, t.fail("write", key, err)
}

// Swap replaces a record.
func (t *memoryTerm) Swap(ctx context.Context, key string, was Version, value []byte) (Version, error) {
	if was == "" {
		return "", t.fail("swap", key, ErrConflict)
	}
	v, err := t.write(ctx, key, was, present(value))
	return v, t.fail("swap", key, err)
}

// Delete removes a record.
func (t *memoryTerm) Delete(ctx context.Context, key string, was Version) error {
	if was == "" {
		return t.fail("delete", key, ErrConflict)
	}
	_, err := t.write(ctx, key, was, nil)
	return t.fail("delete", key, err)
}

// Resign ends the term.
func (t *memoryTerm) Resign(context.Context) error {
	t.lose(t, ErrResigned)
	return nil
}

// present is a value that is not nil.
func present(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}
