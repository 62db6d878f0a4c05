package keyed

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

type (
	oldCount struct {
		N    int16
		Gone []string
		Name string
	}
	newCount struct {
		Name  string
		Added *string
		N     int64
	}
)

// evolution makes a state in two versions. put fills the old one, for the current key; get reads the
// new one.
type evolution struct {
	was, is func(b *Backend) State
	put     func(s State, n int16)
	get     func(s State) any
	want    func(n int16) any
}

func oldOf(n int16) oldCount { return oldCount{n, []string{"gone"}, text(uint64(n))} }

func newOf(n int16) newCount { return newCount{Name: text(uint64(n)), N: int64(n)} }

func evolutions(t *testing.T) map[string]evolution {
	was, is := mustCodec[oldCount](t), mustCodec[newCount](t)
	timedWas, timedIs := mustCodec[Timed[oldCount]](t), mustCodec[Timed[newCount]](t)
	mk, err := codec.KeyFor[string](nil)
	if err != nil {
		t.Fatal(err)
	}
	ttl := TTL{Millis: 1000}
	value := func(n int16) any { return newOf(n) }
	list := func(n int16) any { return []newCount{newOf(n), newOf(n + 1)} }
	getTTL := func(s State) any { return *s.(*TTLValues[newCount]).Lookup() }
	return map[string]evolution{
		"value": {
			func(b *Backend) State { return NewValues(b, was) },
			func(b *Backend) State { return NewValues(b, is) },
			func(s State, n int16) { v, _ := s.(*Values[oldCount]).Current(); *v = oldOf(n) },
			func(s State) any { return *s.(*Values[newCount]).Lookup() }, value,
		},
		"plain value": {
			func(b *Backend) State { return NewValues(b, mustCodec[int16](t)) },
			func(b *Backend) State { return NewValues(b, mustCodec[int64](t)) },
			func(s State, n int16) { v, _ := s.(*Values[int16]).Current(); *v = n },
			func(s State) any { return *s.(*Values[int64]).Lookup() },
			func(n int16) any { return int64(n) },
		},
		"value with TTL": {
			func(b *Backend) State { return NewTTLValues(b, timedWas, was, ttl) },
			func(b *Backend) State { return NewTTLValues(b, timedIs, is, ttl) },
			func(s State, n int16) { v, _ := s.(*TTLValues[oldCount]).Current(); *v = oldOf(n) },
			getTTL, value,
		},
		"value that gets TTL": {
			func(b *Backend) State { return NewValues(b, was) },
			func(b *Backend) State { return NewTTLValues(b, timedIs, is, ttl) },
			func(s State, n int16) { v, _ := s.(*Values[oldCount]).Current(); *v = oldOf(n) },
			getTTL, value,
		},
		"value that loses TTL": {
			func(b *Backend) State { return NewTTLValues(b, timedWas, was, ttl) },
			func(b *Backend) State { return NewValues(b, is) },
			func(s State, n int16) { v, _ := s.(*TTLValues[oldCount]).Current(); *v = oldOf(n) },
			func(s State) any { return *s.(*Values[newCount]).Lookup() }, value,
		},
		"list": {
			func(b *Backend) State { return NewList(b, was) },
			func(b *Backend) State { return NewList(b, is) },
			func(s State, n int16) { s.(*List[oldCount]).Set([]oldCount{oldOf(n), oldOf(n + 1)}) },
			func(s State) any { return s.(*List[newCount]).Get() }, list,
		},
		"list with TTL": {
			func(b *Backend) State { return NewTTLList(b, timedWas, was, ttl) },
			func(b *Backend) State { return NewTTLList(b, timedIs, is, ttl) },
			func(s State, n int16) { s.(*TTLList[oldCount]).Set([]oldCount{oldOf(n), oldOf(n + 1)}) },
			func(s State) any { return s.(*TTLList[newCount]).Get() }, list,
		},
		"list of nothing": {
			func(b *Backend) State { return NewList(b, mustCodec[struct{}](t)) },
			func(b *Backend) State { return NewList(b, mustCodec[struct{ X int8 }](t)) },
			func(s State, n int16) { s.(*List[struct{}]).Set(make([]struct{}, n+1)) },
			func(s State) any { return len(s.(*List[struct{ X int8 }]).Get()) },
			func(n int16) any { return int(n) + 1 },
		},
		"map": {
			func(b *Backend) State { return NewMapState(b, mk, was) },
			func(b *Backend) State { return NewMapState(b, mk, is) },
			func(s State, n int16) { s.(*MapState[string, oldCount]).Put("mk", oldOf(n)) },
			func(s State) any { v, _ := s.(*MapState[string, newCount]).Get("mk"); return v }, value,
		},
		"map with TTL": {
			func(b *Backend) State { return NewTTLMap(b, mk, timedWas, was, ttl) },
			func(b *Backend) State { return NewTTLMap(b, mk, timedIs, is, ttl) },
			func(s State, n int16) { s.(*TTLMap[string, oldCount]).Put("mk", oldOf(n)) },
			func(s State) any { v, _ := s.(*TTLMap[string, newCount]).Get("mk"); return v }, value,
		},
		"ordered": {
			func(b *Backend) State { return NewOrdered(b, was) },
			func(b *Backend) State { return NewOrdered(b, is) },
			func(s State, n int16) { s.(*Ordered[oldCount]).Put([]byte("sub"), oldOf(n)) },
			func(s State) any { v, _ := s.(*Ordered[newCount]).Get([]byte("sub")); return v }, value,
		},
	}
}

