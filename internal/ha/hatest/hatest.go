// Package hatest has the tests that every store of high availability passes.
//
// Data flow: the tests of internal/ha and of the packages below it call Run, Child and Kill.
package hatest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/ha"
)

// World is a store under test.
type World struct {
	// Open opens it as one more process would.
	Open func(t testing.TB) ha.Store
	// Depose has the store let another one lead while the leader does not know of it.
	Depose func(t testing.TB, l ha.Leadership)
	// Large are the bytes of a large value. The default is 5 MB.
	Large int
}

// Guard is how long a test waits for an event before it is taken for stuck.
const Guard = 2 * time.Minute

// Context is a context that ends when a test is stuck.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Guard)
	t.Cleanup(cancel)
	return ctx
}

// Run runs all tests. fresh returns a world with nothing in it.
func Run(t *testing.T, fresh func(t *testing.T) World) {
	for name, test := range map[string]func(*testing.T, World){
		"Records": testRecords, "Keys": testKeys, "Epochs": testEpochs, "Resign": testResign,
		"Depose": testDepose, "Close": testClose, "Waiting": testWaiting, "Watch": testWatch,
		"Large": testLarge, "Counters": testCounters, "History": testHistory, "Jobs": testJobs,
	} {
		t.Run(name, func(t *testing.T) { test(t, fresh(t)) })
	}
}

// Lead campaigns and wins.
func Lead(t testing.TB, s ha.Store, name string) ha.Leadership {
	t.Helper()
	l, err := s.Campaign(Context(t), ha.Contender{Name: name, Address: name + ":6123"})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Lost waits until a leadership is lost, and returns why.
func Lost(t testing.TB, l ha.Leadership) error {
	t.Helper()
	select {
	case <-l.Context().Done():
	case <-Context(t).Done():
		t.Fatal("the leadership is not lost")
	}
	return context.Cause(l.Context())
}

// Want fails the test if err is not one.
func Want(t testing.TB, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("the error is %v, want %v", err, want)
	}
}

// Check fails the test if there is an error.
func Check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// WantRecord wants a record with a value and a version.
func WantRecord(t testing.TB, r ha.Reader, key, value string, version ha.Version) {
	t.Helper()
	got, err := r.Get(Context(t), key)
	if err != nil || string(got.Value) != value || got.Version != version {
		t.Errorf("%s is %q in version %s, %v; want %q in %s", key, got.Value, got.Version, err, value, version)
	}
}

