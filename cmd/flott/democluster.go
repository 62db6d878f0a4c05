package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/nats"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// demoKeys is how many customers the Go job of the demo has.
const demoKeys = 500

// demoJobCmd is the program of the Go job of the demo: it numbers the tickets of each customer.
type demoJobCmd struct {
	Dir string `arg:""`
	Log string `arg:""`
}

// Run runs the job, on the cluster that the environment names.
func (d *demoJobCmd) Run(ctx context.Context) error {
	env := stream.NewEnv(stream.Parallelism(salesSubjects), stream.Checkpoint(500*time.Millisecond),
		stream.CheckpointDir(filepath.Join(d.Dir, "checkpoints")), stream.Restart(stream.FixedDelay(1000, 0)))
	sales := stream.From(env, nats.Source(nats.SourceOptions{
		Connection: nats.Connection{Servers: []string{d.Log}}, Streams: []string{salesStream}, EachSubject: true,
	}, func(m *nats.Message) (s sale, err error) {
		return s, json.Unmarshal(m.Data, &s)
	})).Name("sales")
	stream.Scan(stream.KeyBy(sales, func(s sale) int64 { return s.Customer }),
		func(c *stream.Ctx[int64, string], tickets *int64, s sale) error {
			*tickets++
			c.Emit(fmt.Sprintf("%d %d %d", c.Key(), *tickets, s.N))
			return nil
		}).Name("number tickets").
		To(file.Sink(filepath.Join(d.Dir, "tickets"), file.EncodeLines(func(s string) string { return s }), file.SinkOptions[string]{}))
	return launch.Run(ctx, env, "tickets", launch.PassEnvironment(passed...))
}

// demoStatements are the SQL job of the demo.
func demoStatements(dir, log string) string {
	return fmt.Sprintf(`SET 'pipeline.name' = 'squares';
SET 'execution.checkpointing.interval' = '500ms';
SET 'execution.checkpointing.dir' = '%[1]s/checkpoints';
CREATE TABLE sales (n BIGINT, customer BIGINT) WITH ('connector' = 'nats', 'servers' = '%[2]s', 'stream' = '%[3]s', 'format' = 'json');
CREATE TABLE squares (n BIGINT, square BIGINT) WITH ('connector' = 'filesystem', 'path' = '%[1]s/squares', 'format' = 'csv');
INSERT INTO squares SELECT n, n * n FROM sales WHERE n %% 7 = 0`, dir, log, salesStream)
}

// demoCluster is the demo on a cluster.
type demoCluster struct {
	cmd    *demoCmd
	dir    string
	url    string
	client *client.Client
	jobs   []string // ids
	began  time.Time
	sales  *salesLog
}

// runCluster starts a log and a cluster, runs two jobs on it, kills a worker, and shows that nothing is lost.
func (c *demoCmd) runCluster(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "flott-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// Jobs are finished, not left to their fate, when the user has seen enough, and sales are published meanwhile.
	background := context.WithoutCancel(ctx)
	sales, err := openSales(background, filepath.Join(dir, "log"), c.Rate)
	if err != nil {
		return err
	}
	defer sales.close()
	fmt.Printf("A durable log, NATS within this process, is at %s: %d sales a second are published to its stream %s.\n",
		sales.server.URL(), c.Rate, salesStream)
	cluster, err := process.OpenCluster(filepath.Join(dir, "cluster"), clock.System{})
	if err != nil {
		return err
	}
	defer func() {
		_, stopErr := cluster.Stop(10 * time.Second)
		err = errors.Join(err, stopErr, cluster.Close())
	}()
	d := &demoCluster{cmd: c, dir: dir, began: time.Now(), sales: sales}
	start := clusterStartCmd{TaskManagers: 2}
	start.Set = []string{"taskmanager.numberOfTaskSlots=2", "rest.port=0", "jobmanager.rpc.port=0"}
	if d.url, err = start.start(ctx, cluster); err != nil {
		return err
	}
	fmt.Printf("A cluster is ready after %d ms: a JobManager at %s and two TaskManagers with two slots each.\n",
		time.Since(d.began).Milliseconds(), d.url)
	fmt.Printf("Look at its dashboard: %s/\n", d.url)
	if d.client, err = (&clientFlags{JobManager: d.url}).client(); err != nil {
		return err
	}
	if err := d.submit(background); err != nil {
		return err
	}
	if err := d.watch(ctx, background); err != nil {
		return err
	}
	return d.finish(background)
}

