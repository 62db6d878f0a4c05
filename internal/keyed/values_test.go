package keyed

import (
	"bytes"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"pgregory.net/rapid"
)

type (
	flat struct {
		A int32
		B [2]float64
		C bool
	}
	rich struct {
		Name string
		Tags []string
		N    int
	}
)

func TestValuesAgainstModel(t *testing.T) {
	checkValues(t, "int64", func(v *int64, x int) { *v += int64(x) })
	checkValues(t, "struct", func(v *flat, x int) { v.A, v.B[x%2], v.C = int32(x), float64(x), !v.C })
	checkValues(t, "string", func(v *string, x int) { *v = text(uint64(x % 30)) })
	checkValues(t, "rich", func(v *rich, x int) {
		if v.N = x; x%3 == 0 {
			v.Tags = append(v.Tags, text(uint64(x%9)))
		} else if len(v.Tags) > 0 {
			v.Tags[x%len(v.Tags)] += "+"
		}
	})
	checkValues(t, "list", func(v *[]int64, x int) {
		if len(*v) > 0 && x%4 == 0 {
			(*v)[x%len(*v)]++
			return
		}
		*v = append(*v, int64(x))
	})
	checkValues(t, "map", func(v *map[string]int, x int) {
		if *v == nil {
			*v = map[string]int{}
		}
		(*v)[text(uint64(x%5))] = x
	})
}

func checkValues[V any](t *testing.T, name string, mutate func(v *V, x int)) {
	c, err := codec.For[V](nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 4 {
		isWord, onDisk := i%2 == 0, i/2 != 0
		t.Run(fmt.Sprintf("%s/word=%v,disk=%v", name, isWord, onDisk), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				b := newTestBackend(isWord)
				defer putOnDisk(b, onDisk)()
				s := NewValues(b, c)
				h := newHistory(s.b, s, func(b *Backend) State { return NewValues(b, c) })
				h.dump = func(s State) map[string]string { return dumpValues(s.(*Values[V])) }
				h.touch = func() {
					v, _ := s.Current()
					mutate(v, 7)
					h.model[h.key] = string(c.Append(nil, v))
				}
				h.drop = func() {
					s.Drop()
					delete(h.model, h.key)
				}
				h.run(t, map[string]func(*rapid.T){
					"change": func(t *rapid.T) {
						for range rapid.IntRange(1, 30).Draw(t, "times") {
							h.setKey(t)
							x := rapid.IntRange(0, 1000).Draw(t, "x")
							old, had := h.model[h.key]
							v, fresh := s.Current()
							if fresh == had || had && string(c.Append(nil, v)) != old {
								t.Fatalf("key %s: fresh %v, had %v", h.key, fresh, had)
							}
							mutate(v, x)
							h.model[h.key] = string(c.Append(nil, v))
						}
					},
					"change what is there": func(t *rapid.T) {
						h.setKey(t)
						if v := s.Change(); v != nil {
							mutate(v, rapid.IntRange(0, 1000).Draw(t, "x"))
							h.model[h.key] = string(c.Append(nil, v))
						}
					},
					"read": func(t *rapid.T) {
						h.setKey(t)
						v := s.Lookup()
						want, had := h.model[h.key]
						if (v != nil) != had || had && string(c.Append(nil, v)) != want {
							t.Fatalf("key %s: got %v, want %q", h.key, v, want)
						}
					},
					"drop": func(t *rapid.T) {
						for range rapid.IntRange(1, 20).Draw(t, "times") {
							h.setKey(t)
							s.Drop()
							delete(h.model, h.key)
						}
					},
				})
			})
		})
	}
}

func dumpValues[V any](s *Values[V]) map[string]string {
	got := map[string]string{}
	s.Range(func(_, word uint64, key []byte, v *V) bool {
		got[string(s.b.AppendKey(nil, word, key))] = string(s.codec.Append(nil, v))
		return true
	})
	if len(got) != s.Len() {
		panic(fmt.Sprintf("%d entries, the length is %d", len(got), s.Len()))
	}
	return got
}

