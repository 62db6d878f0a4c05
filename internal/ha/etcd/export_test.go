package etcd

import (
	"context"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/flott-dev/flott/internal/ha"
)

// Blind makes leaders learn only from their lease and their writes that they are deposed.
func (s *Store) Blind() { s.blind = true }

// Client is the store's.
func (s *Store) Client() *clientv3.Client {
	if err := s.connect(); err != nil {
		panic(err)
	}
	return s.client
}

// LeaderKey is the key of the leader.
func (s *Store) LeaderKey() string { return s.leaderKey() }

// Lease is that of a leadership.
func Lease(l ha.Leadership) clientv3.LeaseID { return l.(*term).lease.id }

// LatePut returns the request of a Put as it is made now. It reports whether it had an effect.
func LatePut(l ha.Leadership, key string, value []byte) func(context.Context) (bool, error) {
	t := l.(*term)
	w := t.toPut(key, 0, value)
	fence := t.fence.Load()
	return func(ctx context.Context) (bool, error) {
		resp, err := w.request(ctx, fence)
		return err == nil && resp.Succeeded, err
	}
}

// MoveFence does what a leader does after a request without an answer.
func MoveFence(ctx context.Context, l ha.Leadership) error {
	t := l.(*term)
	w := t.toPut("none", 0, nil)
	_, _, err := w.settle(ctx, context.DeadlineExceeded)
	return err
}
