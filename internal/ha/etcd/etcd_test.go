package etcd_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/etcd"
	"github.com/flott-dev/flott/internal/ha/etcdtest"
	"github.com/flott-dev/flott/internal/ha/hatest"
)

// childVariable makes the test binary a child that leads in the etcd at the address it names, with large
// values in the directory of the other one.
const (
	childVariable   = "FLOTT_TEST_HA_ETCD"
	storageVariable = "FLOTT_TEST_HA_STORAGE"
)

// childLease is long enough for a busy machine, and still short for whoever waits for it to end.
const childLease = 3 * time.Second

func TestMain(m *testing.M) {
	if address := os.Getenv(childVariable); address != "" {
		s, err := etcd.Open(etcd.Options{Endpoints: []string{address}, LeaseTimeout: childLease})
		if err != nil {
			panic(err)
		}
		hatest.ChildMain(&ha.Large{Store: s, Blobs: blob.NewDir(os.Getenv(storageVariable))})
	}
	goleak.VerifyTestMain(m)
}

// open opens a store that is closed with the test. The lease is one that does not run out by accident.
func open(t testing.TB, o etcd.Options, endpoints ...string) *etcd.Store {
	t.Helper()
	o.Endpoints = endpoints
	if o.LeaseTimeout == 0 {
		o.LeaseTimeout = time.Minute
	}
	s, err := etcd.Open(o)
	hatest.Check(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// worlds returns worlds in one server, each with a cluster of its own.
func worlds(server *etcdtest.Server, prepare func(*etcd.Store)) func(t *testing.T) hatest.World {
	n := 0
	return func(t *testing.T) hatest.World {
		n++
		o := etcd.Options{ClusterID: fmt.Sprintf("/world/%d", n), LeaseTimeout: 10 * time.Second}
		blobs := blob.NewDir(t.TempDir())
		admin := open(t, o, server.Address)
		return hatest.World{
			Open: func(t testing.TB) ha.Store {
				s := open(t, o, server.Address)
				if prepare != nil {
					prepare(s)
				}
				return &ha.Large{Store: s, Blobs: blobs}
			},
			Depose: func(t testing.TB, _ ha.Leadership) { revoke(t, admin) },
		}
	}
}

// revoke ends the lease of whoever leads.
func revoke(t testing.TB, admin *etcd.Store) {
	t.Helper()
	ctx := hatest.Context(t)
	resp, err := admin.Client().Get(ctx, admin.LeaderKey())
	hatest.Check(t, err)
	if len(resp.Kvs) == 0 {
		t.Fatal("nobody leads")
	}
	_, err = admin.Client().Revoke(ctx, clientv3.LeaseID(resp.Kvs[0].Lease))
	hatest.Check(t, err)
}

func TestStore(t *testing.T) {
	t.Parallel()
	hatest.Run(t, worlds(etcdtest.Start(t, false), nil))
}

// TestBlind: nothing depends on how soon a leader learns that it is deposed.
func TestBlind(t *testing.T) {
	t.Parallel()
	hatest.Run(t, worlds(etcdtest.Start(t, false), (*etcd.Store).Blind))
}

// TestKilledLeaders: SIGKILL at random instants.
func TestKilledLeaders(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, false)
	d := t.TempDir()
	s := &ha.Large{Store: open(t, etcd.Options{}, server.Address), Blobs: blob.NewDir(d)}
	kills := 4
	if testing.Short() {
		kills = 2
	}
	hatest.Kill(t, s, kills, childVariable+"="+server.Address, storageVariable+"="+d)
	l := hatest.Lead(t, s, "last")
	hatest.Check(t, l.(ha.Sweeper).Sweep(t.Context()))
	hatest.Check(t, l.Resign(t.Context()))
}

// TestStoppedLeader: a leader that is stopped for longer than its lease is followed by the standby, and writes
// nothing when it goes on.
func TestStoppedLeader(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, false)
	d := t.TempDir()
	env := []string{childVariable + "=" + server.Address, storageVariable + "=" + d}
	first := hatest.StartChild(t, env...)
	if line := first.Line(t); line != "leads 1" {
		t.Fatal(line)
	}
	for range 20 {
		first.Line(t)
	}
	hatest.Check(t, first.Process.Signal(syscall.SIGSTOP))
	s := &ha.Large{Store: open(t, etcd.Options{}, server.Address), Blobs: blob.NewDir(d)}
	l := hatest.Lead(t, s, "standby")
	if l.Leader().Epoch != 2 {
		t.Errorf("%v leads", l.Leader())
	}
	before, err := l.List(t.Context(), "")
	hatest.Check(t, err)
	hatest.Check(t, first.Process.Signal(syscall.SIGCONT))
	for first.Line(t) != "lost 1" {
	}
	after, err := l.List(t.Context(), "")
	hatest.Check(t, err)
	if fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("records were %v, and are %v", before, after)
	}
	hatest.Check(t, l.Resign(t.Context()))
	if line := first.Line(t); line != "leads 3" {
		t.Errorf("the child %s", line)
	}
}