// submit hands both jobs over.
func (d *demoCluster) submit(ctx context.Context) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, began := d.sales.server.URL(), time.Now()
	for _, args := range [][]string{
		{"demo-job", d.dir, log},
		{"sql", "--jobmanager", d.url, "--detached", "--format", "csv", "-e", demoStatements(d.dir, log)},
	} {
		cmd := exec.CommandContext(ctx, self, args...)
		cmd.Env = append(os.Environ(), launch.JobManagerVariable+"="+d.url, launch.DetachedVariable+"=true")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("submit: %w\n%s", err, out)
		}
	}
	jobs, err := d.client.Jobs(ctx)
	if err != nil {
		return err
	}
	for _, j := range jobs {
		d.jobs = append(d.jobs, j.ID)
	}
	for _, id := range d.jobs {
		if err := d.until(ctx, id, func(j *client.Job) bool { return j.State == client.Running }); err != nil {
			return err
		}
	}
	fmt.Printf("Two jobs read the sales: tickets, a Go program that numbers the tickets of %d customers, and squares, in SQL."+
		" To build, submit and start both took %d ms.\n\n", demoKeys, time.Since(began).Milliseconds())
	return nil
}

// until waits until something holds for a job.
func (d *demoCluster) until(ctx context.Context, id string, holds func(*client.Job) bool) error {
	for {
		j, err := d.client.Job(ctx, id)
		switch {
		case err != nil:
			return err
		case holds(j):
			return nil
		case j.State.Done():
			return fmt.Errorf("the job %s is %s", j.Name, j.State)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// watch shows both jobs until the time is over or the user has seen enough, and kills a worker meanwhile.
func (d *demoCluster) watch(ctx, background context.Context) error {
	var over <-chan time.Time
	if d.cmd.Seconds > 0 {
		over = time.After(time.Duration(d.cmd.Seconds) * time.Second)
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	killAfter := 4
	if s := d.cmd.Seconds; s > 0 {
		killAfter = min(killAfter, max(1, s/3))
	}
	for seconds := 1; ; seconds++ {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		case <-over:
			return nil
		}
		if err := d.show(background); err != nil {
			return err
		}
		if seconds == killAfter {
			if err := d.kill(background); err != nil {
				return err
			}
		}
	}
}

func (d *demoCluster) show(ctx context.Context) error {
	published, err := d.sales.published()
	if err != nil {
		return err
	}
	line := fmt.Sprintf("%4.0f s   %8d sales", time.Since(d.began).Seconds(), published)
	for _, id := range d.jobs {
		j, err := d.client.Job(ctx, id)
		if err != nil {
			return err
		}
		h, err := d.client.Checkpoints(ctx, id)
		if err != nil {
			return err
		}
		line += fmt.Sprintf("   %-7s %-10s %3d checkpoints, %d restarts", j.Name, j.State, h.Completed, j.Restarts)
		if len(j.Vertices) > 1 { // a single one takes records from nobody and gives none
			line += fmt.Sprintf(", %7d records of this attempt", j.Vertices[0].RecordsOut)
		}
	}
	fmt.Println(line)
	return nil
}

// kill kills a worker of the first job, and shows how the job comes back.
func (d *demoCluster) kill(ctx context.Context) error {
	pid := d.worker()
	if pid == 0 {
		fmt.Println("       (no worker is killed: this system does not show its processes)")
		return nil
	}
	fmt.Printf("\n       kill -9 %d: a worker of the job tickets is gone, with its memory.\n", pid)
	before, err := d.client.Job(ctx, d.jobs[0])
	if err != nil {
		return err
	}
	killed := time.Now()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return err
	}
	err = d.until(ctx, d.jobs[0], func(j *client.Job) bool { return j.Restarts > before.Restarts && j.State == client.Running })
	if err == nil {
		fmt.Printf("       %d ms later the job runs again, from its last checkpoint; squares has not noticed.\n\n", time.Since(killed).Milliseconds())
	}
	return err
}

// worker is the process of a worker of the first job, 0 if it cannot be found.
func (d *demoCluster) worker() int {
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		environ, _ := os.ReadFile(filepath.Join("/proc", e.Name(), "environ"))
		for v := range strings.SplitSeq(string(environ), "\x00") {
			if path, ok := strings.CutPrefix(v, "FLOTT_WORKER="+d.dir); ok && strings.Contains(path, "/"+d.jobs[0][:8]+"-") {
				return pid
			}
		}
	}
	return 0
}

// finish ends publishing, then both jobs, and looks at what they have written.
func (d *demoCluster) finish(ctx context.Context) error {
	if err := d.sales.end(); err != nil {
		return err
	}
	for _, id := range d.jobs {
		if err := d.client.StopSources(ctx, id); err != nil {
			return err
		}
	}
	for _, id := range d.jobs {
		if err := d.client.Wait(ctx, id); err != nil {
			return err
		}
	}
	tickets, err := d.checkTickets()
	if err != nil {
		return err
	}
	squares, err := d.checkSquares()
	if err != nil {
		return err
	}
	published, _ := d.sales.published()
	fmt.Printf("\nBoth jobs have finished. Nothing is lost, and nothing is there twice, of what they have read of %d sales:\n"+
		"  tickets: %d lines, one for each sale; the tickets of each of %d customers are numbered without a gap\n"+
		"  squares: %d lines; each multiple of 7 up to %d\n", published, tickets, demoKeys, squares, 7*squares)
	return nil
}

// lines passes the visible lines of a directory on.
func (d *demoCluster) lines(dir string, f func(line string) error) error {
	parts, err := filepath.Glob(filepath.Join(d.dir, dir, "part-*"))
	if err != nil {
		return err
	}
	for _, p := range parts {
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(data)) {
			if err := f(strings.TrimSuffix(line, "\n")); err != nil {
				return fmt.Errorf("%s: %w", p, err)
			}
		}
	}
	return nil
}

