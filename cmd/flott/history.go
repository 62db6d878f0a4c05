package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/rest"
)

// historyOptions say where archives of jobs are kept, and for how long.
func historyOptions(c *config.Configuration) jobmanager.History {
	dir, _ := config.ArchiveDir.Lookup(c)
	ttl, _ := config.ArchivesTTL.Lookup(c)
	return jobmanager.History{
		Directory: absolutePath(dir), Jobs: max(0, config.ArchivesRetained.Get(c)), Age: ttl,
	}
}

type historyCmd struct {
	clientFlags
	Job     string `arg:"" optional:"" help:"A job: its id, or as much of its beginning as no other has, or its name. Without it all are listed."`
	Archive string `placeholder:"DIR" help:"Read the archives in a directory (jobmanager.archive.fs.dir), a path or URI, and ask no JobManager."`
	JSON    bool   `name:"json" help:"Print JSON."`
}

// Run lists the jobs that have ended, or shows one of them.
func (h *historyCmd) Run(ctx context.Context) error {
	c, closed, err := h.source(ctx)
	if err != nil {
		return err
	}
	defer closed()
	all, err := c.Jobs(ctx)
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(j client.JobSummary) bool { return !j.State.Done() })
	if h.Job == "" {
		past := []pastJob{}
		for _, j := range all {
			past = append(past, pastJobOf(j))
		}
		return printed(h.JSON, past, func(w io.Writer) { printPast(w, past) })
	}
	id, err := find(all, h.Job)
	if id == "" && err == nil {
		err = fmt.Errorf("no job %q has ended here; flott history lists those that have", h.Job)
	}
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(j client.JobSummary) bool { return j.ID == id })
	d, err := details(ctx, c, pastJobOf(all[i]))
	if err != nil {
		return err
	}
	return printed(h.JSON, d, d.print)
}

// source is what is asked: the JobManager, or one within this process that has nothing but archives. closed ends that.
func (h *historyCmd) source(ctx context.Context) (c *client.Client, closed func(), err error) {
	if h.Archive == "" {
		c, err = h.client()
		return c, func() {}, err
	}
	dir := absolutePath(h.Archive)
	if info, err := os.Stat(dir); !strings.Contains(dir, "://") && (err != nil || !info.IsDir()) {
		return nil, nil, fmt.Errorf("%s is no directory with archives of jobs", dir)
	}
	m := jobmanager.New(jobmanager.Options{Keep: math.MaxInt, History: jobmanager.History{Directory: dir, ReadOnly: true}})
	if err := m.Recover(ctx); err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	token := rand.Text() // nobody else is to ask
	server := rest.New(m, rest.Options{Token: token, Version: version})
	go func() { _ = server.Serve(l) }()
	c, err = client.New(l.Addr().String(), client.Options{Token: token, Version: version})
	return c, func() {
		c.Close()
		server.Close()
		m.Close()
	}, err
}

// printed prints a value as JSON or as text.
func printed(asJSON bool, v any, text func(io.Writer)) error {
	if asJSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(v)
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	text(w)
	return w.Flush()
}

// pastJob is a job that has ended, as flott history --json prints it.
type pastJob struct {
	ID    string       `json:"id"`
	Name  string       `json:"name"`
	State client.State `json:"state"`
	Began time.Time    `json:"began"`
	Ended time.Time    `json:"ended"`
	Tasks int          `json:"tasks"`
}

func pastJobOf(j client.JobSummary) pastJob {
	return pastJob{ID: j.ID, Name: j.Name, State: j.State, Began: j.Began, Ended: j.Ended, Tasks: j.Tasks["total"]}
}

func (j *pastJob) took() time.Duration { return j.Ended.Sub(j.Began).Round(time.Millisecond) }

func printPast(w io.Writer, all []pastJob) {
	if len(all) == 0 {
		fmt.Fprintln(w, "No job has ended.")
		return
	}
	fmt.Fprintln(w, "JOB\tNAME\tSTATE\tENDED\tTOOK\tTASKS")
	for _, j := range all {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%d\n", j.ID, j.Name, j.State, j.Ended.Format(time.DateTime), j.took(), j.Tasks)
	}
}

// pastDetails are all of a job that has ended.
type pastDetails struct {
	pastJob
	Cause       string           `json:"cause,omitempty"`
	Restarts    int              `json:"restarts"`
	Rescales    int              `json:"rescales"`
	Vertices    []pastVertex     `json:"vertices"`
	Accumulated map[string]int64 `json:"accumulators"`
	Checkpoints *pastCheckpoints `json:"checkpoints,omitempty"`
	Failures    []pastFailure    `json:"failures"`
}

type pastVertex struct {
	Name          string               `json:"name"`
	Parallelism   int                  `json:"parallelism"`
	State         client.State         `json:"state"`
	Tasks         map[client.State]int `json:"tasks"`
	RecordsIn     int64                `json:"records-in"`
	RecordsOut    int64                `json:"records-out"`
	BytesIn       int64                `json:"bytes-in"`
	BytesOut      int64                `json:"bytes-out"`
	Busy          int64                `json:"busy-millis"`
	Backpressured int64                `json:"backpressured-millis"`
}

