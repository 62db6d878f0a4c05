// Command balances keeps the balances of accounts, with checkpoints to look into while it runs:
//
//	go run ./examples/balances -checkpoints /tmp/balances &
//	go run ./cmd/flott state ls /tmp/balances
//	go run ./cmd/flott state cat /tmp/balances --uid balances --state balance
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/examples/balances/bank"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func main() {
	dir := flag.String("checkpoints", "/tmp/balances", "the `directory` of checkpoints")
	count := flag.Int64("count", 0, "the `number` of payments; 0 for no end")
	rate := flag.Int64("rate", 1000, "payments in a second")
	flag.Parse()

	env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(time.Second), stream.CheckpointDir(*dir))
	payments := bank.Payments(env, *count, *rate)
	bank.Balances(payments).To(discard.To[bank.Balance]())
	bank.Incomes(payments).To(discard.To[stream.Result[string, int64]]())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := launch.Run(ctx, env, "balances"); err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
