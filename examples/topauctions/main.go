// Command topauctions prints the five auctions with the most bids of the last ten seconds, every two
// seconds of event time, for half a minute of a made-up auction site.
//
//	go run ./examples/topauctions
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/examples/topauctions/hot"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func main() {
	env := stream.NewEnv(stream.Parallelism(2))
	events := stream.From(env, nexmark.Source(nexmark.Config{Events: 3_000_000}))
	stream.Map(hot.Job(events), func(t hot.Top) string {
		line := t.Until.Format(time.TimeOnly)
		for _, a := range t.Auctions {
			line += fmt.Sprintf("  %d: %d bids", a.Auction, a.Bids)
		}
		return line
	}).To(print.Sink[string]())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := launch.Run(ctx, env, "top auctions"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
