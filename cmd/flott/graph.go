package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/flott-dev/flott/bench/queries"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

type graphCmd struct {
	Job         string   `arg:"" help:"A job: the folder of a Go program (./examples/wordcount), or a query of the benchmark (q5)."`
	Args        []string `arg:"" optional:"" passthrough:"" help:"Arguments of the program."`
	Format      string   `default:"text" enum:"text,json,svg" help:"Format: text, json or svg."`
	Output      string   `short:"o" help:"File to write to; standard output by default."`
	Parallelism int      `default:"2" short:"p" help:"Subtasks of each operator of a query."`
}

// Run prints the graph of a job without running it.
func (c *graphCmd) Run(ctx context.Context) error {
	text, err := c.explain(ctx)
	if err != nil {
		return err
	}
	if c.Output == "" {
		fmt.Print(text)
		return nil
	}
	return os.WriteFile(c.Output, []byte(text), 0o644)
}

func (c *graphCmd) explain(ctx context.Context) (string, error) {
	if q, ok := queries.Find(c.Job); ok {
		env := stream.NewEnv(stream.Parallelism(c.Parallelism))
		q.Build(env, queries.Options{Config: nexmark.Config{Events: 1}}, &queries.Probe{})
		return env.Explain(c.Format)
	}
	if !strings.ContainsAny(c.Job, "./") {
		return "", fmt.Errorf("%q is neither the folder of a program nor a query (%s)",
			c.Job, queryNames())
	}
	// The program builds its graph as always; launch prints it instead of running it.
	cmd := exec.CommandContext(ctx, "go", append([]string{"run", c.Job}, c.Args...)...)
	cmd.Env = append(os.Environ(), launch.ExplainVariable+"="+c.Format)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go run %s: %w", c.Job, err)
	}
	return string(out), nil
}
