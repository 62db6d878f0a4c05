package state_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"pgregory.net/rapid"
)

// op is what a record asks of a state.
type op struct {
	Key  string
	Do   string // write, read or clear
	Name int    // of a map's entry
	N    int
}

// ttlModel is the entries of a key: of a map by name, of a list in order, else one.
type ttlModel struct {
	kind          string
	ttl           int64
	onRead        bool
	returnExpired bool
	keys          map[string][]ttlEntry
}

type ttlEntry struct {
	name, n int
	at      int64
}

func (m *ttlModel) alive(e ttlEntry, now int64) bool { return now-e.at < m.ttl }

// do does what the state is to do, and returns what a read is to return.
func (m *ttlModel) do(o op, now int64) string {
	entries := m.keys[o.Key]
	switch o.Do {
	case "clear":
		entries = nil
	case "write":
		switch m.kind {
		case "list":
			entries = append(entries, ttlEntry{0, o.N, now})
		case "map":
			entries = slices.DeleteFunc(entries, func(e ttlEntry) bool { return e.name == o.Name })
			entries = append(entries, ttlEntry{o.Name, o.N, now})
		case "value":
			entries = []ttlEntry{{0, o.N, now}}
		default:
			n := o.N
			if len(entries) > 0 && m.alive(entries[0], now) {
				n += entries[0].n
			}
			entries = []ttlEntry{{0, n, now}}
		}
	case "read":
		var got, left []ttlEntry
		for _, e := range entries {
			if m.alive(e, now) || m.returnExpired {
				got = append(got, e)
			}
			if m.alive(e, now) {
				if m.onRead {
					e.at = now
				}
				left = append(left, e)
			}
		}
		m.keys[o.Key] = left
		return m.render(o.Key, got)
	}
	m.keys[o.Key] = entries
	return ""
}

func (m *ttlModel) render(key string, got []ttlEntry) string {
	all := map[int]int{}
	var list []int
	for _, e := range got {
		all[e.name] = e.n
		list = append(list, e.n)
	}
	switch {
	case m.kind == "map":
		return fmt.Sprint(key, all)
	case len(list) == 0:
		return key + " none"
	case m.kind == "list":
		return fmt.Sprint(key, list)
	}
	return fmt.Sprint(key, list[0])
}

// drop drops what is expired.
func (m *ttlModel) drop(now int64) {
	for k, entries := range m.keys {
		entries = slices.DeleteFunc(entries, func(e ttlEntry) bool { return !m.alive(e, now) })
		if m.keys[k] = entries; len(entries) == 0 {
			delete(m.keys, k)
		}
	}
}

type opCtx = *stream.Ctx[string, string]

// ttlStates makes, for each kind of state, a handle and a function that does what an op asks.
var ttlStates = map[string]func(options ...state.Option) (state.Handle, func(opCtx, op)){
	"value": func(options ...state.Option) (state.Handle, func(opCtx, op)) {
		h := state.NewValue[string]("x", options...) // with a pointer
		return h, func(c opCtx, o op) {
			switch o.Do {
			case "write":
				h.Set(c, fmt.Sprint(o.N))
			case "clear":
				h.Clear(c)
			default:
				emitOne(c)(h.Get(c))
			}
		}
	},
	"reducing": func(options ...state.Option) (state.Handle, func(opCtx, op)) {
		h := state.NewReducing("x", func(a, b int) int { return a + b }, options...)
		return h, func(c opCtx, o op) {
			switch o.Do {
			case "write":
				h.Add(c, o.N)
			case "clear":
				h.Clear(c)
			default:
				n, ok := h.Get(c)
				emitOne(c)(fmt.Sprint(n), ok)
			}
		}
	},
	"aggregating": func(options ...state.Option) (state.Handle, func(opCtx, op)) {
		h := state.NewAggregating("x", func(acc *int, n int) { *acc += n },
			func(acc *int) string { return fmt.Sprint(*acc) }, options...)
		return h, func(c opCtx, o op) {
			switch o.Do {
			case "write":
				h.Add(c, o.N)
			case "clear":
				h.Clear(c)
			default:
				emitOne(c)(h.Get(c))
			}
		}
	},
	"list": func(options ...state.Option) (state.Handle, func(opCtx, op)) {
		h := state.NewList[int]("x", options...)
		return h, func(c opCtx, o op) {
			switch o.Do {
			case "write":
				h.Add(c, o.N)
			case "clear":
				h.Clear(c)
			default:
				if list := h.Get(c); list == nil {
					emitOne(c)("", false)
				} else {
					c.Emit(fmt.Sprint(c.Key(), list))
				}
			}
		}
	},
	"map": func(options ...state.Option) (state.Handle, func(opCtx, op)) {
		h := state.NewMap[int, int]("x", options...)
		return h, func(c opCtx, o op) {
			switch o.Do {
			case "write":
				h.Put(c, o.Name, o.N)
			case "clear":
				h.Clear(c)
			default:
				n := h.Len(c)
				m := maps.Collect(h.All(c))
				c.Emit(fmt.Sprint(c.Key(), m))
				if n != len(m) {
					c.Emit(fmt.Sprint("the length is ", n))
				}
			}
		}
	},
}

func emitOne(c opCtx) func(v string, ok bool) {
	return func(v string, ok bool) {
		if !ok {
			v = " none"
		}
		c.Emit(c.Key() + v)
	}
}

