// Command hostwatch watches this machine: CPU, memory and traffic of its programs and interfaces,
// in windows of event time, with an alert when one leaves its usual range. Linux only.
//
//	go run ./examples/hostwatch
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/connect/proc"
	"github.com/flott-dev/flott/examples/hostwatch/watch"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func main() {
	env := stream.NewEnv()
	usage, alerts := watch.Job(stream.From(env, proc.Source(proc.Options{})).Name("/proc"))
	busy := usage.Filter(func(u watch.Usage) bool { return u.CPU > 0.05 })
	stream.Map(busy, func(u watch.Usage) string {
		return fmt.Sprintf("%s  %-20s %5.2f cores %7.1f MiB", u.At.Format("15:04:05"), u.Name, u.CPU,
			float64(u.Memory)/(1<<20))
	}).To(print.Sink[string]())
	stream.Map(alerts, func(a watch.Alert) string { return "ALERT     " + a.String() }).To(print.Sink[string]())

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := launch.Run(ctx, env, "hostwatch"); err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
