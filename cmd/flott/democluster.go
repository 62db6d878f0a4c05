package main

import (
	"context"
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
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// demoKeys is how many customers the Go job of the demo has.
const demoKeys = 500

// demoJobCmd is the program of the Go job of the demo: it numbers the tickets of each customer.
type demoJobCmd struct {
	Dir  string `arg:""`
	Rate int64  `arg:""`
}

// Run runs the job, on the cluster that the environment names.
func (d *demoJobCmd) Run(ctx context.Context) error {
	env := stream.NewEnv(stream.Parallelism(3), stream.Checkpoint(500*time.Millisecond),
		stream.CheckpointDir(filepath.Join(d.Dir, "checkpoints")), stream.Restart(stream.FixedDelay(1000, 0)))
	sales := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: d.Rate})).Name("sales")
	stream.Scan(stream.KeyBy(sales, func(n int64) int64 { return n * 7919 % demoKeys }),
		func(c *stream.Ctx[int64, string], tickets *int64, _ int64) error {
			*tickets++
			c.Emit(fmt.Sprintf("%d %d", c.Key(), *tickets))
			return nil
		}).Name("number tickets").
		To(file.Sink(filepath.Join(d.Dir, "tickets"), file.EncodeLines(func(s string) string { return s }), file.SinkOptions[string]{}))
	return launch.Run(ctx, env, "tickets", launch.PassEnvironment(passed...))
}

// demoStatements are the SQL job of the demo.
func demoStatements(dir string, rate int64) string {
	return fmt.Sprintf(`SET 'pipeline.name' = 'squares';
SET 'execution.checkpointing.interval' = '500ms';
SET 'execution.checkpointing.dir' = '%[1]s/checkpoints';
CREATE TABLE numbers (n BIGINT) WITH ('connector' = 'datagen', 'rows-per-second' = '%[2]d',
  'fields.n.kind' = 'sequence', 'fields.n.start' = '1', 'fields.n.end' = '1000000000000');
CREATE TABLE squares (n BIGINT, square BIGINT) WITH ('connector' = 'filesystem', 'path' = '%[1]s/squares', 'format' = 'csv');
INSERT INTO squares SELECT n, n * n FROM numbers WHERE n %% 7 = 0`, dir, rate)
}

// demoCluster is the demo on a cluster.
type demoCluster struct {
	cmd    *demoCmd
	dir    string
	url    string
	client *client.Client
	jobs   []string // ids
	began  time.Time
}

// runCluster starts a cluster, runs two jobs on it, kills a worker, and shows that nothing is lost.
func (c *demoCmd) runCluster(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "flott-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cluster, err := process.OpenCluster(filepath.Join(dir, "cluster"), clock.System{})
	if err != nil {
		return err
	}
	defer func() {
		_, stopErr := cluster.Stop(10 * time.Second)
		err = errors.Join(err, stopErr, cluster.Close())
	}()
	d := &demoCluster{cmd: c, dir: dir, began: time.Now()}
	start := clusterStartCmd{TaskManagers: 2}
	start.Set = []string{"taskmanager.numberOfTaskSlots=2", "rest.port=0", "jobmanager.rpc.port=0"}
	if d.url, err = start.start(ctx, cluster); err != nil {
		return err
	}
	fmt.Printf("A cluster is ready after %d ms: a JobManager at %s and two TaskManagers with two slots each.\n",
		time.Since(d.began).Milliseconds(), d.url)
	if d.client, err = (&clientFlags{JobManager: d.url}).client(); err != nil {
		return err
	}
	// Jobs are finished, not left to their fate, when the user has seen enough.
	background := context.WithoutCancel(ctx)
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
	rate, began := d.cmd.Rate, time.Now()
	for _, args := range [][]string{
		{"demo-job", d.dir, strconv.FormatInt(rate, 10)},
		{"sql", "--jobmanager", d.url, "--detached", "--format", "csv", "-e", demoStatements(d.dir, rate)},
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
	fmt.Printf("Two jobs run on it: tickets, a Go program that numbers the tickets of %d customers, and squares, in SQL."+
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
	line := fmt.Sprintf("%4.0f s", time.Since(d.began).Seconds())
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

// finish ends both jobs and looks at what they have written.
func (d *demoCluster) finish(ctx context.Context) error {
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
	fmt.Printf("\nBoth jobs have finished. Nothing is lost, and nothing is there twice:\n"+
		"  tickets: %d lines; the tickets of each of %d customers are numbered without a gap\n"+
		"  squares: %d lines; each multiple of 7 up to %d\n", tickets, demoKeys, squares, 7*squares)
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

func (d *demoCluster) checkTickets() (n int, err error) {
	numbers := map[string][]int{}
	err = d.lines("tickets", func(line string) error {
		customer, number, _ := strings.Cut(line, " ")
		i, err := strconv.Atoi(number)
		numbers[customer] = append(numbers[customer], i)
		n++
		return err
	})
	if err != nil {
		return 0, err
	}
	for customer, all := range numbers {
		slices.Sort(all)
		for i, number := range all {
			if number != i+1 {
				return 0, fmt.Errorf("customer %s has a ticket %d where %d is expected", customer, number, i+1)
			}
		}
	}
	return n, nil
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