// TestKilledServer: while etcd is killed and started again, the leader goes on leading, and every write of its
// comes to an end that is certain.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, false)
	s := open(t, etcd.Options{}, server.Address)
	observer := open(t, etcd.Options{}, server.Address)
	var h hatest.History
	l := h.Campaign(t, 0, s)
	written := make(chan struct{}, 1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		h.Hammer(t, 1, l, 1, func() {
			select {
			case written <- struct{}{}:
			default:
			}
		})
	}()
	for range 3 {
		for range 50 {
			<-written
		}
		server.Kill()
		server.Restart(t)
	}
	for range 50 {
		<-written
	}
	if err := l.Context().Err(); err != nil {
		t.Errorf("the leadership is lost: %v", context.Cause(l.Context()))
	}
	revoke(t, observer)
	<-over
	for i := range 3 {
		h.Read(t, 0, observer, fmt.Sprintf("key/%d", i))
	}
	h.Check(t)
}

// TestLostAnswers: connections are cut with requests and answers on the way. The leader finds out what has become
// of each write.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	server := etcdtest.Start(t, false)
	proxy := etcdtest.NewProxy(t, server.Address)
	s := open(t, etcd.Options{}, proxy.Address)
	observer := open(t, etcd.Options{}, server.Address)
	var h hatest.History
	l := h.Campaign(t, 0, s)
	written := make(chan struct{}, 1)
	over := make(chan struct{})
	go func() {
		defer close(over)
		h.Hammer(t, 1, l, 1, func() {
			select {
			case written <- struct{}{}:
			default:
			}
		})
	}()
	resp, err := observer.Client().Get(t.Context(), observer.LeaderKey())
	hatest.Check(t, err)
	changes := observer.Client().Watch(t.Context(), "/flott/default/records/", clientv3.WithPrefix(), clientv3.WithRev(resp.Header.Revision+1))
	for i := range 20 {
		for range 10 {
			<-written
		}
		proxy.Hold(etcdtest.Answers)
		if i%2 == 0 {
			<-changes // whose answer is maybe held
		}
		proxy.Cut()
		proxy.Release(etcdtest.Answers)
	}
	for range 10 {
		<-written
	}
	if err := l.Context().Err(); err != nil {
		t.Errorf("the leadership is lost: %v", context.Cause(l.Context()))
	}
	revoke(t, observer)
	<-over
	for i := range 3 {
		h.Read(t, 0, observer, fmt.Sprintf("key/%d", i))
	}
	h.Check(t)
}

// TestLostDeletion: that a record is gone does not tell that a deletion without an answer has done it.
func TestLostDeletion(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	server := etcdtest.Start(t, false)
	proxy := etcdtest.NewProxy(t, server.Address)
	l := hatest.Lead(t, open(t, etcd.Options{}, proxy.Address), "one")
	for range 20 {
		v, err := l.Put(ctx, "a", nil)
		hatest.Check(t, err)
		hatest.Check(t, l.Delete(ctx, "a", v))
		proxy.Hold(etcdtest.Requests)
		deleted := make(chan error)
		go func() { deleted <- l.Delete(ctx, "a", v) }()
		proxy.Cut()
		proxy.Release(etcdtest.Requests)
		hatest.Want(t, <-deleted, ha.ErrConflict)
	}
	hatest.Check(t, l.Resign(ctx))
}

