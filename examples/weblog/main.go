// Command weblog finds the visits in a web server's access log: what a client asked for until it
// stayed away for half an hour. Without files it makes up a log.
//
//	go run ./examples/weblog
//	go run ./examples/weblog -log '/var/log/apache2/access.log*' -pages 5
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/examples/weblog/accesslog"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// Gap ends a visit; OutOfOrder is how far lines may be out of order.
const (
	Gap        = 30 * time.Minute
	OutOfOrder = 30 * time.Second
)

// Visit is what a client did in one go.
type Visit struct {
	Client   string
	From     time.Time
	Duration time.Duration
	Requests int64
	Pages    int64 // requests for pages, not for what belongs to them
	Bytes    int64
}

// String is the visit for people.
func (v Visit) String() string {
	return fmt.Sprintf("%s  %-15s %4d pages %5d requests %9d bytes in %v",
		v.From.Format(time.DateTime), v.Client, v.Pages, v.Requests, v.Bytes, v.Duration)
}

// Malformed is a line that is no log line.
type Malformed struct{ Line, Problem string }

var (
	malformed = stream.NewTag[Malformed]("malformed")
	late      = stream.NewTag[accesslog.Entry]("late")
)

func main() {
	log := flag.String("log", "", "the log `files`, as a pattern")
	pages := flag.Int64("pages", 8, "print visits of so many pages")
	bad := flag.String("bad", "", "the `directory` for malformed lines; else they are printed")
	flag.Parse()
	var source connect.Source[string]
	if *log != "" {
		source = file.Lines(*log)
	} else {
		source = made(accesslog.Config{PerSecond: 1, Hosts: 20_000, Late: 20 * time.Second}, 100_000)
	}

	env := stream.NewEnv(stream.Parallelism(2))
	entries, visits := job(stream.From(env, source))
	visits.Filter(func(v Visit) bool { return v.Pages >= *pages }).To(print.Sink[Visit]())
	stream.Side(visits, late).To(print.Sink[accesslog.Entry](print.Format("late: %+v")))
	letters := stream.Side(entries, malformed)
	if *bad != "" {
		letters.To(file.Sink(*bad, file.EncodeJSON[Malformed](), file.SinkOptions[Malformed]{}))
	} else {
		letters.To(print.Sink[Malformed](print.Format("malformed: %+v")))
	}

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := launch.Run(ctx, env, "weblog"); err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func job(lines *stream.Stream[string]) (*stream.Stream[accesslog.Entry], *stream.Stream[Visit]) {
	// Right after the source, watermarks are made for each file by itself; that is worth reading
	// the time twice.
	timed := lines.Watermarks(watermark.Bounded(OutOfOrder, func(line string) time.Time {
		e, _ := accesslog.Parse(line)
		return e.Time
	}))
	entries := stream.ProcessEach(timed,
		func(*stream.Task) (func(*stream.Emitter[accesslog.Entry], string) error, error) {
			return func(c *stream.Emitter[accesslog.Entry], line string) error {
				e, err := accesslog.Parse(line)
				if err != nil {
					malformed.Emit(c, Malformed{line, err.Error()})
					return nil
				}
				c.Emit(e)
				return nil
			}, nil
		}).Name("parse")

	clients := stream.KeyBy(entries, func(e accesslog.Entry) string { return e.Host })
	visits := stream.AggregateProcess(clients.Window(window.Session(Gap)).LateTo(late), visit,
		func(c *stream.WindowCtx[string, Visit], v Visit) error {
			v.Client, v.From = c.Key(), c.Window().From()
			v.Duration = c.Window().Until().Sub(v.From) - Gap
			c.Emit(v)
			return nil
		}).Name("visits").UID("visits")
	return entries, visits
}

// visit counts what is in a visit.
var visit = agg.Aggregate[accesslog.Entry, Visit, Visit]{
	Add: func(v *Visit, e *accesslog.Entry) {
		v.Requests++
		v.Bytes += e.Bytes
		if name := e.Path[strings.LastIndexByte(e.Path, '/')+1:]; e.Method == "GET" &&
			(!strings.Contains(name, ".") || strings.HasSuffix(name, ".html")) {
			v.Pages++
		}
	},
	Merge: func(into, from *Visit) {
		into.Requests += from.Requests
		into.Pages += from.Pages
		into.Bytes += from.Bytes
	},
	Result: func(v *Visit) Visit { return *v },
}

// made is a source of made-up lines, one of which is malformed.
func made(c accesslog.Config, lines int64) connect.Source[string] {
	entry, err := accesslog.Generate(c)
	return datagen.Batches(func() (datagen.Fill[string], error) {
		return func(first, step int64, out []string) {
			for i := range out {
				n := first + int64(i)*step
				e := entry(n)
				if out[i] = e.String(); n == lines/2 {
					out[i] = strings.Replace(out[i], "[", "", 1)
				}
			}
		}, err
	}, datagen.Options{Count: lines})
}
