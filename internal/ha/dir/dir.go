// Package dir is a store of high availability in a directory: for JobManagers on one machine, or on
// machines that share a file system with locks.
//
//	<dir>/lock         is locked by the leader for as long as it leads
//	<dir>/leader       who that is, as JSON: epoch, name, address, process
//	<dir>/writing      is locked while a record or leader is written
//	<dir>/records/a+b  the record a/b
//
// A standby has the lock as soon as the leader's process is gone, however it died, and leads in the
// epoch after that in the file leader.
//
// # Non-obvious
//
//   - What holds without further ado is the lock on lock: a leader that is stopped keeps it. But a file
//     can be removed, and a server of a shared file system may forget locks. Therefore each write holds
//     writing too, and looks under it whether leader has still its epoch; a new leader holds it while it
//     changes leader. So two leaders never both succeed while that short lock holds.
//   - Files are written beside and renamed (internal/durable), and so are whole at any instant. What a
//     process that was killed leaves behind are temporary files, which the next leader removes.
//   - Other processes learn of leaders by reading the file leader every Poll.
package dir

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/flott-dev/flott/internal/durable"
	"github.com/flott-dev/flott/internal/ha"
)

// Options of a Store.
type Options struct {
	// Dir is the directory, which is made when something contends.
	Dir string
	// Poll is how often a standby tries the lock and an observer reads who leads. The default is 50 ms.
	Poll time.Duration
}

// Store is a ha.Store in a directory.
type Store struct {
	dir   string
	poll  time.Duration
	watch time.Duration // how often a leader looks whether it still is
	// at is called, by tests, at what may be a long moment: before writing is locked and, while it is,
	// before a record is changed.
	at func(locked bool)

	ctx   context.Context // ends with Close
	close context.CancelCauseFunc
	mu    struct {
		sync.Mutex
		terms sync.WaitGroup // is not added to after Close
	}
}

var _ ha.Store = (*Store)(nil)

// Open returns the store in a directory. It reads and makes nothing.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("the directory of high availability has no name")
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, err
	}
	if o.Poll <= 0 {
		o.Poll = 50 * time.Millisecond
	}
	s := &Store{dir: dir, poll: o.Poll, watch: o.Poll, at: func(bool) {}}
	s.ctx, s.close = context.WithCancelCause(context.Background())
	return s, nil
}

// Close ends all leaderships: others can lead then.
func (s *Store) Close() error {
	s.mu.Lock()
	s.close(ha.ErrClosed)
	s.mu.Unlock()
	s.mu.terms.Wait()
	return nil
}

func (s *Store) path(name string) string { return filepath.Join(s.dir, name) }

// fail makes an ha.Error with what the user can do.
func (s *Store) fail(op, what string, err error) error {
	if err == nil {
		return nil
	}
	var known *ha.Error
	if errors.As(err, &known) {
		return err
	}
	e := &ha.Error{Op: op, What: what, Where: s.dir, Err: err}
	var unsynced *durable.Unsynced
	if errors.As(err, &unsynced) {
		e.Err = fmt.Errorf("%w: %w", ha.ErrUncertain, err)
	}
	const other = "or set another high-availability.storageDir"
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Advice = fmt.Sprintf("let the user that runs Flott (id %d) write there, %s", os.Getuid(), other)
	case errors.Is(err, syscall.EROFS):
		e.Advice = "mount it for writing, " + other
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		e.Advice = "free some space there, " + other
	case errors.Is(err, errors.ErrUnsupported), errors.Is(err, syscall.ENOLCK):
		e.Advice = "its file system has no locks: " + other[len("or "):] + ", or high-availability.type: etcd"
	}
	return e
}

// state is the file leader.
type state struct {
	ha.Leader
	Host     string `json:"host"`
	Process  int    `json:"pid"`
	Resigned bool   `json:"resigned,omitempty"`
}

// who names a leader for people.
func (l *state) who() string {
	return fmt.Sprintf("%s at %s (process %d on %s) leads in epoch %d", l.Name, l.Address, l.Process, l.Host, l.Epoch)
}

