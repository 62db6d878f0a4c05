package dir

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/flott-dev/flott/internal/durable"
	"github.com/flott-dev/flott/internal/ha"
)

// term is a leadership. It holds lock.
type term struct {
	*ha.Term
	*Store
	lock   *durable.Lock
	turn   chan struct{} // is full while this process writes: a queue before the lock
	writes atomic.Int64
}

// guard ends the term when another one leads, and gives the lock back at its end.
func (t *term) guard() {
	defer t.lock.Unlock()
	for {
		if err := t.wait(t.Context(), t.watch); err != nil {
			t.Lose(err) // it has ended already, or the store was closed
			return
		}
		if err := t.leads(); errors.Is(err, ha.ErrDeposed) {
			t.Lose(err)
			return
		}
	}
}

// leads looks whether this is still the leader.
func (t *term) leads() error {
	l, err := t.state()
	switch {
	case err != nil:
		return err
	case l.Epoch != t.Leader().Epoch:
		return fmt.Errorf("%w: %s", ha.ErrDeposed, l.who())
	case !t.lock.Valid():
		return fmt.Errorf("%w: %s was removed", ha.ErrDeposed, t.path("lock"))
	}
	return nil
}

// exclusive runs write while nobody else writes, if this is the leader.
func (t *term) exclusive(ctx context.Context, write func() error) error {
	select {
	case t.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-t.turn }()
	writing, err := t.lockWriting(ctx)
	if err != nil {
		return err
	}
	defer writing.Unlock()
	if err := t.leads(); err != nil {
		if errors.Is(err, ha.ErrDeposed) {
			t.Lose(err)
		}
		return err
	}
	t.at(true)
	return write()
}

// write changes a record that has the version was, "" if it must not be there. The value is nil to
// delete it.
func (t *term) write(ctx context.Context, op, key string, was ha.Version, value []byte) (next ha.Version, err error) {
	err = ha.CheckKey(key)
	if err == nil {
		err = t.Check(ctx)
	}
	if err == nil {
		err = t.exclusive(ctx, func() error {
			if err := t.Check(ctx); err != nil {
				return err
			}
			next, err = t.change(key, was, value)
			return err
		})
	}
	return next, t.fail(op, key, err)
}

// change is write under the lock.
func (t *term) change(key string, was ha.Version, value []byte) (ha.Version, error) {
	now, err := t.version(key)
	switch {
	case err != nil && !errors.Is(err, ha.ErrNotFound):
		return "", err
	case was == "" && now != "":
		return "", ha.ErrExists
	case was != now:
		return "", ha.ErrConflict
	case value == nil:
		return "", durable.Remove(t.record(key))
	}
	v := version{t.Leader().Epoch, t.writes.Add(1)}
	return v.text(), durable.WriteFile(t.record(key), encode(v, value), 0o600)
}

// Confirm reads who leads.
func (t *term) Confirm(ctx context.Context) error {
	err := t.Check(ctx)
	if err == nil {
		err = t.leads()
	}
	if errors.Is(err, ha.ErrDeposed) {
		t.Lose(err)
	}
	return t.fail("confirm", "", err)
}

// Put makes a record.
func (t *term) Put(ctx context.Context, key string, value []byte) (ha.Version, error) {
	return t.write(ctx, "write", key, "", present(value))
}

// Swap replaces a record.
func (t *term) Swap(ctx context.Context, key string, was ha.Version, value []byte) (ha.Version, error) {
	if was == "" {
		return "", t.fail("swap", key, ha.ErrConflict)
	}
	return t.write(ctx, "swap", key, was, present(value))
}

// Delete removes a record.
func (t *term) Delete(ctx context.Context, key string, was ha.Version) error {
	if was == "" {
		return t.fail("delete", key, ha.ErrConflict)
	}
	_, err := t.write(ctx, "delete", key, was, nil)
	return err
}

// present is a value that is not nil.
func present(value []byte) []byte {
	if value == nil {
		return []byte{}
	}
	return value
}

// Resign writes that nobody leads, and gives the lock back.
func (t *term) Resign(ctx context.Context) error {
	if t.Context().Err() != nil {
		return nil
	}
	err := t.exclusive(ctx, func() error {
		l, err := t.state()
		if err == nil {
			l.Resigned = true
			err = t.setState(l)
		}
		return err
	})
	t.Lose(ha.ErrResigned)
	t.lock.Unlock()
	if errors.Is(err, ha.ErrDeposed) {
		err = nil // it need not resign any more
	}
	return t.fail("resign", "", err)
}
