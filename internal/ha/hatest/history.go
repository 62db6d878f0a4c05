package hatest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/anishathalye/porcupine"

	"github.com/flott-dev/flott/internal/ha"
)

// What an operation of a history does, and what has become of it.
const (
	lead = iota
	get
	put
	swap
	remove
)

const (
	done = iota
	refused
	deposed
	uncertain
)

// call is an operation of a history. A value is a number that no other one is; 0 is no record.
type call struct {
	kind  int
	epoch int64
	key   string // "" for lead
	was   int64  // the value that it replaces
	next  int64  // the value that it writes
}

type result struct {
	kind  int
	value int64 // that get found
}

// History records what clients of a store have done and seen, to be checked against a model of one
// store that works step by step.
type History struct {
	now    atomic.Int64 // the time: steps of all clients
	values atomic.Int64
	mu     sync.Mutex
	calls  []porcupine.Operation
}

func (h *History) record(client int, begin int64, c call, r result) {
	o := porcupine.Operation{ClientId: client, Input: c, Call: begin, Output: r, Return: h.now.Add(1)}
	if r.kind == uncertain {
		o.Return = math.MaxInt64 // it may have its effect at any time
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.calls = append(h.calls, o)
}

// state is that of one record: the epoch of the last leader, and the value.
type state struct{ epoch, value int64 }

// step returns what the state may be after an operation: nothing if it cannot be.
func step(s state, c call, r result) []any {
	var after []any
	switch {
	case c.kind == lead:
		if c.epoch > s.epoch {
			after = append(after, state{c.epoch, s.value})
		}
	case c.kind == get:
		if r.value == s.value {
			after = append(after, s)
		}
	case r.kind == deposed:
		after = append(after, s)
	case r.kind == refused:
		if c.was != s.value {
			after = append(after, s)
		}
	default:
		if r.kind == uncertain {
			after = append(after, s)
		}
		if c.epoch == s.epoch && c.was == s.value {
			after = append(after, state{s.epoch, c.next})
		}
	}
	return after
}

var model = porcupine.NondeterministicModel{
	Init: func() []any { return []any{state{}} },
	Step: func(s, in, out any) []any { return step(s.(state), in.(call), out.(result)) },
	Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
		byKey := map[string][]porcupine.Operation{}
		var leaders []porcupine.Operation
		for _, o := range all {
			if key := o.Input.(call).key; key != "" {
				byKey[key] = append(byKey[key], o)
			} else {
				leaders = append(leaders, o)
			}
		}
		parts := [][]porcupine.Operation{leaders}
		for _, of := range byKey {
			parts = append(parts, append(of, leaders...))
		}
		return parts
	},
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v: %+v", in, out) },
}

// Check wants that the history is one that the model can have: that of one record after the other, with
// leaders whose epochs grow, of which only the last one writes.
func (h *History) Check(t testing.TB) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	kinds := [remove + 1][uncertain + 1]int{}
	for _, o := range h.calls {
		kinds[o.Input.(call).kind][o.Output.(result).kind]++
	}
	t.Logf("%d operations; lead, get, put, swap, delete with how many done, refused, deposed, uncertain: %v", len(h.calls), kinds)
	m := model.ToModel()
	if porcupine.CheckOperations(m, h.calls) {
		return
	}
	t.Error("the history is not linearizable")
	for _, o := range h.calls {
		t.Logf("%d..%d client %d: %s", o.Call, o.Return, o.ClientId, m.DescribeOperation(o.Input, o.Output))
	}
}

// value is a value for a record that has a number, and some length.
func value(n int64, rng *rand.Rand) []byte {
	size := 8 + rng.IntN(64)
	if rng.IntN(4) == 0 {
		size += rng.IntN(100_000)
	}
	out := make([]byte, size)
	binary.LittleEndian.PutUint64(out, uint64(n))
	return out
}

func number(r ha.Record) int64 { return int64(binary.LittleEndian.Uint64(r.Value)) }

// outcome is what has become of a write. what is not expected fails the test.
func outcome(t testing.TB, err error) int {
	switch {
	case err == nil:
		return done
	case errors.Is(err, ha.ErrUncertain):
		return uncertain
	case errors.Is(err, ha.ErrDeposed):
		return deposed
	case errors.Is(err, ha.ErrConflict), errors.Is(err, ha.ErrExists):
		return refused
	}
	t.Errorf("a write failed: %v", err)
	return uncertain
}