// state reads the file leader. Epoch 0 says that there was none yet.
func (s *Store) state() (l state, err error) {
	data, err := os.ReadFile(s.path("leader"))
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &l)
		if err == nil && l.Epoch < 1 {
			err = errors.New("it has no epoch")
		}
		if err != nil {
			// To begin with epoch 1 again would let a leader of an older one write.
			err = fmt.Errorf("%s is damaged: %w; restore it, or use an empty directory", s.path("leader"), err)
		}
	}
	return l, err
}

func (s *Store) setState(l state) error {
	data, err := json.Marshal(l)
	if err != nil {
		return err
	}
	return durable.WriteFile(s.path("leader"), append(data, '\n'), 0o644)
}

// lockWriting takes the lock under which records and the leader change.
func (s *Store) lockWriting(ctx context.Context) (*durable.Lock, error) {
	s.at(false)
	for {
		l, err := durable.AwaitLock(ctx, s.path("writing"))
		if err != nil || l.Valid() {
			return l, err
		}
		l.Unlock() // its file was removed: others lock another one
	}
}

// wait waits before the next look.
func (s *Store) wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-s.ctx.Done():
		return context.Cause(s.ctx)
	}
}

// Campaign waits for the lock.
func (s *Store) Campaign(ctx context.Context, c ha.Contender) (ha.Leadership, error) {
	t, err := s.campaign(ctx, c)
	if err != nil {
		return nil, s.fail("campaign", c.Name, err)
	}
	return t, nil
}

func (s *Store) campaign(ctx context.Context, c ha.Contender) (*term, error) {
	if err := durable.MakeDirs(s.path("records")); err != nil {
		return nil, err
	}
	for {
		lock, err := durable.TryLock(s.path("lock"))
		if err == nil && lock.Valid() {
			return s.lead(ctx, c, lock)
		}
		if err == nil {
			lock.Unlock()
			continue
		}
		if !errors.Is(err, durable.ErrLocked) {
			return nil, err
		}
		if err := s.wait(ctx, s.poll); err != nil {
			if l, unread := s.state(); unread == nil && !l.Resigned && l.Epoch > 0 {
				err = fmt.Errorf("%s: %w", l.who(), err)
			}
			return nil, err
		}
	}
}

// lead begins the term of whoever holds the lock.
func (s *Store) lead(ctx context.Context, c ha.Contender, lock *durable.Lock) (*term, error) {
	leader, err := s.begin(ctx, c)
	if err != nil {
		lock.Unlock()
		return nil, err
	}
	t := &term{Term: ha.NewTerm(leader), Store: s, lock: lock, turn: make(chan struct{}, 1)}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		lock.Unlock()
		return nil, context.Cause(s.ctx)
	}
	s.mu.terms.Go(t.guard)
	return t, nil
}

// begin writes who leads, in the next epoch.
func (s *Store) begin(ctx context.Context, c ha.Contender) (ha.Leader, error) {
	writing, err := s.lockWriting(ctx)
	if err != nil {
		return ha.Leader{}, err
	}
	defer writing.Unlock()
	l, err := s.state()
	if err != nil {
		return ha.Leader{}, err
	}
	host, _ := os.Hostname()
	next := state{Leader: ha.Leader{Epoch: l.Epoch + 1, Contender: c}, Host: host, Process: os.Getpid()}
	if err := s.setState(next); err != nil {
		return ha.Leader{}, err
	}
	return next.Leader, s.removeTemporary()
}

// removeTemporary removes what processes that died in a write have left behind. writing is locked.
func (s *Store) removeTemporary() error {
	for _, dir := range []string{s.dir, s.path("records")} {
		list, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range list {
			if _, ok := durable.TempFor(e.Name()); !ok {
				continue
			}
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// Watch reads the file leader again and again. If the first time fails, so does Watch; later it goes on.
func (s *Store) Watch(ctx context.Context, seen func(ha.Leader)) error {
	for last, told := (ha.Leader{}), false; ; {
		l, err := s.state()
		if err != nil && !told {
			return s.fail("watch", "", err)
		}
		if l.Resigned {
			l.Leader = ha.Leader{}
		}
		if err == nil && (!told || l.Leader != last) {
			seen(l.Leader)
			last, told = l.Leader, true
		}
		if err := s.wait(ctx, s.poll); err != nil {
			return err
		}
	}
}
