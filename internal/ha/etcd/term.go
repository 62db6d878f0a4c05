package etcd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	pb "go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/flott-dev/flott/internal/ha"
)

// term is a leadership: the key of the leader as this process has created it.
type term struct {
	*ha.Term
	*Store
	lease   lease
	value   string // of the key of the leader
	created int64  // revision that created the key: while it has this one, nobody else has led
	// fence is the revision that last wrote the key. Every write compares it; to write the key again
	// makes all requests that are still on their way fail.
	fence  atomic.Int64
	writes atomic.Int64
	// keys has, for the hashes of keys, what is full while a record is changed: the next one waits.
	keys [64]chan struct{}
}

// renew keeps the lease, and ends the term when it is no longer certain.
func (t *term) renew() {
	over := time.AfterFunc(time.Until(t.lease.until), func() { t.expire(nil) })
	defer over.Stop()
	var last error
	for {
		wait := t.lease.ttl / 5
		if last != nil {
			wait = min(wait, 200*time.Millisecond)
		}
		if !t.sleep(wait) {
			return
		}
		sent := time.Now()
		ttl, err := t.renewOnce()
		switch {
		case err == nil && ttl > 0:
			if last != nil {
				t.opts.Log.Info("flott: the lease of the leader is renewed again", "at", t.where)
			}
			t.lease.until, last = certain(sent, ttl), nil
			// If the timer has fired meanwhile the term is over, whatever etcd says.
			over.Reset(time.Until(t.lease.until))
		case err == nil || errors.Is(err, rpctypes.ErrLeaseNotFound):
			t.Lose(fmt.Errorf("%w: the lease is over", ha.ErrDeposed))
		default:
			if last == nil {
				t.opts.Log.Warn("flott: the lease of the leader cannot be renewed", "at", t.where, "for",
					time.Until(t.lease.until), "error", err)
			}
			last = err
			if !time.Now().Before(t.lease.until) {
				t.expire(err)
			}
		}
	}
}

func (t *term) expire(err error) {
	cause := fmt.Errorf("%w, maybe: %s has not renewed the lease of %v in time", ha.ErrDeposed, t.where, t.lease.ttl)
	if err != nil {
		cause = fmt.Errorf("%w: %w", cause, err)
	}
	t.Lose(cause)
}

// sleep reports whether the term goes on. It ends it when the store is closed.
func (t *term) sleep(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-t.Context().Done():
	case <-t.ctx.Done():
		t.Lose(context.Cause(t.ctx))
	}
	return false
}

// renewOnce asks for one renewal and returns for how long it is, 0 if the lease is over. It does not wait for
// long: if a member is gone without a word, another one gets the next request. The library's
// own KeepAlive tells when an answer came, not when the request for it was sent; its KeepAliveOnce asks
// again without a pause while etcd is away.
func (t *term) renewOnce() (time.Duration, error) {
	ctx, cancel := joined(t.Context(), t.ctx)
	defer cancel()
	ctx, cancel2 := context.WithTimeout(ctx, t.lease.ttl/10)
	defer cancel2()
	stream, err := clientv3.RetryLeaseClient(t.client).LeaseKeepAlive(ctx)
	if err != nil {
		return 0, clientv3.ContextError(ctx, err)
	}
	err = stream.Send(&pb.LeaseKeepAliveRequest{ID: int64(t.lease.id)})
	if err != nil && !errors.Is(err, io.EOF) { // then Recv has the reason
		return 0, clientv3.ContextError(ctx, err)
	}
	resp, err := stream.Recv()
	_ = stream.CloseSend()
	if err != nil {
		return 0, clientv3.ContextError(ctx, err)
	}
	return time.Duration(resp.TTL) * time.Second, nil
}

// follow ends the term as soon as the key of the leader is another one's or gone.
func (t *term) follow() {
	var p pause
	from := t.created + 1 // a deletion before now is seen too
	for {
		gone, err := t.followOnce(from, &p)
		if errors.Is(err, rpctypes.ErrCompacted) {
			gone, from = t.look(from)
		}
		if gone {
			t.Lose(fmt.Errorf("%w: the key %s was deleted", ha.ErrDeposed, t.leaderKey()))
		}
		if !t.sleep(p.next()) {
			return
		}
	}
}

// followOnce reports whether the key is gone. If it is not, the watch was cut off.
func (t *term) followOnce(from int64, p *pause) (gone bool, err error) {
	ctx, cancel := joined(t.Context(), t.ctx)
	defer cancel()
	watch := t.client.Watch(clientv3.WithRequireLeader(ctx), t.leaderKey(), clientv3.WithRev(from))
	for r := range watch {
		if r.Err() != nil {
			return false, r.Err()
		}
		p.d = 0
		for _, e := range r.Events {
			if e.Type == clientv3.EventTypeDelete || e.Kv.CreateRevision != t.created {
				return true, nil
			}
		}
	}
	return false, nil
}

// look looks at the key when its history is not there any more, and returns from when on to watch.
func (t *term) look(from int64) (gone bool, next int64) {
	ctx, cancel := t.bounded(t.Context())
	defer cancel()
	resp, err := t.client.Get(ctx, t.leaderKey())
	if err != nil {
		return false, from
	}
	gone = len(resp.Kvs) == 0 || resp.Kvs[0].CreateRevision != t.created
	return gone, resp.Header.Revision + 1
}

// Resign revokes the lease, and with it the key. If that cannot be done, others lead when it is over.
func (t *term) Resign(ctx context.Context) error {
	if t.Context().Err() != nil {
		return nil
	}
	t.Lose(ha.ErrResigned)
	ctx, cancel := t.bounded(ctx)
	defer cancel()
	_, err := t.client.Revoke(ctx, t.lease.id)
	if errors.Is(err, rpctypes.ErrLeaseNotFound) {
		err = nil
	}
	return t.fail("resign", "", err)
}
