package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
)

type profileCmd struct {
	clientFlags
	Kind    string `default:"cpu" enum:"cpu,heap,goroutine" help:"cpu: where time of CPUs goes; heap: who has memory; goroutine: where goroutines are."`
	Seconds int    `short:"s" default:"10" help:"For how long CPU time is sampled; at most 60."`
	Output  string `short:"o" placeholder:"FILE" help:"Where the profile goes, - for standard output; by default flott-PROCESS-KIND.pb.gz."`
	Of      string `arg:"" help:"jobmanager, the id of a TaskManager or the name of a worker, or as much of its beginning as no other has, or a job that has one worker."`
}

// Run takes a profile.
func (p *profileCmd) Run(ctx context.Context) error {
	if p.Output == "-" && isTerminal(os.Stdout) {
		return errors.New("a profile is not for terminals: write it to a file with -o FILE")
	}
	c, err := p.client()
	if err != nil {
		return err
	}
	all, err := c.Processes(ctx)
	if err == nil {
		all, err = processesMeant(all, p.Of)
	}
	if err != nil {
		return err
	}
	if len(all) > 1 {
		return fmt.Errorf("%q are %d processes, such as %s: name one of them; flott log-level lists them", p.Of, len(all), all[0].Name)
	}
	var b bytes.Buffer
	if err := c.Profile(ctx, all[0].Name, p.Kind, p.Seconds, &b); err != nil {
		return err
	}
	if p.Output == "-" {
		_, err := os.Stdout.Write(b.Bytes())
		return err
	}
	path := p.Output
	if path == "" {
		path = "flott-" + all[0].Name + "-" + p.Kind + ".pb.gz"
	}
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return err
	}
	fmt.Printf("flott: the profile of %s is in %s; look at it with: go tool pprof -http=: %s\n", all[0].Name, path, path)
	return nil
}