func testRecords(t *testing.T, w World) {
	ctx := Context(t)
	s, other := w.Open(t), w.Open(t)
	_, err := other.Get(ctx, "a")
	Want(t, err, ha.ErrNotFound)
	if list, err := other.List(ctx, ""); err != nil || len(list) != 0 {
		t.Errorf("an empty store lists %v, %v", list, err)
	}
	l := Lead(t, s, "one")
	seen := map[ha.Version]bool{}
	version := func(v ha.Version, err error) ha.Version {
		t.Helper()
		Check(t, err)
		if v == "" || seen[v] {
			t.Errorf("version %q is empty or was there already", v)
		}
		seen[v] = true
		return v
	}
	value := []byte("first")
	v := version(l.Put(ctx, "a", value))
	value[0] = '!' // the store has its own
	WantRecord(t, l, "a", "first", v)
	WantRecord(t, other, "a", "first", v)
	_, err = l.Put(ctx, "a", []byte("second"))
	Want(t, err, ha.ErrExists)
	_, err = l.Swap(ctx, "b", v, nil)
	Want(t, err, ha.ErrConflict)
	for _, none := range []ha.Version{"", "nonsense", "0", "-1", "9999999"} {
		_, err = l.Swap(ctx, "a", none, nil)
		Want(t, err, ha.ErrConflict)
		Want(t, l.Delete(ctx, "a", none), ha.ErrConflict)
		_, err = l.Swap(ctx, "b", none, nil)
		Want(t, err, ha.ErrConflict)
		Want(t, l.Delete(ctx, "b", none), ha.ErrConflict)
	}
	v2 := version(l.Swap(ctx, "a", v, []byte("second")))
	WantRecord(t, other, "a", "second", v2)
	_, err = l.Swap(ctx, "a", v, []byte("third"))
	Want(t, err, ha.ErrConflict)
	Want(t, l.Delete(ctx, "a", v), ha.ErrConflict)
	same := version(l.Swap(ctx, "a", v2, []byte("second"))) // a new version all the same
	Check(t, l.Delete(ctx, "a", same))
	_, err = l.Get(ctx, "a")
	Want(t, err, ha.ErrNotFound)
	Want(t, l.Delete(ctx, "a", same), ha.ErrConflict)
	_, err = l.Swap(ctx, "a", same, nil)
	Want(t, err, ha.ErrConflict)
	again := version(l.Put(ctx, "a", nil))
	_, err = l.Swap(ctx, "a", v, nil)
	Want(t, err, ha.ErrConflict)
	WantRecord(t, other, "a", "", again)
	for _, key := range []string{"jobs/2", "jobs/10", "jobsx", "jobs/1", "z.y-X_0/a"} {
		version(l.Put(ctx, key, []byte(key)))
	}
	list, err := other.List(ctx, "jobs/")
	Check(t, err)
	var keys []string
	for _, e := range list {
		keys = append(keys, e.Key)
		WantRecord(t, l, e.Key, e.Key, e.Version)
	}
	if want := []string{"jobs/1", "jobs/10", "jobs/2"}; !slices.Equal(keys, want) {
		t.Errorf("listed are %v, want %v", keys, want)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = l.Put(ended, "c", nil)
	Want(t, err, context.Canceled)
	_, err = l.Get(ended, "a")
	Want(t, err, context.Canceled)
	Check(t, l.Resign(ctx))
}

func testKeys(t *testing.T, w World) {
	ctx := Context(t)
	l := Lead(t, w.Open(t), "one")
	long := string(bytes.Repeat([]byte{'x'}, 151))
	for _, key := range []string{"", "/", "a/", "/a", "a//b", ".a", "a/.b", "..", "a b", "a+b", "a~b", "ä", long} {
		_, err := l.Put(ctx, key, nil)
		Want(t, err, ha.ErrKey)
	}
	_, err := l.Put(ctx, long[:150], []byte("x"))
	Check(t, err)
	Check(t, l.Resign(ctx))
}

// testEpochs: each of many leaders, by turns of several stores, has a greater epoch.
func testEpochs(t *testing.T, w World) {
	const contenders, turns = 4, 5
	var mu sync.Mutex
	var epochs []int64 // in the order of leading
	leading := 0
	var all sync.WaitGroup
	for c := range contenders {
		s := w.Open(t)
		all.Go(func() {
			for range turns {
				l, err := s.Campaign(Context(t), ha.Contender{Name: fmt.Sprint(c)})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if leading++; leading != 1 {
					t.Errorf("%d lead at once", leading)
				}
				epochs = append(epochs, l.Leader().Epoch)
				leading--
				mu.Unlock()
				if l.Context().Err() != nil {
					t.Errorf("epoch %d is lost: %v", l.Leader().Epoch, context.Cause(l.Context()))
				}
				if err := l.Resign(Context(t)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if len(epochs) != contenders*turns {
		t.Fatalf("there were %d leaders", len(epochs))
	}
	for i := range epochs {
		if epochs[i] <= 0 || i > 0 && epochs[i] <= epochs[i-1] {
			t.Fatalf("epochs do not grow: %v", epochs)
		}
	}
}

// wantDeposed wants that no write of a leadership succeeds, nor has an effect.
func wantDeposed(t *testing.T, l ha.Leadership, key string, r ha.Reader, value string, version ha.Version) {
	t.Helper()
	ctx := Context(t)
	_, err := l.Put(ctx, "deposed", nil)
	Want(t, err, ha.ErrDeposed)
	_, err = l.Swap(ctx, key, version, []byte("of the old leader"))
	Want(t, err, ha.ErrDeposed)
	Want(t, l.Delete(ctx, key, version), ha.ErrDeposed)
	Want(t, l.Confirm(ctx), ha.ErrDeposed)
	WantRecord(t, r, key, value, version)
	_, err = r.Get(ctx, "deposed")
	Want(t, err, ha.ErrNotFound)
	Lost(t, l)
	Check(t, l.Resign(ctx)) // in vain, and without effect on others
}

func testResign(t *testing.T, w World) {
	ctx := Context(t)
	one, two := w.Open(t), w.Open(t)
	first := Lead(t, one, "one")
	v, err := first.Put(ctx, "a", []byte("x"))
	Check(t, err)
	won := make(chan ha.Leadership)
	go func() { won <- Lead(t, two, "two") }()
	Check(t, first.Resign(ctx))
	Want(t, context.Cause(first.Context()), ha.ErrResigned)
	second := <-won
	if second.Leader().Epoch <= first.Leader().Epoch || second.Leader().Name != "two" {
		t.Errorf("%v leads after %v", second.Leader(), first.Leader())
	}
	wantDeposed(t, first, "a", two, "x", v)
	v, err = second.Swap(ctx, "a", v, []byte("y"))
	Check(t, err)
	Check(t, second.Resign(ctx))
	third := Lead(t, one, "one")
	WantRecord(t, third, "a", "y", v)
	wantDeposed(t, second, "a", one, "y", v)
	Check(t, third.Resign(ctx))
}

// testDepose: a leader that another one has come after, without its knowing, writes nothing.
func testDepose(t *testing.T, w World) {
	ctx := Context(t)
	one, two := w.Open(t), w.Open(t)
	first := Lead(t, one, "one")
	v, err := first.Put(ctx, "a", []byte("x"))
	Check(t, err)
	Check(t, first.Confirm(ctx))
	w.Depose(t, first)
	second := Lead(t, two, "two")
	Want(t, first.Confirm(ctx), ha.ErrDeposed)
	Check(t, second.Confirm(ctx))
	if second.Leader().Epoch <= first.Leader().Epoch {
		t.Errorf("%v leads after %v", second.Leader(), first.Leader())
	}
	wantDeposed(t, first, "a", two, "x", v)
	Want(t, context.Cause(first.Context()), ha.ErrDeposed)
	_, err = second.Swap(ctx, "a", v, []byte("y"))
	Check(t, err)
	Check(t, second.Resign(ctx))
}

// testClose: a store that is closed ends its leadership, and others can lead.
func testClose(t *testing.T, w World) {
	ctx := Context(t)
	one, two := w.Open(t), w.Open(t)
	first := Lead(t, one, "one")
	Check(t, one.Close())
	Lost(t, first)
	Want(t, context.Cause(first.Context()), ha.ErrClosed)
	_, err := first.Put(ctx, "a", nil)
	Want(t, err, ha.ErrDeposed)
	_, err = one.Campaign(ctx, ha.Contender{})
	Want(t, err, ha.ErrClosed)
	second := Lead(t, two, "two")
	if second.Leader().Epoch <= first.Leader().Epoch {
		t.Errorf("%v leads after %v", second.Leader(), first.Leader())
	}
	Check(t, second.Resign(ctx))
}

// testWaiting: a contender that gives up says who leads, and does not lead later.
func testWaiting(t *testing.T, w World) {
	ctx := Context(t)
	one, two, three := w.Open(t), w.Open(t), w.Open(t)
	first := Lead(t, one, "one")
	short, cancel := context.WithCancelCause(ctx)
	patience := errors.New("no patience")
	failed := make(chan error)
	go func() {
		_, err := two.Campaign(short, ha.Contender{Name: "two"})
		failed <- err
	}()
	cancel(patience)
	err := <-failed
	Want(t, err, patience)
	Check(t, first.Resign(ctx))
	third := Lead(t, three, "three")
	if third.Leader().Epoch != first.Leader().Epoch+1 {
		t.Errorf("%v leads after %v", third.Leader(), first.Leader())
	}
	Check(t, third.Resign(ctx))
}

// testWatch: observers that keep up see each change, others the last one, all in order.
func testWatch(t *testing.T, w World) {
	ctx, cancel := context.WithCancel(Context(t))
	defer cancel()
	one, two := w.Open(t), w.Open(t)
	seen := make(chan ha.Leader)
	done := make(chan error)
	go func() { done <- w.Open(t).Watch(ctx, func(l ha.Leader) { seen <- l }) }()
	if l := <-seen; l != (ha.Leader{}) {
		t.Errorf("%v leads before anybody does", l)
	}
	for i := range 5 {
		l := Lead(t, []ha.Store{one, two}[i%2], fmt.Sprint(i))
		if got := <-seen; got != l.Leader() || got.Name != fmt.Sprint(i) || got.Address == "" {
			t.Errorf("%v leads, seen is %v", l.Leader(), got)
		}
		Check(t, l.Resign(ctx))
		if got := <-seen; got != (ha.Leader{}) {
			t.Errorf("nobody leads, seen is %v", got)
		}
	}
	last := Lead(t, one, "last")
	for got := range seen {
		if got == last.Leader() {
			break
		}
		t.Errorf("seen is %v", got)
	}
	// A second one that comes late, and one that is slow.
	late := make(chan ha.Leader, 1)
	lateCtx, stop := context.WithCancel(ctx)
	go func() { done <- two.Watch(lateCtx, func(l ha.Leader) { late <- l }) }()
	if got := <-late; got != last.Leader() {
		t.Errorf("%v leads, seen is %v", last.Leader(), got)
	}
	stop()
	Want(t, <-done, context.Canceled)
	for i := range 4 { // while nobody takes from seen
		Check(t, last.Resign(ctx))
		last = Lead(t, two, fmt.Sprint("slow", i))
	}
	for epoch := int64(0); ; {
		got := <-seen
		if got.Epoch != 0 && got.Epoch <= epoch {
			t.Errorf("epoch %d is seen after %d", got.Epoch, epoch)
		}
		epoch = max(epoch, got.Epoch)
		if got == last.Leader() {
			break
		}
	}
	cancel()
	Want(t, <-done, context.Canceled)
	Check(t, last.Resign(Context(t)))
}

func testLarge(t *testing.T, w World) {
	ctx := Context(t)
	one, two := w.Open(t), w.Open(t)
	size := w.Large
	if size == 0 {
		size = 5 << 20
	}
	value := bytes.Repeat([]byte("0123456789abcdef"), size/16)
	l := Lead(t, one, "one")
	v, err := l.Put(ctx, "large", value)
	Check(t, err)
	for range 3 {
		r, err := two.Get(ctx, "large")
		if err != nil || !bytes.Equal(r.Value, value) || r.Version != v {
			t.Fatalf("read are %d bytes in version %s, %v; want %d in %s", len(r.Value), r.Version, err, len(value), v)
		}
		value = append(value[1:len(value):len(value)], "x"...)
		v, err = l.Swap(ctx, "large", v, value)
		Check(t, err)
	}
	Check(t, l.Delete(ctx, "large", v))
	_, err = two.Get(ctx, "large")
	Want(t, err, ha.ErrNotFound)
	Check(t, l.Resign(ctx))
}

// testCounters: nothing is lost when many swap one record.
func testCounters(t *testing.T, w World) {
	const writers, each = 16, 10
	ctx := Context(t)
	l := Lead(t, w.Open(t), "one")
	_, err := l.Put(ctx, "count", []byte{0, 0})
	Check(t, err)
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for n := 0; n < each; {
				r, err := l.Get(ctx, "count")
				if err == nil {
					sum := int(r.Value[0]) + int(r.Value[1])<<8 + 1
					_, err = l.Swap(ctx, "count", r.Version, []byte{byte(sum), byte(sum >> 8)})
				}
				switch {
				case err == nil:
					n++
				case !errors.Is(err, ha.ErrConflict):
					t.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	r, err := l.Get(ctx, "count")
	Check(t, err)
	if sum := int(r.Value[0]) + int(r.Value[1])<<8; sum != writers*each {
		t.Errorf("the sum is %d, want %d", sum, writers*each)
	}
	Check(t, l.Resign(ctx))
}
