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

func at(account, cents int64, after time.Duration) Transaction {
	return Transaction{account, cents, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(after)}
}

func TestAlerts(t *testing.T) {
	const s = time.Second
	for _, tc := range []struct {
		name string
		in   []Transaction
		want int
	}{
		{"small, then large", []Transaction{at(1, 99, 0), at(1, 500_01, 59*s)}, 1},
		{"limits", []Transaction{at(1, 100, 0), at(1, 900_00, 1*s), at(1, 99, 2*s), at(1, 500_00, 3*s)}, 0},
		{"too late", []Transaction{at(1, 99, 0), at(1, 500_01, 61*s)}, 0},
		{"another account", []Transaction{at(1, 99, 0), at(2, 500_01, 1*s)}, 0},
		{"something between", []Transaction{at(1, 99, 0), at(1, 50_00, 1*s), at(1, 500_01, 2*s)}, 0},
		{"small again", []Transaction{at(1, 99, 0), at(1, 98, 50*s), at(1, 500_01, 100*s)}, 1},
		{"each pair", []Transaction{at(1, 99, 0), at(1, 500_01, 1*s), at(1, 500_01, 2*s)}, 1},
	} {
		env := stream.NewEnv(stream.Parallelism(2))
		got := flotttest.Collect(t, env, job(stream.From(env, slice.Of(tc.in...)).Parallelism(1)))
		if len(got) != tc.want {
			t.Errorf("%s: %v, want %d alerts", tc.name, got, tc.want)
		}
	}
}

// TestForgets drives the operator by hand: state goes when the watermark passes the minute.
func TestForgets(t *testing.T) {
	in := flotttest.NewInput[Transaction]()
	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[Alert] { return job(in.Stream(env)) })
	first, second := at(1, 99, 0), at(1, 900_00, time.Second)
	in.Push(first, first.At.UnixMilli())
	h.Watermark(first.At.Add(Within).UnixMilli())
	if n := h.Snapshot().Bytes("small"); n != 0 {
		t.Errorf("the state has %d bytes after a minute", n)
	}
	in.Push(second, second.At.UnixMilli())
	if got := h.Out.Take(); len(got) != 0 {
		t.Errorf("an alert after the state was forgotten: %v", got)
	}
}

func made(env *stream.Env, sink *collect.Sink[Alert]) {
	job(stream.From(env, slice.Func(600, transaction)).Parallelism(1)).To(sink)
}

func TestRestore(t *testing.T) { flotttest.CheckRestore(t, made, flotttest.RestoreOptions{}) }

func TestUnalignedRestore(t *testing.T) {
	flotttest.CheckRestore(t, made, flotttest.RestoreOptions{Unaligned: true})
}

func TestBatch(t *testing.T) { flotttest.CheckBatch(t, made, flotttest.BatchOptions{}) }

func TestAlertText(t *testing.T) {
	got := Alert{at(7, 5, 0), at(7, 600_50, 90*time.Second)}.String()
	if want := "00:01:30  account  7: 0.05, and 600.50 after 1m30s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMadeTransactions(t *testing.T) {
	var all []Transaction
	for n := range int64(5000) {
		all = append(all, transaction(n))
	}
	for _, kind := range []func(Transaction) bool{
		func(t Transaction) bool { return t.Cents < Small },
		func(t Transaction) bool { return t.Cents > Large },
	} {
		if !slices.ContainsFunc(all, kind) {
			t.Error("a kind of transaction is missing")
		}
	}
}
