package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/connect/proc"
	"github.com/flott-dev/flott/examples/hostwatch/watch"
	"github.com/flott-dev/flott/examples/topauctions/hot"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

type demoCmd struct {
	Seconds int   `default:"0" help:"Seconds to run; 0 runs until Ctrl-C."`
	Rate    int64 `default:"20000" help:"Records per second of each job."`
	Live    bool  `help:"Run other jobs, in this process, and show what they find in live data: made-up auctions, twice, once in SQL, and this machine's processes."`
}

// Run runs two jobs on a cluster, or three side by side in this process.
func (c *demoCmd) Run(ctx context.Context) error {
	if c.Rate < 1 {
		return fmt.Errorf("--rate %d: must be at least 1", c.Rate)
	}
	if !c.Live {
		return c.runCluster(ctx)
	}
	screen := newScreen(os.Stdout)
	screen.intro(c.Rate)
	// Jobs are stopped, not cancelled: they finish what they have.
	jobs, err := c.start(context.WithoutCancel(ctx), screen)
	if err != nil {
		return err
	}
	var over <-chan time.Time
	if c.Seconds > 0 {
		over = time.After(time.Duration(c.Seconds) * time.Second)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	running := make(chan struct{}, len(jobs))
	for _, j := range jobs {
		go func() {
			<-j.Done()
			running <- struct{}{}
		}()
	}
	for waiting := true; waiting; {
		select {
		case <-tick.C:
			screen.draw(jobs)
		case <-ctx.Done():
			waiting = false
		case <-over:
			waiting = false
		case <-running: // a job failed
			waiting = false
		}
	}
	return c.finish(jobs, screen)
}

func (c *demoCmd) finish(jobs []*launch.Job, screen *screen) error {
	for _, j := range jobs {
		j.Stop()
	}
	var errs []error
	for _, j := range jobs {
		errs = append(errs, j.Wait())
	}
	screen.farewell(jobs)
	return errors.Join(errs...)
}

func (c *demoCmd) start(ctx context.Context, screen *screen) ([]*launch.Job, error) {
	auctions := stream.NewEnv(stream.Parallelism(min(2, runtime.NumCPU())))
	events := nexmark.Source(nexmark.Config{
		RatePerSecond: c.Rate, BaseMillis: time.Now().UnixMilli(),
	}, nexmark.Paced())
	hot.Job(stream.From(auctions, events).Name("live auctions")).To(
		each(func(t hot.Top) { screen.setTop(t) })).Name("show")

	host := stream.NewEnv()
	usage, alerts := watch.Job(stream.From(host, proc.Source(proc.Options{})).Name("/proc"))
	usage.To(each(func(u watch.Usage) { screen.setUsage(u) })).Name("show usage")
	alerts.To(each(func(a watch.Alert) { screen.alert(a) })).Name("show alerts")

	channels := stream.NewEnv()
	if err := demoSQL(ctx, channels, c.Rate, screen.setChannel); err != nil {
		return nil, err
	}

	var jobs []*launch.Job
	for _, j := range []struct {
		name string
		env  *stream.Env
	}{{"hottest auctions", auctions}, {"channels in SQL", channels}, {"hostwatch", host}} {
		started, err := launch.Start(ctx, j.env, j.name)
		if err != nil {
			for _, other := range jobs {
				other.Cancel()
			}
			return nil, err
		}
		jobs = append(jobs, started)
	}
	return jobs, nil
}
