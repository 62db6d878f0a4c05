// Command fraud watches card transactions: a small amount that is followed within a minute by a
// large one on the same account is how thieves try out a card.
//
//	go run ./examples/fraud
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

// What is suspicious.
const (
	Small  = 1_00 // cents; less is small
	Large  = 500_00
	Within = time.Minute
)

// Transaction is a payment.
type Transaction struct {
	Account int64
	Cents   int64
	At      time.Time
}

// Alert tells of a small and a large transaction.
type Alert struct{ Small, Large Transaction }

// String is the alert for people.
func (a Alert) String() string {
	return fmt.Sprintf("%s  account %2d: %d.%02d, and %d.%02d after %v", a.Large.At.Format(time.TimeOnly),
		a.Large.Account, a.Small.Cents/100, a.Small.Cents%100, a.Large.Cents/100, a.Large.Cents%100,
		a.Large.At.Sub(a.Small.At))
}

func main() {
	count := flag.Int64("count", 20_000, "the `number` of transactions; 0 for no end")
	rate := flag.Int64("rate", 0, "transactions in a second; 0 for as fast as possible")
	flag.Parse()

	env := stream.NewEnv(stream.Parallelism(2))
	made := datagen.Source(transaction, datagen.Options{Count: *count, PerSecond: *rate})
	// One reader keeps each account's transactions in order.
	job(stream.From(env, made).Parallelism(1)).To(print.Sink[Alert]())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := launch.Run(ctx, env, "fraud"); err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func job(transactions *stream.Stream[Transaction]) *stream.Stream[Alert] {
	timed := transactions.Watermarks(watermark.Monotonous(func(t Transaction) time.Time { return t.At }))
	accounts := stream.KeyBy(timed, func(t Transaction) int64 { return t.Account })

	small := state.NewValue[Transaction]("small") // the transaction before, if it was small
	forget := stream.NewTimer[struct{}]("forget")
	return stream.Process(accounts,
		func(c *stream.Ctx[int64, Alert], t Transaction) error {
			if before, ok := small.Get(c); ok {
				// The timer alone would not do: watermarks come once a batch.
				if t.Cents > Large && t.At.Sub(before.At) <= Within {
					c.Emit(Alert{before, t})
				}
				forget.Delete(c, before.At.Add(Within))
				small.Clear(c)
			}
			if t.Cents < Small {
				small.Set(c, t)
				forget.Set(c, t.At.Add(Within), struct{}{})
			}
			return nil
		},
		stream.Uses(small),
		stream.On(forget, func(c *stream.Ctx[int64, Alert], _ struct{}) error {
			small.Clear(c)
			return nil
		})).Name("fraud").UID("fraud")
}

// transaction makes up the n-th transaction: one each second and a half, on ten accounts, a few
// of them small and a few large.
func transaction(n int64) Transaction {
	mixed := uint64(n+1) * 0x9e3779b97f4a7c15
	t := Transaction{
		Account: int64(mixed >> 32 % 10), Cents: int64(mixed >> 40 % 200_00),
		At: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * 1500 * time.Millisecond),
	}
	switch mixed >> 20 % 40 {
	case 0, 1, 2:
		t.Cents = t.Cents%Small + 1
	case 3, 4:
		t.Cents += Large
	}
	return t
}