// TestLateRequest: a request that comes to etcd after its leader has gone on has no effect.
func TestLateRequest(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	server := etcdtest.Start(t, false)
	s := open(t, etcd.Options{}, server.Address)
	l := hatest.Lead(t, s, "one")
	send := func(name string, late func(context.Context) (bool, error), want bool) {
		t.Helper()
		if had, err := late(ctx); err != nil || had != want {
			t.Errorf("a request %s has an effect: %v, %v; want %v", name, had, err, want)
		}
	}
	send("in time", etcd.LatePut(l, "a", nil), true)
	late := etcd.LatePut(l, "b", nil)
	hatest.Check(t, etcd.MoveFence(ctx, l))
	send("of before the fence", late, false)
	late = etcd.LatePut(l, "b", nil)
	v, err := l.Put(ctx, "b", nil) // with the new fence
	hatest.Check(t, err)
	hatest.Check(t, l.Delete(ctx, "b", v))
	send("in time, once more", late, true)
	late = etcd.LatePut(l, "c", nil)
	hatest.Check(t, l.Resign(ctx))
	send("of a leader that has resigned", late, false)
	next := hatest.Lead(t, s, "two")
	send("of a leader of before", late, false)
	hatest.Check(t, next.Resign(ctx))
}

// TestPausedConnection: a leader that is cut off stops before its lease is over; what it had on the way has no
// effect when it comes after another one leads.
func TestPausedConnection(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	server := etcdtest.Start(t, false)
	proxy := etcdtest.NewProxy(t, server.Address)
	one := open(t, etcd.Options{LeaseTimeout: 3 * time.Second}, proxy.Address)
	two := open(t, etcd.Options{}, server.Address)
	first := hatest.Lead(t, one, "one")
	v, err := first.Put(ctx, "a", []byte("x"))
	hatest.Check(t, err)
	proxy.Hold(etcdtest.Requests)
	written := make(chan error)
	for i := range 20 {
		go func() {
			_, err := first.Swap(ctx, "a", v, []byte("late"))
			if i%2 == 0 {
				_, err = first.Put(ctx, fmt.Sprintf("late/%d", i), nil)
			}
			written <- err
		}()
	}
	gone := make(chan struct{})
	go func() {
		// By the time that etcd deletes the key, the leader must have known.
		watch := two.Client().Watch(ctx, two.LeaderKey())
		for r := range watch {
			for _, e := range r.Events {
				if e.Type == clientv3.EventTypeDelete {
					if first.Context().Err() == nil {
						t.Error("the lease is over, and the leader does not know")
					}
					close(gone)
					return
				}
			}
		}
	}()
	cause := hatest.Lost(t, first)
	hatest.Want(t, cause, ha.ErrDeposed)
	if !strings.Contains(cause.Error(), proxy.Address) || !strings.Contains(cause.Error(), "has not renewed the lease of 3s") {
		t.Errorf("the cause is %v", cause)
	}
	for range 20 {
		if err := <-written; !errors.Is(err, ha.ErrUncertain) && !errors.Is(err, ha.ErrDeposed) ||
			errors.Is(err, ha.ErrUncertain) && errors.Is(err, ha.ErrDeposed) {
			t.Errorf("a write ended with %v", err)
		}
	}
	second := hatest.Lead(t, two, "two")
	<-gone
	before, err := second.List(ctx, "")
	hatest.Check(t, err)
	proxy.Release(etcdtest.Requests)
	_, err = one.Get(ctx, "a") // on the same connection
	hatest.Check(t, err)
	after, err := second.List(ctx, "")
	hatest.Check(t, err)
	if fmt.Sprint(before) != fmt.Sprint(after) || len(after) != 1 {
		t.Errorf("records were %v, and are %v", before, after)
	}
	hatest.WantRecord(t, second, "a", "x", v)
	hatest.Check(t, second.Resign(ctx))
}

// TestStoppedServer: when etcd stops for longer than the lease, the leader gives up; when it goes on, another one
// leads.
func TestStoppedServer(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	server := etcdtest.Start(t, false)
	s := open(t, etcd.Options{LeaseTimeout: 3 * time.Second}, server.Address)
	first := hatest.Lead(t, s, "one")
	server.Stop(t)
	won := make(chan ha.Leadership)
	go func() { won <- hatest.Lead(t, s, "two") }()
	hatest.Want(t, hatest.Lost(t, first), ha.ErrDeposed)
	_, err := s.Get(ctx, "a")
	wantAway(t, err, server.Address)
	server.Continue(t)
	second := <-won
	if second.Leader().Epoch != 2 {
		t.Errorf("%v leads", second.Leader())
	}
	_, err = first.Put(ctx, "a", nil)
	hatest.Want(t, err, ha.ErrDeposed)
	hatest.Check(t, second.Resign(ctx))
}

