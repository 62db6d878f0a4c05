// Package bank is a job with state worth looking into: the balance of each account, its last
// payments, and what came in within each minute.
//
// Data flow: examples/balances runs the job; tests run it and look into its checkpoints.
package bank

import (
	"math/rand/v2"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// Payment is money that comes in, or goes out if it is negative.
type Payment struct {
	Account string
	Cents   int64
	At      time.Time
}

// Balance is what an account holds.
type Balance struct {
	Cents    int64
	Payments int64
	Last     Payment
}

var owners = []string{"ada", "bob", "cleo", "dirk", "eve", "finn", "gina", "hugo"}

// Payments is n payments, 0 for no end, of which rate come in a second.
func Payments(env *stream.Env, n, rate int64) *stream.Stream[Payment] {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return stream.From(env, datagen.Source(func(n int64) Payment {
		r := rand.New(rand.NewPCG(1, uint64(n)))
		owner := owners[min(r.IntN(len(owners)), r.IntN(len(owners)))] // some pay more often
		return Payment{owner, r.Int64N(200_00) - 80_00, begin.Add(time.Duration(n) * time.Second)}
	}, datagen.Options{Count: n, PerSecond: rate})).UID("payments").Parallelism(1).
		Watermarks(watermark.Monotonous(func(p Payment) time.Time { return p.At }))
}

// Balances keeps the balance of each account and emits it with each payment.
func Balances(payments *stream.Stream[Payment]) *stream.Stream[Balance] {
	balance, recent := state.NewValue[Balance]("balance"), state.NewMap[string, []int64]("by day")
	accounts := stream.KeyBy(payments, func(p Payment) string { return p.Account })
	return stream.Process(accounts, func(c *stream.Ctx[string, Balance], p Payment) error {
		b, _ := balance.Get(c)
		b = Balance{b.Cents + p.Cents, b.Payments + 1, p}
		balance.Set(c, b)
		day := p.At.Format(time.DateOnly)
		cents, _ := recent.Get(c, day)
		recent.Put(c, day, append(cents[max(0, len(cents)-4):len(cents):len(cents)], p.Cents))
		c.Emit(b)
		return nil
	}, stream.Uses(balance, recent)).Name("balances").UID("balances")
}

// Incomes adds up what comes in for each account and minute.
func Incomes(payments *stream.Stream[Payment]) *stream.Stream[stream.Result[string, int64]] {
	accounts := stream.KeyBy(payments, func(p Payment) string { return p.Account })
	return stream.Aggregate(accounts.Window(window.Tumbling(time.Minute)),
		agg.Sum(func(p Payment) int64 { return max(0, p.Cents) })).Name("incomes").UID("incomes")
}