func newTestBackend(isWord bool) *Backend {
	return &Backend{IsWord: isWord, MaxParallelism: 4, First: 0, Last: 3}
}

// history drives a state through changes, freezes and confirmations, beside a model of its contents.
type history struct {
	b         *Backend
	state     State
	fresh     func(b *Backend) State // an empty state to restore into
	dump      func(s State) map[string]string
	touch     func() // make or change the entry of the current key, and drop it; nil in some tests
	drop      func()
	live      func(v string) string // what of an entry of the model is not expired, "" for nothing; nil is all
	model     map[string]string
	key       string // the current one, as a snapshot has it
	domain    uint64
	next      int64
	native    nativeMode
	pending   *historyPoint   // whose sections are not all there
	unmade    *historyPoint   // whose files are not made
	completed []*historyPoint // that may be confirmed
	confirmed *historyPoint
}

type historyPoint struct {
	id       int64
	want     map[string]string
	snapshot *operator.Snapshot
	base     *historyPoint
	never    bool // a savepoint, or given up
	sized    bool // the model holds values as sections have them
	captured *operator.Captured
}

// nativeMode says which snapshots of a history are native.
type nativeMode int

const (
	noneNative nativeMode = iota
	savepointsNative
	checkpointsNative
)

func newHistory(b *Backend, s State, fresh func(*Backend) State) *history {
	b.Add("state", s)
	return &history{b: b, state: s, fresh: fresh, model: map[string]string{}}
}

func (h *history) setKey(t *rapid.T) {
	h.setKeyTo(rapid.Uint64Range(0, h.domain).Draw(t, "key"))
}

func (h *history) setKeyTo(k uint64) {
	if h.b.IsWord {
		h.b.Set(codec.HashWord(k-1), k-1, nil) // the largest word is among them
	} else {
		h.b.Set(codec.HashString(text(k)), 0, []byte(text(k)))
	}
	h.key = string(h.b.AppendKey(nil, h.b.Word, h.b.Bytes))
}

func (h *history) run(t *rapid.T, actions map[string]func(*rapid.T)) {
	h.domain = rapid.SampledFrom([]uint64{3, 40, 400}).Draw(t, "domain")
	defer func(n int) { partBytesMax = n }(partBytesMax)
	partBytesMax = rapid.SampledFrom([]int{20, 200, partBytesMax}).Draw(t, "part")
	actions["freeze"] = func(t *rapid.T) { h.freeze(t, false) }
	actions["savepoint"] = func(t *rapid.T) { h.freeze(t, rapid.IntRange(0, 3).Draw(t, "really") == 0) }
	actions["step"] = func(t *rapid.T) { h.step(t) }
	actions["step "] = func(t *rapid.T) { h.step(t) }
	actions["step  "] = func(t *rapid.T) { h.step(t) }
	actions["fill"] = func(t *rapid.T) { // grows the table under a scan
		if n := rapid.Uint64Range(0, h.domain).Draw(t, "n"); h.touch != nil && h.pending != nil {
			for k := range n {
				h.setKeyTo(k)
				h.touch()
			}
		}
	}
	actions["empty"] = func(t *rapid.T) { // so that it is rebuilt smaller
		if n := rapid.Uint64Range(0, h.domain).Draw(t, "n"); h.drop != nil && h.pending != nil {
			for k := range n {
				h.setKeyTo(k)
				h.drop()
			}
		}
	}
	actions["confirm"] = h.confirm
	actions["give up"] = func(t *rapid.T) {
		if h.pending != nil && rapid.IntRange(0, 3).Draw(t, "really") == 0 {
			for _, f := range h.pending.snapshot.Frozen {
				f.Discard()
			}
			h.b.Aborted(h.pending.id)
			h.pending = nil
		}
	}
	actions["clear"] = func(t *rapid.T) {
		if rapid.IntRange(0, 9).Draw(t, "really") == 0 {
			h.b.Clear()
			clear(h.model)
		}
	}
	if h.b.cold != nil {
		h.native = rapid.SampledFrom([]nativeMode{
			noneNative, savepointsNative, checkpointsNative,
		}).Draw(t, "native")
		h.b.cold.native = h.native == checkpointsNative
		actions["make"] = h.make
		actions["evict"] = h.evict
		actions["evict "] = h.evict
	}
	actions["look at all"] = func(t *rapid.T) {
		h.expire(h.model)
		if got := h.dump(h.state); !maps.Equal(got, h.model) {
			t.Fatalf("%s", difference(got, h.model))
		}
	}
	t.Repeat(actions)
}