// Campaign leads and records that.
func (h *History) Campaign(t testing.TB, client int, s ha.Store) ha.Leadership {
	begin := h.now.Add(1)
	l, err := s.Campaign(Context(t), ha.Contender{Name: fmt.Sprint(client)})
	if err != nil {
		t.Error(err)
		return nil
	}
	h.record(client, begin, call{kind: lead, epoch: l.Leader().Epoch}, result{})
	return l
}

// Read reads a record.
func (h *History) Read(t testing.TB, client int, r ha.Reader, key string) (n int64, v ha.Version, ok bool) {
	begin := h.now.Add(1)
	rec, err := r.Get(Context(t), key)
	switch {
	case err == nil:
		n = number(rec)
	case !errors.Is(err, ha.ErrNotFound):
		return 0, "", false // it tells nothing
	}
	h.record(client, begin, call{kind: get, key: key}, result{value: n})
	return n, rec.Version, true
}

// Write reads a record and writes it in one of the ways that there are, or in one that must be refused.
// It returns what has become of it.
func (h *History) Write(t testing.TB, client int, l ha.Leadership, key string, rng *rand.Rand) (kind int) {
	was, version, ok := h.Read(t, client, l, key)
	if !ok {
		return uncertain
	}
	c := call{epoch: l.Leader().Epoch, key: key, was: was, next: h.values.Add(1)}
	begin := h.now.Add(1)
	var err error
	switch {
	case version == "" || rng.IntN(10) == 0: // the record may be there
		c.kind, c.was = put, 0
		_, err = l.Put(Context(t), key, value(c.next, rng))
	case rng.IntN(4) == 0:
		c.kind, c.next = remove, 0
		err = l.Delete(Context(t), key, version)
	default:
		c.kind = swap
		_, err = l.Swap(Context(t), key, version, value(c.next, rng))
	}
	kind = outcome(t, err)
	h.record(client, begin, c, result{kind: kind})
	return kind
}

// testHistory: contenders lead by turns, and are deposed without their knowing; all of them write all
// the time, also after that. What they see is what one store would do whose last leader alone writes.
func testHistory(t *testing.T, w World) {
	const seed, contenders, writers, turns, writes = 1, 3, 4, 8, 40
	t.Logf("seed %d", seed)
	var h History
	stores := make([]ha.Store, contenders)
	for i := range stores {
		stores[i] = w.Open(t)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	var all sync.WaitGroup
	for turn := range turns {
		l := h.Campaign(t, turn%contenders, stores[turn%contenders])
		if l == nil {
			break
		}
		written := make(chan struct{}, writers*writes*2)
		for i := range writers {
			client := contenders + turn*writers + i
			rng := rand.New(rand.NewPCG(seed, uint64(client)))
			all.Go(func() {
				for n := 0; n < writes; n++ {
					if h.Write(t, client, l, fmt.Sprintf("key/%d", rng.IntN(3)), rng) == deposed {
						n = max(n, writes-3) // it tries twice more
					}
					written <- struct{}{}
				}
			})
		}
		for range 20 + rng.IntN(writers*writes/2) { // then they are in the midst of it
			<-written
		}
		if rng.IntN(3) == 0 {
			Check(t, l.Resign(Context(t)))
		} else {
			w.Depose(t, l)
		}
	}
	all.Wait()
	for i := range 3 {
		h.Read(t, 0, stores[0], fmt.Sprintf("key/%d", i))
	}
	h.Check(t)
}

// Hammer writes with all its might until the leadership is lost, and three times after, from several
// goroutines. It calls each after every write.
func (h *History) Hammer(t testing.TB, first int, l ha.Leadership, seed uint64, each func()) {
	var all sync.WaitGroup
	for i := range 4 {
		rng := rand.New(rand.NewPCG(seed, uint64(first+i)))
		all.Go(func() {
			for after := 0; after < 3; {
				h.Write(t, first+i, l, fmt.Sprintf("key/%d", rng.IntN(3)), rng)
				if l.Context().Err() != nil {
					after++
				}
				if each != nil {
					each()
				}
			}
		})
	}
	all.Wait()
}