// checkTickets wants each sale to have one ticket: of each subject all up to the last that was read.
func (d *demoCluster) checkTickets() (n int, err error) {
	tickets, sales := map[int][]int{}, map[int][]int{} // by customer, by subject
	err = d.lines("tickets", func(line string) error {
		var customer, ticket, number int
		if _, err := fmt.Sscan(line, &customer, &ticket, &number); err != nil {
			return err
		}
		tickets[customer] = append(tickets[customer], ticket)
		subject := number % salesSubjects
		sales[subject] = append(sales[subject], (number+salesSubjects-1)/salesSubjects)
		n++
		return nil
	})
	if err != nil {
		return 0, err
	}
	for of, all := range tickets {
		if err := wantAll(all); err != nil {
			return 0, fmt.Errorf("tickets of customer %d: %w", of, err)
		}
	}
	for of, all := range sales {
		if err := wantAll(all); err != nil {
			return 0, fmt.Errorf("sales of subject %d: %w", of, err)
		}
	}
	return n, nil
}

// wantAll wants the numbers from 1 on, each once.
func wantAll(all []int) error {
	slices.Sort(all)
	for i, number := range all {
		if number != i+1 {
			return fmt.Errorf("there is %d where %d is expected", number, i+1)
		}
	}
	return nil
}

func (d *demoCluster) checkSquares() (int, error) {
	var all []int
	err := d.lines("squares", func(line string) error {
		n, _, _ := strings.Cut(line, ",")
		i, err := strconv.Atoi(n)
		all = append(all, i)
		return err
	})
	if err != nil {
		return 0, err
	}
	slices.Sort(all)
	for i, n := range all {
		if n != 7*(i+1) {
			return 0, fmt.Errorf("the squares have %d where %d is expected", n, 7*(i+1))
		}
	}
	return len(all), nil
}
