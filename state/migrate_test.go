package state_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
)

// Three versions of a type: the price was a text, then a number of euros, then of cents.
type (
	priceV1 struct{ Text string }
	priceV2 struct{ Euros int32 }
	priceV3 struct{ Cents int64 }
)

func toEuros(p priceV1) (priceV2, error) {
	n, err := strconv.Atoi(p.Text)
	return priceV2{int32(n)}, err
}

func toCents(p priceV2) (priceV3, error) { return priceV3{int64(p.Euros) * 100}, nil }

type migrated struct {
	handle state.Handle
	write  func(c opCtx, n int)
	read   func(c opCtx) string
}

// migratedStates makes each kind of state with values of type V.
func migratedStates[V any](of func(n int) V, options ...state.Option) map[string]migrated {
	value := state.NewValue[V]("x", options...)
	list := state.NewList[V]("x", options...)
	mapping := state.NewMap[string, V]("x", options...)
	reducing := state.NewReducing("x", func(_, b V) V { return b }, options...)
	aggregating := state.NewAggregating("x", func(acc *V, n int) { *acc = of(n) },
		func(acc *V) V { return *acc }, options...)
	return map[string]migrated{
		"value": {
			value, func(c opCtx, n int) { value.Set(c, of(n)) },
			func(c opCtx) string { v, _ := value.Get(c); return fmt.Sprint(v) },
		},
		"list": {
			list, func(c opCtx, n int) { list.Add(c, of(n), of(n+1)) },
			func(c opCtx) string { return fmt.Sprint(list.Get(c)) },
		},
		"map": {
			mapping, func(c opCtx, n int) { mapping.Put(c, "mk", of(n)) },
			func(c opCtx) string { v, _ := mapping.Get(c, "mk"); return fmt.Sprint(v) },
		},
		"reducing": {
			reducing, func(c opCtx, n int) { reducing.Add(c, of(n)) },
			func(c opCtx) string { v, _ := reducing.Get(c); return fmt.Sprint(v) },
		},
		"aggregating": {
			aggregating, func(c opCtx, n int) { aggregating.Add(c, n) },
			func(c opCtx) string { v, _ := aggregating.Get(c); return fmt.Sprint(v) },
		},
	}
}

// A chain of migrations is entered where the stored type is.
func TestMigrate(t *testing.T) {
	chain := []state.Option{state.Migrate("euros", toEuros), state.Migrate("cents", toCents)}
	v1 := migratedStates(func(n int) priceV1 { return priceV1{fmt.Sprint(n)} })
	v2 := migratedStates(func(n int) priceV2 { return priceV2{int32(n)} }, chain[:1]...)
	v3 := migratedStates(func(n int) priceV3 { return priceV3{int64(n)} }, chain...)
	for kind := range v1 {
		for _, options := range [][]flotttest.Option{nil, {flotttest.OnDisk()}} {
			t.Run(fmt.Sprint(kind, len(options)), func(t *testing.T) {
				old := v1[kind]
				checkMigration(t, &old, v3[kind], options...)
				old = v2[kind]
				checkMigration(t, &old, v3[kind], options...)
			})
		}
	}
}

// checkMigration restores what a job with the handle at h has written with the handle of is.
func checkMigration(t *testing.T, h *migrated, is migrated, options ...flotttest.Option) {
	in := flotttest.NewInput[op]()
	harness := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
		keyed := stream.KeyBy(in.Stream(env), func(o op) string { return o.Key })
		return stream.Process(keyed, func(c opCtx, o op) error {
			if o.Do == "write" {
				h.write(c, o.N)
			} else {
				c.Emit(h.read(c))
			}
			return nil
		}, stream.Uses(h.handle))
	}, options...)
	in.Push(op{Key: "a", Do: "write", N: 3}, 0)
	in.Push(op{Key: "b", Do: "write", N: 5}, 0)
	snapshot := harness.Snapshot()
	*h = is
	harness.Restore(snapshot, 2)
	in.Push(op{Key: "a", Do: "read"}, 0)
	in.Push(op{Key: "b", Do: "read"}, 0)
	got := harness.Out.Values()
	slices.Sort(got)
	want := []string{"{300}", "{500}"}
	if h.handle.Kind() == "list" {
		want = []string{"[{300} {400}]", "[{500} {600}]"}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestMigrateOfNoType(t *testing.T) {
	h := state.NewValue[int]("x", state.Migrate("m", func(chan int) (int, error) { return 0, nil }))
	if got := planOf(t, h); !strings.Contains(got, `state "x": migration "m"`) {
		t.Errorf("got %q", got)
	}
}
