package main

import (
	"slices"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestPrices drives the operator by hand, since the order of two streams is nobody's promise.
func TestPrices(t *testing.T) {
	orders, rates := flotttest.NewInput[Order](), flotttest.NewInput[Rate]()
	missing := flotttest.NewProbe[Order]()
	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[Priced] {
		priced := job(orders.Stream(env), rates.Stream(env))
		missing.Read(stream.Side(priced, unpriced))
		return priced
	})
	orders.Push(Order{1, "CHF", 8}, 0)
	rates.Push(Rate{"CHF", 1.25}, 0)
	orders.Push(Order{2, "CHF", 8}, 0)
	saved := h.Snapshot()
	rates.Push(Rate{"CHF", 0.75}, 0)
	orders.Push(Order{3, "CHF", 8}, 0)
	rates.Push(Rate{"CHF", 0}, 0)
	orders.Push(Order{4, "CHF", 8}, 0)
	h.Restore(saved, 3)
	orders.Push(Order{5, "CHF", 4}, 0)

	want := []Priced{
		{Order{2, "CHF", 8}, 1.25, 10}, {Order{3, "CHF", 8}, 0.75, 6}, {Order{5, "CHF", 4}, 1.25, 5},
	}
	if got := h.Out.Values(); !slices.Equal(got, want) {
		t.Errorf("priced are %+v, want %+v", got, want)
	}
	if got := missing.Values(); !slices.Equal(got, []Order{{1, "CHF", 8}, {4, "CHF", 8}}) {
		t.Errorf("unpriced are %+v", got)
	}
}

// both ends the job in the id of every order, priced or not.
func both(env *stream.Env, sink *collect.Sink[int64]) {
	priced := job(stream.From(env, slice.Func(300, order)), stream.From(env, slice.Func(60, rate)))
	ids := stream.Map(priced, func(p Priced) int64 { return p.ID })
	ids.Union(stream.Map(stream.Side(priced, unpriced), func(o Order) int64 { return o.ID })).To(sink)
}

// TestRestore wants each order once; which rate it meets depends on the order of arrival.
func TestRestore(t *testing.T) { flotttest.CheckRestore(t, both, flotttest.RestoreOptions{}) }

func TestBatch(t *testing.T) { flotttest.CheckBatch(t, both, flotttest.BatchOptions{}) }

// TestRates wants no other rates than those that were sent, and none for gold.
func TestRates(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(3))
	priced := job(stream.From(env, slice.Func(300, order)), stream.From(env, slice.Func(60, rate)))
	for _, p := range flotttest.Collect(t, env, priced) {
		sent := slices.ContainsFunc(currencies[:3], func(c string) bool { return c == p.Currency })
		if !sent || p.Rate < 0.5 || p.Rate > 1.5 || p.Euros != p.Amount*p.Rate {
			t.Errorf("%+v", p)
		}
	}
}
