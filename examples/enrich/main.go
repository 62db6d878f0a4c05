// Command enrich converts orders to euros. Exchange rates change while the job runs: their updates
// are broadcast to all subtasks, each of which holds all rates.
//
//	go run ./examples/enrich
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// Order is an amount in a currency.
type Order struct {
	ID       int64
	Currency string
	Amount   float64
}

// Rate is an update of an exchange rate.
type Rate struct {
	Currency string
	Euros    float64 // for one of the currency; 0 takes the rate away
}

// Priced is an order in euros.
type Priced struct {
	Order
	Rate  float64
	Euros float64
}

// unpriced are the orders for whose currency there was no rate.
var unpriced = stream.NewTag[Order]("unpriced")

func main() {
	count := flag.Int64("count", 40, "the `number` of orders; 0 for no end")
	flag.Parse()

	env := stream.NewEnv(stream.Parallelism(2))
	orders := stream.From(env, datagen.Source(order, datagen.Options{Count: *count, PerSecond: 20}))
	rates := stream.From(env, datagen.Source(rate, datagen.Options{Count: *count / 4, PerSecond: 5}))
	priced := job(orders, rates)
	priced.To(print.Sink[Priced](print.Format("%+v")))
	stream.Side(priced, unpriced).To(print.Sink[Order](print.Format("no rate for %+v")))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := launch.Run(ctx, env, "enrich"); err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func job(orders *stream.Stream[Order], rates *stream.Stream[Rate]) *stream.Stream[Priced] {
	return stream.WithBroadcast(orders, rates,
		func(c *stream.Emitter[Priced], rates *stream.Rules[string, float64], o Order) error {
			if r, ok := rates.Get(o.Currency); ok {
				c.Emit(Priced{o, r, o.Amount * r})
			} else {
				unpriced.Emit(c, o)
			}
			return nil
		},
		// All subtasks see the updates in the same order, so that their rates are the same.
		func(_ *stream.Emitter[Priced], rates *stream.RulesWriter[string, float64], r Rate) error {
			if r.Euros == 0 {
				rates.Remove(r.Currency)
			} else {
				rates.Put(r.Currency, r.Euros)
			}
			return nil
		}).Name("to euros").UID("to euros")
}

var currencies = []string{"CHF", "SEK", "USD", "XAU"}

func order(n int64) Order {
	return Order{n, currencies[n*7%4], float64(n*37%400) / 4}
}

// rate makes up an update: there is none for gold.
func rate(n int64) Rate {
	return Rate{currencies[n%3], float64(2+n%5) / 4}
}
