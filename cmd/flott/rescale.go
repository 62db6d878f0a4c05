package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flott-dev/flott/client"
)

type rescaleCmd struct {
	jobFlags
	Parallelism []string `short:"p" required:"" placeholder:"N|VERTEX=N" help:"The number of subtasks: of all vertices that have none of their own, or of one, by its name or that of one of its operators; may be repeated."`
	Detached    bool     `short:"d" help:"Do not wait until the job runs so."`
}

// Run has a job go on with another parallelism.
func (r *rescaleCmd) Run(ctx context.Context) error {
	n, vertices, err := parallelismOf(r.Parallelism)
	if err != nil {
		return err
	}
	c, id, err := r.job(ctx)
	if err != nil {
		return err
	}
	before, err := c.Scaling(ctx, id)
	if err != nil {
		return err
	}
	s, err := c.BeginRescale(ctx, id, n, vertices)
	if err != nil {
		return err
	}
	printScaling(before, s)
	if r.Detached {
		return nil
	}
	return awaitScaling(ctx, c, id, s)
}

// parallelismOf reads N and VERTEX=N.
func parallelismOf(args []string) (n int, vertices map[string]int, err error) {
	for _, a := range args {
		name, number := "", a
		if i := strings.LastIndex(a, "="); i >= 0 { // names may have one, too
			name, number = a[:i], a[i+1:]
		}
		p, err := strconv.Atoi(number)
		if err != nil || p < 1 {
			return 0, nil, fmt.Errorf("-p %s: %q is no number of subtasks, which is at least 1", a, number)
		}
		if name == "" && number == a {
			n = p
			continue
		}
		if vertices == nil {
			vertices = map[string]int{}
		}
		vertices[name] = p
	}
	return n, vertices, nil
}

// printScaling shows what is to be.
func printScaling(before, after *client.Scaling) {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	for i, v := range after.Vertices {
		text := fmt.Sprint(v.Upper)
		if v.Lower != v.Upper {
			text = fmt.Sprintf("%d to %d", v.Lower, v.Upper)
		}
		fmt.Fprintf(w, "%s\t%d → %s\n", v.Name, before.Vertices[i].Parallelism, text)
	}
	_ = w.Flush()
}

// awaitScaling waits until a job runs as it is to, and says what it waits for.
func awaitScaling(ctx context.Context, c *client.Client, id string, s *client.Scaling) (err error) {
	began, waits := time.Now(), ""
	for ; err == nil; s, err = c.Scaling(ctx, id) {
		switch {
		case s.Settled:
			fmt.Printf("flott: job %s runs so after %s\n", id, time.Since(began).Round(time.Millisecond))
			return nil
		case s.Refused != "":
			return fmt.Errorf("job %s goes on as it was: %s", id, s.Refused)
		case s.Waits != waits:
			if waits = s.Waits; waits != "" {
				fmt.Printf("flott: job %s waits: %s\n", id, waits)
			}
		}
		state, err := c.State(ctx, id)
		switch {
		case err != nil:
			return err
		case state.Done():
			return fmt.Errorf("job %s is %s", id, state)
		}
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return err
}

// printAutoscaler shows what the autoscaler has decided last, and what it finds now.
func printAutoscaler(s *client.Scaling) {
	if len(s.Decisions) > 0 {
		fmt.Println("\nThe autoscaler has decided:")
		for _, d := range s.Decisions[max(0, len(s.Decisions)-3):] {
			for _, r := range d.Reasons {
				fmt.Printf("%s  %s\n", d.At.Format(time.DateTime), r)
			}
		}
	}
	if len(s.Explained) > 0 {
		fmt.Println("\nIt finds now:")
		for _, text := range s.Explained {
			fmt.Println(text)
		}
	}
}