func ttlHarness(t testing.TB, in *flotttest.Input[op], kind string, options *[]state.Option,
	more ...flotttest.Option,
) *flotttest.Harness[string] {
	return flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
		h, f := ttlStates[kind](*options...)
		keyed := stream.KeyBy(in.Stream(env), func(o op) string { return o.Key })
		return stream.Process(keyed, func(c opCtx, o op) error {
			f(c, o)
			return nil
		}, stream.Uses(h))
	}, more...)
}

// The idea is that of Flink's stream_state_ttl test: random updates of all kinds of state, with the
// clock moving, snapshots and restores in between, and what is read compared with a model.
func TestTTLAgainstModel(t *testing.T) {
	for kind := range ttlStates {
		t.Run(kind, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) { checkTTL(t, rt, kind) })
		})
	}
}

func checkTTL(t *testing.T, rt *rapid.T, kind string) {
	m := &ttlModel{
		kind: kind, ttl: 1000, onRead: rapid.Bool().Draw(rt, "on read"),
		returnExpired: rapid.Bool().Draw(rt, "return expired"), keys: map[string][]ttlEntry{},
	}
	var options []state.Option
	setTTL := func() {
		var o []state.TTLOption
		if m.onRead {
			o = append(o, state.UpdateOnReadAndWrite())
		}
		if m.returnExpired { // what is there to be returned must be known
			o = append(o, state.ReturnExpiredIfNotCleanedUp(), state.CleanupIncrementally(0))
		}
		options = []state.Option{state.TTL(time.Duration(m.ttl)*time.Millisecond, o...)}
	}
	setTTL()
	in := flotttest.NewInput[op]()
	// What is on disk only is expired, but there. So no more is known than what is read.
	var disk []flotttest.Option
	if !m.returnExpired && rapid.IntRange(0, 9).Draw(rt, "disk") == 9 {
		disk = append(disk, flotttest.OnDisk())
	}
	h := ttlHarness(t, in, kind, &options, disk...)
	push := func(rt *rapid.T) {
		o := op{
			rapid.SampledFrom(strings.Fields("a b c d e f g h i j k l")).Draw(rt, "key"),
			rapid.SampledFrom(strings.Fields("write write read clear")).Draw(rt, "do"),
			rapid.IntRange(0, 3).Draw(rt, "name"), rapid.IntRange(0, 99).Draw(rt, "n"),
		}
		in.Push(o, 0)
		want := m.do(o, h.Now())
		if got := strings.Join(h.Out.Values(), "; "); got != want {
			rt.Fatalf("%d: %+v: got %q, want %q", h.Now(), o, got, want)
		}
	}
	rt.Repeat(map[string]func(*rapid.T){
		"push":  push,
		"push ": push,
		"run": func(rt *rapid.T) {
			for range 20 {
				push(rt)
			}
		},
		"advance": func(rt *rapid.T) {
			h.AdvanceTo(h.Now() + rapid.Int64Range(0, 700).Draw(rt, "by"))
		},
		"restore": func(rt *rapid.T) {
			s := h.Snapshot()
			m.drop(h.Now())
			if bytes := s.Bytes("x"); (bytes > 0) != (len(m.keys) > 0) && (disk == nil || bytes == 0) {
				rt.Fatalf("%d bytes for %v", bytes, m.keys)
			}
			if rapid.Bool().Draw(rt, "change") { // the new one applies to what is restored
				longest := int64(2000)
				if disk != nil {
					longest = m.ttl
				}
				m.ttl = rapid.Int64Range(1, longest).Draw(rt, "ttl")
				setTTL()
			}
			h.Restore(s, rapid.IntRange(1, 4).Draw(rt, "parallelism"))
		},
	})
}

// A state that gets or loses its time to live keeps its entries.
func TestTTLAddedAndRemoved(t *testing.T) {
	for kind := range ttlStates {
		t.Run(kind, func(t *testing.T) { checkTTLAddedAndRemoved(t, kind) })
		t.Run(kind+" on disk", func(t *testing.T) { checkTTLAddedAndRemoved(t, kind, flotttest.OnDisk()) })
	}
}

func checkTTLAddedAndRemoved(t *testing.T, kind string, more ...flotttest.Option) {
	var options []state.Option
	in := flotttest.NewInput[op]()
	h := ttlHarness(t, in, kind, &options, more...)
	read := func(want string) {
		t.Helper()
		in.Push(op{Key: "k", Do: "read"}, 0)
		if got := h.Out.Values(); len(got) != 1 || got[0] != want {
			t.Errorf("at %d: got %q, want %q", h.Now(), got, want)
		}
	}
	m := ttlModel{kind: kind}
	full, none := m.render("k", []ttlEntry{{1, 7, 0}}), m.render("k", nil)
	in.Push(op{"k", "write", 1, 7}, 0)
	h.AdvanceTo(5000)
	options = []state.Option{state.TTL(time.Second)}
	h.Restore(h.Snapshot(), 2)
	h.AdvanceTo(5999)
	read(full)
	options = nil
	h.Restore(h.Snapshot(), 1)
	h.AdvanceTo(7000)
	read(full)
	options = []state.Option{state.TTL(time.Second)}
	h.Restore(h.Snapshot(), 3)
	h.AdvanceTo(8000)
	read(none)
}

func TestTTLTooShort(t *testing.T) {
	env := stream.NewEnv()
	in := flotttest.NewInput[op]()
	h := state.NewValue[int]("x", state.TTL(time.Microsecond))
	stream.Process(stream.KeyBy(in.Stream(env), func(o op) string { return o.Key }),
		func(c opCtx, o op) error { return nil }, stream.Uses(h))
	const want = `state "x": a time to live of 1µs is less than a millisecond`
	if _, _, err := env.Plan(); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
}
