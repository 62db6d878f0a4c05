package etcd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/flott-dev/flott/internal/ha"
)

// lease is a lease of etcd's and until when it is certain to hold, by the clock of this process.
type lease struct {
	id    clientv3.LeaseID
	ttl   time.Duration
	until time.Time
}

// certain returns until when a lease holds that etcd granted or renewed after sent: it counts from
// then at the earliest. A quarter is the margin for clocks that run at different speeds, and for telling.
func certain(sent time.Time, ttl time.Duration) time.Time { return sent.Add(ttl - ttl/4) }

func (s *Store) grant(ctx context.Context) (*lease, error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	sent := time.Now()
	resp, err := s.client.Grant(ctx, int64(s.ttl/time.Second))
	if err != nil {
		return nil, err
	}
	ttl := time.Duration(resp.TTL) * time.Second // more than asked for if that is below etcd's minimum
	return &lease{resp.ID, ttl, certain(sent, ttl)}, nil
}

// campaign is the way of one contender to leadership.
type campaign struct {
	*Store
	contender ha.Contender
	lease     *lease // under which the key of the leader may have been written, or nil
	leader    string // who leads, for errors
}

// Campaign writes the key of the leader when there is none.
func (s *Store) Campaign(ctx context.Context, c ha.Contender) (ha.Leadership, error) {
	ctx, cancel := joined(ctx, s.ctx)
	defer cancel()
	m := &campaign{Store: s, contender: c}
	t, err := m.win(ctx)
	if err != nil {
		m.giveUp()
		return nil, s.fail("campaign", c.Name, err)
	}
	tasks := []func(){t.renew, t.follow}
	if s.blind {
		tasks = tasks[:1]
	}
	if err := s.run(tasks...); err != nil {
		m.giveUp()
		return nil, s.fail("campaign", c.Name, err)
	}
	return t, nil
}

// win tries until it leads, is refused, or ctx ends.
func (m *campaign) win(ctx context.Context) (*term, error) {
	var p pause
	var last error // the last trouble
	for {
		t, vacant, err := m.try(ctx)
		if t != nil {
			return t, nil
		}
		if err == nil {
			p.d, last = 0, nil
			err = vacant(ctx)
		}
		if refused(err) || errors.Is(err, errLeader) {
			return nil, err
		}
		if err != nil && ctx.Err() == nil {
			if last == nil {
				m.opts.Log.Warn("flott: the campaign cannot reach etcd, and goes on trying", "at", m.where, "error", err)
			}
			last = err
			_ = p.wait(ctx)
		}
		if ctx.Err() == nil {
			continue
		}
		cause := context.Cause(ctx)
		switch {
		case last != nil:
			return nil, fmt.Errorf("%w: %w", cause, last)
		case m.leader != "":
			return nil, fmt.Errorf("%s: %w", m.leader, cause)
		}
		return nil, cause
	}
}

// try leads if nobody does. Else it returns what waits for that.
func (m *campaign) try(ctx context.Context) (t *term, vacant func(context.Context) error, err error) {
	if err := m.connect(); err != nil {
		return nil, nil, err
	}
	request, cancel := m.bounded(ctx)
	defer cancel()
	resp, err := m.client.Txn(request).Then(clientv3.OpGet(m.leaderKey()), clientv3.OpGet(m.epochKey())).Commit()
	if err != nil {
		return nil, nil, err
	}
	leader, epoch := resp.Responses[0].GetResponseRange().Kvs, resp.Responses[1].GetResponseRange().Kvs
	if len(leader) > 0 {
		l, err := decodeLeader(leader[0])
		if err != nil {
			return nil, nil, err
		}
		if m.lease != nil && leader[0].Lease == int64(m.lease.id) && time.Now().Before(m.lease.until) {
			return m.begin(l, leader[0].CreateRevision), nil, nil // the answer was lost, not the request
		}
		m.leader = fmt.Sprintf("%s at %s leads in epoch %d", l.Name, l.Address, l.Epoch)
		from := resp.Header.Revision + 1
		return nil, func(ctx context.Context) error { return m.vacancy(ctx, from) }, nil
	}
	before, revision := int64(0), int64(0)
	if len(epoch) > 0 {
		revision = epoch[0].ModRevision
		if before, err = strconv.ParseInt(string(epoch[0].Value), 10, 64); err != nil {
			return nil, nil, fmt.Errorf("key %s %w: %q", m.epochKey(), errLeader, epoch[0].Value)
		}
	}
	t, err = m.lead(ctx, ha.Leader{Epoch: before + 1, Contender: m.contender}, revision)
	return t, func(context.Context) error { return nil }, err
}

// lead writes the leader and the epoch, if there is still no leader, and the epoch has this revision.
func (m *campaign) lead(ctx context.Context, l ha.Leader, revision int64) (*term, error) {
	// A lease that has lasted for a while would leave little time for the first renewal.
	if m.lease == nil || time.Until(m.lease.until) < m.lease.ttl/2 {
		fresh, err := m.grant(ctx)
		if err != nil {
			return nil, err
		}
		m.lease = fresh
	}
	value, err := json.Marshal(l)
	if err != nil {
		return nil, err
	}
	request, cancel := m.bounded(ctx)
	defer cancel()
	resp, err := m.client.Txn(request).If(
		clientv3.Compare(clientv3.CreateRevision(m.leaderKey()), "=", 0),
		clientv3.Compare(clientv3.ModRevision(m.epochKey()), "=", revision),
	).Then(
		clientv3.OpPut(m.leaderKey(), string(value), clientv3.WithLease(m.lease.id)),
		clientv3.OpPut(m.epochKey(), strconv.FormatInt(l.Epoch, 10)),
	).Commit()
	if err != nil || !resp.Succeeded {
		return nil, err
	}
	return m.begin(l, resp.Header.Revision), nil
}

func (m *campaign) begin(l ha.Leader, created int64) *term {
	value, _ := json.Marshal(l)
	t := &term{Term: ha.NewTerm(l), Store: m.Store, lease: *m.lease, created: created, value: string(value)}
	t.fence.Store(created)
	for i := range t.keys {
		t.keys[i] = make(chan struct{}, 1)
	}
	return t
}

// vacancy waits until the key of the leader is deleted after a revision, or the watch is cut off.
func (m *campaign) vacancy(ctx context.Context, from int64) error {
	ctx, cancel := context.WithCancel(clientv3.WithRequireLeader(ctx))
	defer cancel()
	for r := range m.client.Watch(ctx, m.leaderKey(), clientv3.WithRev(from)) {
		if err := r.Err(); err != nil {
			return err
		}
		for _, e := range r.Events {
			if e.Type == clientv3.EventTypeDelete {
				return nil
			}
		}
	}
	return context.Cause(ctx)
}

// giveUp lets go of a lease, under which the key may have been written without our knowing.
func (m *campaign) giveUp() {
	if m.lease == nil {
		return
	}
	_ = m.Store.run(func() {
		ctx, cancel := m.bounded(m.ctx)
		defer cancel()
		_, _ = m.client.Revoke(ctx, m.lease.id) // else it runs out
	})
}