func (h *history) freeze(t *rapid.T, savepoint bool) {
	old := h.pending
	h.next++
	p := &historyPoint{
		id: h.next, want: maps.Clone(h.model), never: savepoint, sized: h.touch != nil,
		snapshot: &operator.Snapshot{
			Checkpoint: h.next, Full: savepoint,
			Native: savepoint && h.native == savepointsNative || !savepoint && h.native == checkpointsNative,
		},
	}
	if h.native == checkpointsNative && rapid.IntRange(0, 5).Draw(t, "canonical") == 0 {
		p.snapshot.Native = false // without graves and notes it must be full
	}
	h.b.Snapshot(p.snapshot)
	if len(p.snapshot.Deltas) > 0 {
		p.base = h.confirmed
	}
	h.pending = p
	h.make(t)
	if old != nil { // what was not written of it is still to be had
		h.finish(t, old)
	}
}

// make stores the files of the last native snapshot.
func (h *history) make(t *rapid.T) {
	p := h.unmade
	if p == nil {
		return
	}
	h.unmade = nil
	if err := p.captured.Keep(); err != nil {
		t.Fatal(err)
	}
	h.finish(t, p)
}

// step writes one part.
func (h *history) step(t *rapid.T) {
	p := h.pending
	if p == nil {
		return
	}
	if len(p.snapshot.Frozen) == 0 { // native, of nothing
		h.pending = nil
		h.finish(t, p)
		return
	}
	cost := rapid.SampledFrom([]int{1, 5, 30, stepMax}).Draw(t, "cost")
	f := p.snapshot.Frozen[0].(interface {
		step(cost int, emit func(operator.Section)) bool
	})
	if f.step(cost, p.snapshot.Add) {
		h.pending = nil
		if p.captured = p.snapshot.AddTree(p.snapshot.Frozen[0]); p.captured != nil {
			h.make(t)
			h.unmade = p
			p.snapshot.Frozen = nil
			return
		}
		p.snapshot.Frozen = nil
		h.finish(t, p)
	}
}

func (h *history) finish(t *rapid.T, p *historyPoint) {
	p.snapshot.Finish()
	b := &Backend{IsWord: h.b.IsWord, MaxParallelism: h.b.MaxParallelism, First: 0, Last: h.b.Last}
	defer putOnDisk(b, h.b.cold != nil != (p.id%4 == 0))()
	s := h.fresh(b)
	b.Add("state", s)
	from := &operator.State{Keyed: p.chain()}
	if p.snapshot.Native {
		from = nativeState(t, &p.snapshot.State, p.id%3 == 0)
		if len(from.Trees) > 0 && p.captured != nil {
			h.checkKnown(t, p)
		}
	} else {
		p.checkOnce(t)
	}
	if err := b.Restore(from); err != nil {
		t.Fatal(err)
	}
	h.expire(p.want)
	if got := h.dump(s); !maps.Equal(got, p.want) {
		t.Fatalf("restored from %d: %s", p.id, difference(got, p.want))
	}
	if !p.never {
		h.completed = append(h.completed, p)
	}
}

// expire leaves out of a model what is expired.
func (h *history) expire(model map[string]string) {
	if h.live == nil {
		return
	}
	for k, v := range model {
		if model[k] = h.live(v); model[k] == "" {
			delete(model, k)
		}
	}
}

// checkOnce checks that nothing is written twice.
func (p *historyPoint) checkOnce(t *rapid.T) {
	if p.base != nil {
		return
	}
	bytes := 0
	for _, s := range p.snapshot.State.Keyed {
		bytes += int(s.Data.Size())
		if s.Delta {
			bytes-- // the number of deleted keys
		}
	}
	want := 0
	for k, v := range p.want {
		want += len(k) + len(v)
	}
	if p.sized && bytes != want {
		t.Fatalf("%d bytes are written of %d", bytes, want)
	}
}

