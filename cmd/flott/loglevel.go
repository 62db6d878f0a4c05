package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/internal/logging"
)

type logLevelCmd struct {
	clientFlags
	Of    string `arg:"" optional:"" help:"jobmanager, the id of a TaskManager or the name of a worker, or as much of its beginning as no other has, a job, whose workers are meant, or all; by default all processes are listed."`
	Level string `arg:"" optional:"" help:"debug, info, warn or error."`
}

// Run changes what processes log, or shows it.
func (l *logLevelCmd) Run(ctx context.Context) error {
	c, err := l.client()
	if err != nil {
		return err
	}
	all, err := c.Processes(ctx)
	if err == nil && l.Of != "" {
		all, err = processesMeant(all, l.Of)
	}
	if err != nil {
		return err
	}
	if l.Level == "" {
		return printProcesses(all)
	}
	level, err := logging.ParseLevel(l.Level)
	if err != nil {
		return err
	}
	for _, p := range all {
		if err := c.SetLogLevel(ctx, p.Name, level.String()); err != nil {
			return err
		}
		fmt.Printf("flott: %s logs %s\n", p.Name, level)
	}
	return nil
}

func printProcesses(all []client.Process) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROCESS\tKIND\tPID\tLOG LEVEL\tTASKMANAGER\tJOB")
	for _, p := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\t%s\t%s\n", p.Name, p.Kind, p.PID, p.LogLevel, p.TaskManager, plainText(logging.Name(p.JobName)))
	}
	return w.Flush()
}

// processesMeant are those that a name means.
func processesMeant(all []client.Process, name string) (found []client.Process, err error) {
	if name == "all" {
		return all, nil
	}
	var begin []client.Process
	for _, p := range all {
		switch {
		case p.Name == name:
			return []client.Process{p}, nil
		case p.Job != "" && (p.JobName == name || p.Job == name || len(name) >= 8 && strings.HasPrefix(p.Job, name)):
			found = append(found, p)
		case strings.HasPrefix(p.Name, name):
			begin = append(begin, p)
		}
	}
	switch {
	case len(found) > 0:
		return found, nil
	case len(begin) > 1:
		return nil, fmt.Errorf("%q may be %s or %s", name, begin[0].Name, begin[1].Name)
	case len(begin) == 0:
		return nil, fmt.Errorf("there is no process %q, and no job of that name runs; flott log-level without arguments lists them", name)
	}
	return begin, nil
}