// Every kind of state is restored from a snapshot of an older type: from whole sections and deltas,
// with keys of both kinds, in memory and past the tables.
func TestStateEvolves(t *testing.T) {
	for name, e := range evolutions(t) {
		for i := range 4 {
			t.Run(fmt.Sprintf("%s/word=%v,disk=%v", name, i%2 == 0, i/2 != 0), func(t *testing.T) {
				checkEvolution(t, e, i%2 == 0, i/2 != 0)
			})
		}
	}
}

func checkEvolution(t *testing.T, e evolution, isWord, onDisk bool) {
	const n = 50
	set := func(b *Backend, i int) {
		key := []byte(fmt.Sprint("key ", i))
		if isWord {
			b.Set(codec.HashWord(uint64(i)), uint64(i), nil)
		} else {
			b.Set(codec.HashBytes(key), 0, key)
		}
	}
	backend := func(make func(b *Backend) State) (*Backend, State) {
		b := newTestBackend(isWord)
		b.Now = func() int64 { return 7 }
		t.Cleanup(putOnDisk(b, onDisk))
		s := make(b)
		b.Add("x", s)
		return b, s
	}
	b, s := backend(e.was)
	for i := range n {
		set(b, i)
		e.put(s, int16(i))
	}
	first := operator.Snapshot{Checkpoint: 1}
	b.Snapshot(&first)
	first.Finish()
	if err := b.Completed(1); err != nil {
		t.Fatal(err)
	}
	set(b, 0)
	e.put(s, 99)
	second := operator.Snapshot{Checkpoint: 2}
	b.Snapshot(&second)
	second.Finish()
	from := &operator.State{Described: second.State.Described}
	from.Keyed = append(first.State.Keyed, second.State.Keyed...)

	b, s = backend(e.is)
	if err := b.Restore(from); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		set(b, i)
		want := e.want(int16(i))
		if i == 0 {
			want = e.want(99)
		}
		if got := e.get(s); !reflect.DeepEqual(got, want) {
			t.Fatalf("key %d: got %+v, want %+v", i, got, want)
		}
	}
}

func TestTimersEvolve(t *testing.T) {
	b := newTestBackend(true)
	timers := NewTimers(b, mustCodec[oldCount](t))
	b.Add("t", timers)
	b.Set(codec.HashWord(5), 5, nil)
	timers.Set(-30, oldOf(3))
	timers.Set(1<<40, oldOf(4))
	timers.Set(1<<30, oldOf(5))
	base := operator.Snapshot{Checkpoint: 1}
	b.Snapshot(&base)
	base.Finish()
	if err := b.Completed(1); err != nil {
		t.Fatal(err)
	}
	timers.Delete(1 << 30)
	timers.Set(-30, oldOf(6))
	snap := operator.Snapshot{Checkpoint: 2}
	b.Snapshot(&snap)
	snap.Finish()
	snap.State.Keyed = append(base.State.Keyed, snap.State.Keyed...)
	b = newTestBackend(true)
	restored := NewTimers(b, mustCodec[newCount](t))
	b.Add("t", restored)
	if err := b.Restore(&snap.State); err != nil {
		t.Fatal(err)
	}
	var got []string
	restored.Fire(1<<41, func(at int64, p newCount) bool {
		got = append(got, fmt.Sprint(at, b.Word, p.N))
		return true
	})
	if want := []string{"-30 5 6", fmt.Sprint(1<<40, 5, 4)}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// What cannot be rewritten is refused, with what there is to do.
func TestEvolutionRefuses(t *testing.T) {
	schema := func(s codec.Schema) codec.Schema { return s }
	text, number := schema(mustCodec[string](t).Schema()), schema(mustCodec[int64](t).Schema())
	small := mustCodec[int32](t).Schema()
	d := func(kind string, key, ns, value codec.Schema) operator.Description {
		return operator.Description{Kind: kind, Key: key, Namespace: ns, Value: value}
	}
	none := codec.Schema{}
	for name, c := range map[string]struct {
		was, is operator.Description
		want    []string
	}{
		"kind":    {d("value", text, none, text), d("list", text, none, text), []string{"value", "list", "another name"}},
		"key":     {d("value", small, none, text), d("value", number, none, text), []string{"int32", "int64", "savepoint.Rekey"}},
		"map key": {d("map", text, text, text), d("map", text, number, text), []string{"map key", "string", "int64"}},
		"value":   {d("value", text, none, text), d("value", text, none, number), []string{"string", "int64", "state.Migrate"}},
	} {
		err := checkForm("x", &c.was, &c.is)
		if err == nil {
			_, err = valueRewriterFor(c.was.Value, c.is.Value, nil)
		}
		if err == nil {
			t.Errorf("a changed %s is accepted", name)
			continue
		}
		for _, part := range c.want {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("%s: %q does not say %q", name, err, part)
			}
		}
	}
}

// Where nothing has changed, nothing is rewritten.
func TestEqualSchemasAreNotRewritten(t *testing.T) {
	type renamed oldCount
	for _, is := range []func(b *Backend) State{
		func(b *Backend) State { return NewValues(b, mustCodec[oldCount](t)) },
		func(b *Backend) State { return NewValues(b, mustCodec[renamed](t)) },
	} {
		b := newTestBackend(true)
		b.Add("x", is(b))
		was := operator.Description{Kind: "value", Value: mustCodec[oldCount](t).Schema()}
		if r, err := b.rewriterFor(0, was); r != nil || err != nil {
			t.Errorf("got a rewriter %v, error %v", r, err)
		}
	}
}

// A recursive value within a Timed is compared without what is around it.
func TestTimedRecursiveSchema(t *testing.T) {
	type node struct {
		V    int64
		Next *node
	}
	d := operator.Description{Kind: "value" + ttlSuffix, Value: mustCodec[Timed[node]](t).Schema()}
	got, timed := bareValue(&d)
	if want := mustCodec[node](t).Schema(); !timed || !got.Equal(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
