package launch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func configurationOf(t *testing.T, pairs ...string) *config.Configuration {
	t.Helper()
	c := &config.Configuration{}
	if err := c.SetPairs(pairs...); err != nil {
		t.Fatal(err)
	}
	return c
}

// counted runs a job of countsByKey for 9 s, and returns it and the ids of the checkpoints that are left
// in a directory.
func counted(t *testing.T, dir string, c *config.Configuration, options ...stream.Option) (*launch.Job, []string) {
	t.Helper()
	env := stream.NewEnv(options...)
	countsByKey(slowly(env, 400)).To(collect.To[[2]int64]())
	j := runFor(t, env, 9*time.Second, launch.Configuration(c))
	left, err := filepath.Glob(filepath.Join(dir, "durable", "chk-*", "manifest-*"))
	if err != nil {
		t.Fatal(err)
	}
	return j, left
}

// TestConfiguredCheckpoints: a job without options in code takes checkpoints where and as configured.
func TestConfiguredCheckpoints(t *testing.T) {
	for _, c := range []struct {
		name      string
		pairs     []string
		options   func(dir string) []stream.Option
		completed int
		left      int
		full      bool // each checkpoint is written in full
	}{
		{name: "none", completed: 0, left: 0},
		{name: "directory and number", pairs: []string{
			"execution.checkpointing.interval=1s", "execution.checkpointing.dir=DIR",
			"execution.checkpointing.num-retained=3",
		}, completed: 8, left: 3},
		{name: "old names", pairs: []string{
			"execution.checkpointing.interval=1s", "state.checkpoints.dir=DIR", "state.checkpoints.num-retained=2",
			"state.backend=rocksdb", "state.backend.incremental=false",
		}, completed: 8, left: 2, full: true},
		{name: "deleted", pairs: []string{
			"execution.checkpointing.interval=1s", "execution.checkpointing.dir=DIR",
			"execution.checkpointing.externalized-checkpoint-retention=DELETE_ON_CANCELLATION",
		}, completed: 8, left: 0},
		{name: "pause", pairs: []string{
			"execution.checkpointing.interval=1s", "execution.checkpointing.dir=DIR", "execution.checkpointing.min-pause=3s",
		}, completed: 3, left: 1},
		{name: "code stands before", pairs: []string{
			"execution.checkpointing.interval=1s", "execution.checkpointing.dir=/nowhere/at/all",
			"execution.checkpointing.num-retained=3", "parallelism.default=3",
		}, options: func(dir string) []stream.Option {
			return []stream.Option{stream.CheckpointDir(dir), stream.Checkpoint(4 * time.Second), stream.Parallelism(1)}
		}, completed: 2, left: 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				dir := t.TempDir()
				for i := range c.pairs {
					c.pairs[i] = strings.ReplaceAll(c.pairs[i], "DIR", dir)
				}
				var options []stream.Option
				if c.options != nil {
					options = c.options(dir)
				}
				j, left := counted(t, dir, configurationOf(t, c.pairs...), options...)
				list, completed, _ := j.Checkpoints()
				if completed < c.completed-1 || completed > c.completed+1 || (completed == 0) != (c.completed == 0) {
					t.Errorf("%d checkpoints, want %d", completed, c.completed)
				}
				if len(left) != c.left {
					t.Errorf("%d checkpoints are left, want %d: %v", len(left), c.left, left)
				}
				if c.full {
					for _, k := range list {
						if k.Size != k.FullSize {
							t.Errorf("checkpoint %d has written %d bytes of %d", k.ID, k.Size, k.FullSize)
						}
					}
				}
			})
		})
	}
}

// TestConfiguredStrategies: each restart strategy gives up after what its keys say.
func TestConfiguredStrategies(t *testing.T) {
	for want, pairs := range map[string][]string{
		"restarted 0 times after 0s": {"restart-strategy=none"},
		"restarted 1 times after 1s": {"restart-strategy.type=fixed-delay"},
		"restarted 3 times after 6s": {
			"restart-strategy.type=fixed-delay", "restart-strategy.fixed-delay.attempts=3", "restart-strategy.fixed-delay.delay=2s",
		},
		"restarted 2 times after 1s": {
			"restart-strategy.type=failure-rate", "restart-strategy.failure-rate.max-failures-per-interval=2",
			"restart-strategy.failure-rate.failure-rate-interval=1h", "restart-strategy.failure-rate.delay=500ms",
		},
		"restarted 4 times after 14s": { // 1, 3, 5 and 5
			"restart-strategy.type=exponential-delay", "restart-strategy.exponential-delay.backoff-multiplier=3",
			"restart-strategy.exponential-delay.max-backoff=5s", "restart-strategy.exponential-delay.jitter-factor=0",
			"restart-strategy.exponential-delay.attempts-before-reset-backoff=4",
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			env := stream.NewEnv()
			failingAt(numbers(env, 100), 1000, 5).To(collect.To[int64]())
			start := time.Now()
			j, err := launch.Start(t.Context(), env, "failing", launch.Configuration(configurationOf(t, pairs...)))
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Wait(); err == nil {
				t.Error("the job has not failed")
			}
			if got := fmt.Sprintf("restarted %d times after %v", j.Status().Restarts, time.Since(start).Round(time.Second)); got != want {
				t.Errorf("%v: %s, want %s", pairs, got, want)
			}
		})
	}
}

// TestConfigurationFile: FLOTT_CONF names a file for every job, and a given configuration stands before it.
func TestConfigurationFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	text := "parallelism:\n  default: 3\npipeline.global-job-parameters: {greeting: hello, name: file}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv(launch.ConfigurationVariable, path)
	for want, options := range map[int][]launch.Option{
		3: nil, 2: {launch.Configuration(configurationOf(t, "parallelism.default=2"))},
	} {
		synctest.Test(t, func(t *testing.T) {
			env := stream.NewEnv()
			out := collect.To[string]()
			stream.ProcessEach(upgradeNumbers(env).Rebalance(),
				func(t *stream.Task) (func(*stream.Emitter[string], int64) error, error) {
					line := t.Param("greeting") + " " + t.Param("name")
					return func(c *stream.Emitter[string], _ int64) error {
						c.Emit(line)
						return nil
					}, nil
				}).To(out)
			j, err := launch.Start(t.Context(), env, "file", options...)
			if err != nil {
				t.Fatal(err)
			}
			if err := j.Wait(); err != nil {
				t.Fatal(err)
			}
			vertices := j.Status().Vertices
			if got := out.Results(); len(got) != upgradeRecords || got[0] != "hello file" {
				t.Errorf("got %d times %q", len(got), got[0])
			}
			if n := len(vertices[len(vertices)-1].Subtasks); n != want {
				t.Errorf("%d subtasks, want %d", n, want)
			}
		})
	}
	t.Setenv(launch.PropertiesVariable, "paralelism.default: 4\n")
	err := launch.Run(t.Context(), stream.NewEnv(), "properties")
	wantError(t, err, "FLOTT_PROPERTIES:1", `did you mean "parallelism.default"?`)
	t.Setenv(launch.PropertiesVariable, "parallelism.default: 4\n")
	c, err := launch.Environment()
	if got := config.Parallelism.Get(c); err != nil || got != 4 {
		t.Errorf("a parallelism of %d, error %v: the properties stand before the file", got, err)
	}
	if err := os.WriteFile(path, []byte("paralelism.default: 3\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	err = launch.Run(t.Context(), stream.NewEnv(), "file")
	wantError(t, err, "FLOTT_CONF", path+":1", `did you mean "parallelism.default"?`)
}