func wantAway(t *testing.T, err error, address string) {
	t.Helper()
	for _, part := range []string{"etcd at " + address, "is it running there", "high-availability.etcd.endpoints"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error is %v, want %s", err, part)
		}
	}
}

// TestAway: who contends, watches or asks while there is no etcd goes on when it comes.
func TestAway(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	server := etcdtest.Start(t, false)
	server.Kill()
	s := open(t, etcd.Options{LeaseTimeout: 3 * time.Second}, server.Address)
	_, err := s.Get(ctx, "a")
	wantAway(t, err, server.Address)
	_, err = s.List(ctx, "a")
	wantAway(t, err, server.Address)
	short, cancel := context.WithTimeout(ctx, 2*time.Second)
	_, err = s.Campaign(short, ha.Contender{Name: "one"})
	cancel()
	hatest.Want(t, err, context.DeadlineExceeded)
	wantAway(t, err, server.Address)
	seen, end := make(chan ha.Leader), make(chan error)
	watching, stop := context.WithCancel(ctx)
	go func() { end <- s.Watch(watching, func(l ha.Leader) { seen <- l }) }()
	won := make(chan ha.Leadership)
	go func() { won <- hatest.Lead(t, s, "one") }()
	server.Restart(t)
	l := <-won
	for <-seen != l.Leader() {
	}
	server.Kill()
	server.Restart(t)
	hatest.Check(t, l.Resign(ctx))
	if got := <-seen; got != (ha.Leader{}) {
		t.Errorf("seen is %v", got)
	}
	stop()
	hatest.Want(t, <-end, context.Canceled)
}

// TestOtherEndpoint: what is asked of a member that is gone is asked of another one.
func TestOtherEndpoint(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	server := etcdtest.Start(t, false)
	one, two := etcdtest.NewProxy(t, server.Address), etcdtest.NewProxy(t, server.Address)
	s := open(t, etcd.Options{}, one.Address, two.Address)
	l := hatest.Lead(t, s, "one")
	v, err := l.Put(ctx, "a", nil)
	hatest.Check(t, err)
	for i := range 40 {
		if i == 10 {
			one.Close()
		}
		v, err = l.Swap(ctx, "a", v, nil)
		hatest.Check(t, err)
	}
	two.Cut()
	_, err = l.Swap(ctx, "a", v, nil)
	hatest.Check(t, err)
	hatest.Check(t, l.Resign(ctx))
}

// TestTooLarge: a value that etcd does not take is refused at once, with what to do.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	server := etcdtest.Start(t, false)
	l := hatest.Lead(t, open(t, etcd.Options{}, server.Address), "one")
	for _, size := range []int{1_600_000, 5_000_000} {
		_, err := l.Put(ctx, "a", make([]byte, size))
		if err == nil || !strings.Contains(err.Error(), "high-availability.storageDir") {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	_, err := l.Put(ctx, "a", nil)
	hatest.Check(t, err)
	hatest.Check(t, l.Resign(ctx))
}

// TestClusters: clusters that share an etcd have leaders and records of their own.
func TestClusters(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	server := etcdtest.Start(t, false)
	var all sync.WaitGroup
	for _, id := range []string{"", "/default/x", "other"} {
		all.Go(func() {
			s := open(t, etcd.Options{ClusterID: id}, server.Address)
			l := hatest.Lead(t, s, "one")
			if l.Leader().Epoch != 1 {
				t.Errorf("%s: %v leads", id, l.Leader())
			}
			_, err := l.Put(ctx, "a", []byte(id))
			hatest.Check(t, err)
			if list, err := s.List(ctx, ""); err != nil || len(list) != 1 {
				t.Errorf("%s: records are %v, %v", id, list, err)
			}
			hatest.Check(t, l.Resign(ctx))
		})
	}
	all.Wait()
}

func BenchmarkStore(b *testing.B) {
	server := etcdtest.Start(b, false)
	blobs := blob.NewDir(b.TempDir())
	hatest.Bench(b, func(t testing.TB) ha.Store {
		return &ha.Large{Store: open(t, etcd.Options{}, server.Address), Blobs: blobs}
	})
}
