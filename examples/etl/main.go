// Command etl reads orders from CSV files, cleans them, and writes them as JSON lines, in a
// directory for each day. Each record that can be read is written exactly once, also when the job
// fails and is restored. Bad records are reported and counted.
//
//	go run ./examples/etl -in 'orders/*.csv' -out days
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
)

// Order is a line of the input and of the output.
type Order struct {
	ID       int64     `csv:"id" json:"id"`
	Customer string    `csv:"customer" json:"customer"`
	Time     time.Time `csv:"time" json:"time"`
	Currency string    `csv:"currency" json:"currency"`
	Amount   float64   `csv:"amount" json:"amount"`
}

func main() {
	in := flag.String("in", "examples/etl/testdata/*.csv", "the `files` to read")
	out := flag.String("out", "", "the `directory` to write to; else one for temporary files")
	flag.Parse()
	if *out == "" {
		*out = filepath.Join(os.TempDir(), fmt.Sprintf("flott-etl-%d", os.Getpid()))
	}

	// Part files become visible with the checkpoints that contain them.
	env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(10*time.Second))
	job(env, *in, *out, func(b *file.Bad) { fmt.Println("bad record:", b) })

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	j, err := launch.Start(ctx, env, "etl")
	if err == nil {
		err = j.Wait()
	}
	if err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(bad(j), "bad records; the others are in", *out)
}

func job(env *stream.Env, in, out string, report func(*file.Bad)) {
	orders := stream.From(env, file.CSV[Order](in, file.Header(), file.OnBad(file.DeadLetter(report)))).
		Watermarks(watermark.None(func(o Order) time.Time { return o.Time })) // the days of the sink
	clean := stream.Map(orders, func(o Order) Order {
		o.Currency = strings.ToUpper(o.Currency)
		return o
	})
	clean.To(file.Sink(out, file.EncodeJSON[Order](), file.SinkOptions[Order]{
		Bucket: file.ByTime[Order](time.DateOnly), Suffix: ".json",
	})).Name("days").UID("days")
}

// bad is the number of bad records, which the source counts.
func bad(j *launch.Job) (n int64) {
	for _, v := range j.Status().Vertices {
		for _, s := range v.Subtasks {
			for _, samples := range s.Metrics {
				for _, m := range samples {
					if m.Name == "numRecordsInErrors" {
						n += m.Value
					}
				}
			}
		}
	}
	return n
}
