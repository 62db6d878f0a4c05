package stream_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/stream"
)

// settingsOf is all that options decide, as text.
func settingsOf(t *testing.T, c *config.Configuration, options ...stream.Option) string {
	t.Helper()
	env := stream.NewEnv(options...)
	stream.From(env, slice.Of(1)).Rebalance().To(discard.To[int]())
	env.Configure(c)
	plan, s, err := env.Plan()
	if err != nil {
		t.Fatal(err)
	}
	strategy := s.Strategy()
	s.Restart = nil
	var nodes []string
	for _, n := range plan.Nodes {
		nodes = append(nodes, fmt.Sprint(n.Parallelism, n.MaxParallelism))
	}
	return fmt.Sprintf("%+v\n%+v\n%v %v %v %+v", s, strategy, nodes, plan.BufferTimeout, env.Param("a"), plan.State)
}

// TestConfigure: each key does what the option in code does, and less than one in code.
func TestConfigure(t *testing.T) {
	for key, c := range map[string]struct {
		text         string
		same, before stream.Option // before is an option in code that stands before the key
	}{
		"parallelism.default":               {"3", stream.Parallelism(3), stream.Parallelism(2)},
		"pipeline.max-parallelism":          {"9", stream.MaxParallelism(9), stream.MaxParallelism(8)},
		"execution.runtime-mode":            {"batch", stream.RuntimeMode(stream.Batch), stream.RuntimeMode(stream.Streaming)},
		"execution.buffer-timeout.interval": {"7 ms", stream.BufferTimeout(7 * time.Millisecond), stream.BufferTimeout(0)},
		"pipeline.global-job-parameters":    {"a:1", stream.Params(map[string]string{"a": "1"}), stream.Params(nil)},
		"execution.checkpointing.interval":  {"5 s", stream.Checkpoint(5 * time.Second), stream.Checkpoint(time.Second)},
		"execution.checkpointing.mode":      {"AT_LEAST_ONCE", stream.AtLeastOnce(), nil},
		"execution.checkpointing.timeout":   {"5 s", stream.CheckpointTimeout(5 * time.Second), stream.CheckpointTimeout(time.Second)},
		"execution.checkpointing.min-pause": {"5 s", stream.CheckpointMinPause(5 * time.Second), stream.CheckpointMinPause(0)},
		"execution.checkpointing.dir":       {"/a", stream.CheckpointDir("/a"), stream.CheckpointDir("/b")},
		"execution.checkpointing.memory":    {"1 mb", stream.CheckpointMemory(1 << 20), stream.CheckpointMemory(1)},
		"execution.checkpointing.unaligned": {"true", stream.Unaligned(), nil},
		"state.savepoints.dir":              {"/a", stream.SavepointDir("/a"), stream.SavepointDir("/b")},
		"state.backend.local-recovery":      {"true", stream.LocalRecovery(), nil},
		"state.backend.type":                {"rocksdb", stream.StateBackend("pebble"), stream.StateBackend("hashmap")},
		"state.backend.pebble.memory":       {"64mb", stream.StateMemory(64 << 20), stream.StateMemory(1)},
		"state.checkpoints.num-retained":    {"2", stream.CheckpointsRetained(2), stream.CheckpointsRetained(3)},
		"restart-strategy.type":             {"none", stream.Restart(stream.NoRestart()), stream.Restart(stream.FixedDelay(2, 1))},
		"execution.checkpointing.snapshot-compression": {
			"true", stream.CompressCheckpoints(), nil,
		},
		"execution.checkpointing.max-concurrent-checkpoints": {
			"2", stream.CheckpointsConcurrent(2), stream.CheckpointsConcurrent(3),
		},
		"execution.checkpointing.tolerable-failed-checkpoints": {
			"2", stream.CheckpointFailures(2), stream.CheckpointFailures(3),
		},
		"execution.checkpointing.aligned-checkpoint-timeout": {
			"2 s", stream.AlignedTimeout(2 * time.Second), stream.AlignedTimeout(0),
		},
		"execution.checkpointing.externalized-checkpoint-retention": {
			"DELETE_ON_CANCELLATION", stream.DeleteCheckpointsOnCancel(), nil,
		},
	} {
		var conf config.Configuration
		if err := conf.Set(key, c.text); err != nil {
			t.Error(err)
			continue
		}
		// With checkpoints, so that there is a default restart strategy.
		first := stream.Checkpoint(time.Minute)
		if key == "execution.checkpointing.interval" {
			first = stream.Params(nil)
		}
		plain, want, got := settingsOf(t, nil, first), settingsOf(t, nil, first, c.same), settingsOf(t, &conf, first)
		if got != want {
			t.Errorf("%s: got\n%s\nwant\n%s", key, got, want)
		}
		if key != "restart-strategy.type" && got == plain {
			t.Errorf("%s has no effect", key)
		}
		if c.before == nil {
			continue
		}
		if got, want := settingsOf(t, &conf, first, c.before), settingsOf(t, nil, first, c.before); got != want {
			t.Errorf("%s stands before code: got\n%s\nwant\n%s", key, got, want)
		}
	}
}

// TestConfiguredKeysAreKnown: no key is without effect. Those of launch, and of a strategy, have tests there.
func TestConfiguredKeysAreKnown(t *testing.T) {
	elsewhere := map[string]bool{
		"io.tmp.dirs": true, "task.cancellation.timeout": true, "execution.checkpointing.incremental": true,
		"execution.state-recovery.path": true, "execution.state-recovery.claim-mode": true,
		"execution.state-recovery.ignore-unclaimed-state": true,
	}
	var unknown []string
	for _, d := range config.All() {
		var c config.Configuration
		text := map[string]string{"duration": "3 ms", "memory size": "3 mb", "boolean": "true", "number": "3", "text": "/x", "list": "a:1"}[d.Type]
		if text == "" {
			values := strings.Split(d.Type, ", ")
			if text = values[len(values)-1]; strings.EqualFold(text, d.Default) {
				text = values[0]
			}
		}
		err := c.Set(d.Key, text)
		if err != nil && d.Type == "number" {
			err = c.Set(d.Key, "0.5") // a part of 1
		}
		if err != nil {
			t.Error(err)
		}
		isSQL := strings.HasPrefix(d.Key, "table.") || d.Key == "pipeline.auto-watermark-interval" || d.Key == "pipeline.name"
		isCluster := slices.ContainsFunc([]string{"high-availability.", "jobmanager.", "taskmanager.", "rest.", "heartbeat.", "slot.", "security.", "env.log.", "scheduler-mode", "job.autoscaler.", "jobstore.", "historyserver.", "metrics.", "traces."},
			func(prefix string) bool { return strings.HasPrefix(d.Key, prefix) })
		if strings.HasPrefix(d.Key, "restart-strategy.") || elsewhere[d.Key] || isSQL || isCluster {
			continue
		}
		if settingsOf(t, &c) == settingsOf(t, nil) {
			unknown = append(unknown, d.Key)
		}
	}
	if len(unknown) > 0 {
		t.Errorf("%v have no effect; known elsewhere: %v", unknown, slices.Sorted(maps.Keys(elsewhere)))
	}
}