type pastCheckpoints struct {
	Completed int              `json:"completed"`
	Failed    int              `json:"failed"`
	Restored  int              `json:"restored"`
	Last      []pastCheckpoint `json:"last"`
}

type pastCheckpoint struct {
	ID        int64     `json:"id"`
	Savepoint bool      `json:"savepoint"`
	Status    string    `json:"status"`
	Triggered time.Time `json:"triggered"`
	Millis    int64     `json:"millis"`
	Bytes     int64     `json:"bytes"`
	Location  string    `json:"location,omitempty"`
	Failure   string    `json:"failure,omitempty"`
}

type pastFailure struct {
	At          time.Time     `json:"at"`
	Kind        string        `json:"kind"`
	Text        string        `json:"text"`
	Task        string        `json:"task,omitempty"`
	TaskManager string        `json:"taskmanager,omitempty"`
	Later       []pastFailure `json:"later,omitempty"`
}

// failuresMost is how many failures of a job are asked for.
const failuresMost = 100

func details(ctx context.Context, c *client.Client, found pastJob) (*pastDetails, error) {
	j, err := c.Job(ctx, found.ID)
	if err != nil {
		return nil, err
	}
	d := &pastDetails{pastJob: found, Restarts: j.Restarts, Vertices: []pastVertex{}}
	for _, v := range j.Vertices {
		d.Vertices = append(d.Vertices, pastVertex{
			Name: v.Name, Parallelism: v.Parallelism, State: v.State, Tasks: v.Tasks, RecordsIn: v.RecordsIn,
			RecordsOut: v.RecordsOut, BytesIn: v.BytesIn, BytesOut: v.BytesOut, Busy: v.Busy.Milliseconds(),
			Backpressured: v.Backpressured.Milliseconds(),
		})
	}
	if s, err := c.Scaling(ctx, found.ID); err != nil {
		return nil, err
	} else {
		d.Rescales = s.Rescales
	}
	if d.Accumulated, err = c.Accumulators(ctx, found.ID); err != nil {
		return nil, err
	}
	if err := c.Wait(ctx, found.ID); err != nil { // it has ended: this is how
		d.Cause = err.Error()
	}
	failures, _, err := c.Exceptions(ctx, found.ID, failuresMost)
	if err != nil {
		return nil, err
	}
	d.Failures = pastFailures(failures)
	if j.Batch {
		return d, nil
	}
	k, err := c.Checkpoints(ctx, found.ID)
	if err != nil {
		return nil, err
	}
	d.Checkpoints = &pastCheckpoints{Completed: k.Completed, Failed: k.Failed, Restored: k.Restored, Last: []pastCheckpoint{}}
	for _, p := range k.Last {
		d.Checkpoints.Last = append(d.Checkpoints.Last, pastCheckpoint{
			ID: p.ID, Savepoint: p.Savepoint, Status: p.Status, Triggered: p.Triggered, Millis: p.Duration.Milliseconds(),
			Bytes: p.Size, Location: p.Location, Failure: p.Failure,
		})
	}
	return d, nil
}

func pastFailures(all []client.Failure) (out []pastFailure) {
	for _, f := range all {
		out = append(out, pastFailure{
			At: f.At, Kind: f.Kind, Text: f.Text, Task: f.Task, TaskManager: f.TaskManager, Later: pastFailures(f.Later),
		})
	}
	return out
}

func (d *pastDetails) print(w io.Writer) {
	fmt.Fprintf(w, "%s  %s  %s\n", d.ID, d.Name, d.State)
	fmt.Fprintf(w, "began %s, ended %s, took %s, restarts %d, rescales %d\n", d.Began.Format(time.DateTime),
		d.Ended.Format(time.DateTime), d.took(), d.Restarts, d.Rescales)
	if d.Cause != "" {
		fmt.Fprintf(w, "%s\n", d.Cause)
	}
	fmt.Fprintln(w, "\nVERTEX\tPARALLELISM\tSTATE\tRECORDS IN\tRECORDS OUT\tBUSY\tBACKPRESSURED")
	for _, v := range d.Vertices {
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%s\t%s\n", v.Name, v.Parallelism, v.State, v.RecordsIn, v.RecordsOut,
			time.Duration(v.Busy)*time.Millisecond, time.Duration(v.Backpressured)*time.Millisecond)
	}
	if k := d.Checkpoints; k != nil {
		fmt.Fprintf(w, "\ncheckpoints: %d completed, %d failed, %d times restored\n", k.Completed, k.Failed, k.Restored)
		if len(k.Last) > 0 {
			fmt.Fprintln(w, "CHECKPOINT\tKIND\tSTATUS\tAT\tTOOK\tBYTES\tWHERE")
		}
		for _, p := range k.Last {
			kind, where := "checkpoint", p.Location
			if p.Savepoint {
				kind = "savepoint"
			}
			if p.Failure != "" {
				where = p.Failure
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d\t%s\n", p.ID, kind, p.Status, p.Triggered.Format(time.DateTime),
				time.Duration(p.Millis)*time.Millisecond, p.Bytes, where)
		}
	}
	for _, f := range d.Failures {
		fmt.Fprintf(w, "\n%s  %s\n", f.At.Format(time.DateTime), f.Text)
	}
}
