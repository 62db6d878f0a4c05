package main

import (
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func sorted(s []Status) []string {
	var lines []string
	for _, v := range s {
		lines = append(lines, v.String())
	}
	slices.Sort(lines)
	return lines
}

func TestShipped(t *testing.T) {
	hour := func(h int) time.Time { return start.Add(time.Duration(h) * time.Hour) }
	env := stream.NewEnv(stream.Parallelism(2))
	got := sorted(flotttest.Collect(t, env, job(
		stream.From(env, slice.Of(
			Order{1, 1, hour(0)}, Order{2, 1, hour(1)}, Order{3, 1, hour(2)}, Order{4, 1, hour(3)},
		)),
		stream.From(env, slice.Of(
			Shipment{1, 1, hour(72)},                          // just in time
			Shipment{2, 1, hour(74)},                          // too late
			Shipment{3, 1, hour(30)}, Shipment{3, 2, hour(2)}, // two parcels
			Shipment{4, 1, hour(2)},  // before the order
			Shipment{5, 1, hour(80)}, // of no order
		)))))
	want := []string{
		"order   1  parcel 1 after 72h0m0s",
		"order   2  NOT SHIPPED within 72h0m0s",
		"order   3  parcel 1 after 28h0m0s",
		"order   3  parcel 2 after 0s",
		"order   4  NOT SHIPPED within 72h0m0s",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestWaits drives the join by hand: an order is told as not shipped when its time is up, and not
// before.
func TestWaits(t *testing.T) {
	orders, shipments := flotttest.NewInput[Order](), flotttest.NewInput[Shipment]()
	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[Status] {
		return job(orders.Stream(env), shipments.Stream(env))
	})
	orders.Push(order(0), start.UnixMilli())
	h.Watermark(start.Add(Within).UnixMilli() - 1)
	if got := h.Out.Values(); len(got) != 0 {
		t.Errorf("%v before its time", got)
	}
	h.Watermark(start.Add(Within).UnixMilli())
	if got := h.Out.Values(); !slices.Equal(got, []Status{{Order: 0}}) {
		t.Errorf("%v, want that order 0 is not shipped", got)
	}
}

func made(env *stream.Env, sink *collect.Sink[Status]) {
	job(stream.From(env, slice.Func(200, order)), stream.From(env, slice.Func(200, shipment))).To(sink)
}

func TestRestore(t *testing.T) { flotttest.CheckRestore(t, made, flotttest.RestoreOptions{}) }

func TestUnalignedRestore(t *testing.T) {
	flotttest.CheckRestore(t, made, flotttest.RestoreOptions{Unaligned: true})
}

func TestBatch(t *testing.T) { flotttest.CheckBatch(t, made, flotttest.BatchOptions{}) }
