// Command intervaljoin joins orders with their shipments: an order is shipped within three days, or
// it is told as not shipped.
//
//	go run ./examples/intervaljoin
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
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

// Within is how long a shipment may take.
const Within = 3 * 24 * time.Hour

// Order is an order for some items.
type Order struct {
	ID    int64
	Items int
	At    time.Time
}

// Shipment is a parcel for an order, which may need several.
type Shipment struct {
	Order, Parcel int64
	At            time.Time
}

// Status is what became of an order: one for each parcel, or one without.
type Status struct {
	Order  int64
	Parcel int64 // 0 when none was sent in time
	After  time.Duration
}

// String is the status for people.
func (s Status) String() string {
	if s.Parcel == 0 {
		return fmt.Sprintf("order %3d  NOT SHIPPED within %v", s.Order, Within)
	}
	return fmt.Sprintf("order %3d  parcel %d after %v", s.Order, s.Parcel, s.After)
}

func main() {
	count := flag.Int64("count", 30, "the `number` of orders; 0 for no end")
	flag.Parse()

	env := stream.NewEnv(stream.Parallelism(2))
	orders := stream.From(env, datagen.Source(order, datagen.Options{Count: *count}))
	shipments := stream.From(env, datagen.Source(shipment, datagen.Options{Count: *count}))
	job(orders, shipments).To(print.Sink[Status]())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := launch.Run(ctx, env, "shipped"); err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func job(orders *stream.Stream[Order], shipments *stream.Stream[Shipment]) *stream.Stream[Status] {
	byOrder := stream.KeyBy(
		orders.Watermarks(watermark.Bounded(time.Hour, func(o Order) time.Time { return o.At })),
		func(o Order) int64 { return o.ID })
	byShipment := stream.KeyBy(
		// Parcels are told when they are delivered, up to four days after they were sent.
		shipments.Watermarks(watermark.Bounded(96*time.Hour, func(s Shipment) time.Time { return s.At })),
		func(s Shipment) int64 { return s.Order })
	return stream.IntervalJoin(byOrder, byShipment, 0, Within,
		func(c *stream.Ctx[int64, Status], o *Order, s *Shipment) error {
			if s == nil { // no partner can come any more
				c.Emit(Status{Order: o.ID})
			} else {
				c.Emit(Status{o.ID, s.Parcel, s.At.Sub(o.At)})
			}
			return nil
		}, stream.IntervalOptions[Order, Shipment]{Kind: stream.LeftJoin}).
		Name("shipped").UID("shipped")
}

var start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// order makes up an order every five hours.
func order(n int64) Order {
	return Order{n, int(1 + n%3), start.Add(time.Duration(n) * 5 * time.Hour)}
}

// shipment makes up a parcel for an order. Every seventh order gets none, as its parcel goes to the
// order after it; every fifth is late, some of those too late.
func shipment(n int64) Shipment {
	s := Shipment{Order: n, Parcel: 1, At: order(n).At.Add(time.Duration(2+n%20) * time.Hour)}
	if n%7 == 3 {
		s.Order, s.Parcel = n+1, 2
	}
	if n%5 == 4 {
		s.At = order(n).At.Add(time.Duration(60+n%30) * time.Hour)
	}
	return s
}