// chain is the sections of a point, as a coordinator puts them together.
func (p *historyPoint) chain() []operator.Section {
	var chain []operator.Section
	if p.base != nil {
		chain = p.base.chain()
	}
	for _, s := range p.snapshot.State.Keyed {
		if !s.Delta {
			chain = slices.DeleteFunc(chain, func(o operator.Section) bool { return o.Group == s.Group })
		}
		chain = append(chain, s)
	}
	return chain
}

func (h *history) confirm(t *rapid.T) {
	if len(h.completed) == 0 {
		return
	}
	i := rapid.IntRange(0, len(h.completed)-1).Draw(t, "which")
	p := h.completed[i]
	h.completed = slices.Delete(h.completed, i, i+1)
	if h.confirmed != nil && p.id < h.confirmed.id {
		return
	}
	if err := h.b.Completed(p.id); err != nil {
		t.Fatal(err)
	}
	h.confirmed = p
}

func difference(got, want map[string]string) string {
	var b bytes.Buffer
	for k, w := range want {
		if g, ok := got[k]; !ok || g != w {
			fmt.Fprintf(&b, "key %q: got %q (there: %v), want %q\n", k, g, ok, w)
		}
	}
	for k, g := range got {
		if _, ok := want[k]; !ok {
			fmt.Fprintf(&b, "key %q: got %q, want none\n", k, g)
		}
	}
	return b.String()
}

// A million values that would be pointers are a few objects of the heap.
func TestValuesHaveNoPointers(t *testing.T) {
	const keys = 1_000_000
	c, err := codec.For[string](nil)
	if err != nil {
		t.Fatal(err)
	}
	s := NewValues(newTestBackend(true), c)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for k := range uint64(keys) {
		s.b.Set(codec.HashWord(k), k, nil)
		v, _ := s.Current()
		*v = fmt.Sprint("value ", k)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if n := int64(after.HeapObjects) - int64(before.HeapObjects); n > 2*openMax {
		t.Errorf("%d objects for %d keys", n, keys)
	}
	runtime.KeepAlive(s)
}

// What is cleared has no graves, so nothing may stand on what was written before.
func TestValuesClearedBetweenFreezeAndConfirm(t *testing.T) {
	c, err := codec.For[int64](nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newTestBackend(true)
	s := NewValues(b, c)
	b.Add("state", s)
	for k := range uint64(100) {
		b.Set(codec.HashWord(k), k, nil)
		s.Current()
	}
	first := &operator.Snapshot{Checkpoint: 1}
	b.Snapshot(first)
	first.Finish()
	b.Clear()
	if err := b.Completed(1); err != nil {
		t.Fatal(err)
	}
	second := &operator.Snapshot{Checkpoint: 2}
	b.Snapshot(second)
	second.Finish()
	if len(second.Deltas) != 1 || second.Since != 1 || len(second.State.Keyed) != 4 {
		t.Errorf("deltas %v since %d, sections %v", second.Deltas, second.Since, second.State.Keyed)
	}
	for _, section := range second.State.Keyed {
		if section.Delta || section.Data.Size() != 0 {
			t.Errorf("%+v is no empty full section", section)
		}
	}
}

func TestOpenValuesAllocateNothing(t *testing.T) {
	c, err := codec.For[rich](nil)
	if err != nil {
		t.Fatal(err)
	}
	s := NewValues(newTestBackend(false), c)
	key := []byte("a key that is long enough")
	got := testing.AllocsPerRun(100, func() {
		for k := range uint64(10) {
			s.b.Set(codec.HashWord(k), 0, key[:10+k])
			v, fresh := s.Current()
			if v.N++; fresh {
				v.Name = "x"
			}
			if s.Lookup().N != v.N {
				t.Fatal("not the value of the key")
			}
		}
	})
	if got != 0 {
		t.Errorf("%v allocations", got)
	}
}
