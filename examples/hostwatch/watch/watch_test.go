package watch

import (
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/proc"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)

// sample is the i-th sample of a machine with two processes of a server, a shell and an interface;
// there are four in a second. After the 50th second the server works and its memory grows, and the
// traffic jumps.
func sample(i int64) proc.Sample {
	second := i / 4
	s := proc.Sample{At: start.Add(time.Duration(second) * time.Second)}
	busy := second >= 50
	switch i % 4 {
	case 0, 1:
		s.Name, s.PID, s.CPU, s.Memory = "server", int(1+i%4), 0.125, 100<<20
		if busy {
			s.CPU, s.Memory = 0.75, 200<<20
		}
	case 2:
		s.Name, s.PID, s.CPU, s.Memory = "shell", 9, 0.25*float64(second%2), 1<<20
	case 3:
		s.Name, s.In, s.Out = "net eth0", 1<<20, 1<<19
		if busy {
			s.In = 9 << 20
		}
	}
	return s
}

func samples(env *stream.Env, seconds int64) *stream.Stream[proc.Sample] {
	return stream.From(env, slice.Func(4*seconds, sample)).Parallelism(1)
}

func TestUsage(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(2))
	usage, _ := Job(samples(env, 60))
	got := map[Usage]bool{}
	all := flotttest.Collect(t, env, usage)
	for _, u := range all {
		got[u] = true
	}
	at := start.Add(10 * time.Second)
	for _, want := range []Usage{
		{"server", at, 0.25, 200 << 20, 0},
		{"shell", at, 0.125, 1 << 20, 0},
		{"net eth0", at, 0, 0, 3 << 19},
		{"server", start.Add(time.Minute), 1.5, 400 << 20, 0},
	} {
		if !got[want] {
			t.Errorf("%+v is missing", want)
		}
	}
	if len(all) != 3*30 {
		t.Errorf("%d results, want one for each of 3 names and 30 windows", len(all))
	}
}

func TestAlerts(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(2))
	_, alerts := Job(samples(env, 60))
	first := map[string]string{}
	for _, a := range flotttest.Collect(t, env, alerts) {
		what := a.Name + " " + a.What
		if _, known := first[what]; !known {
			first[what] = a.String()
		}
	}
	want := map[string]string{
		"server CPU":       "00:00:52  server: CPU is 1.50 cores, usually 0.25 cores ± 0.25 cores",
		"server memory":    "00:00:52  server: memory is 400.0 MiB, usually 200.0 MiB ± 64.0 MiB",
		"net eth0 traffic": "00:00:52  net eth0: traffic is 9.5 MiB, usually 1.5 MiB ± 4.0 MiB",
	}
	for what, w := range want {
		if first[what] != w {
			t.Errorf("the first alert of %s is %q, want %q", what, first[what], w)
		}
	}
	if len(first) != len(want) {
		t.Errorf("alerts are %v", first)
	}
}

// TestLearns wants no alert for what stays in its range, and none before the range is known.
func TestLearns(t *testing.T) {
	env := stream.NewEnv()
	_, alerts := Job(samples(env, 50))
	if got := flotttest.Collect(t, env, alerts); len(got) != 0 {
		t.Errorf("alerts of a calm machine: %v", got)
	}
}

func both(env *stream.Env, sink *collect.Sink[string]) {
	usage, alerts := Job(samples(env, 60))
	lines := stream.Map(usage, func(u Usage) string { return strings.Join([]string{u.Name, u.At.String()}, " ") })
	lines.Union(stream.Map(alerts, Alert.String)).To(sink)
}

func TestRestore(t *testing.T) { flotttest.CheckRestore(t, both, flotttest.RestoreOptions{}) }

func TestUnalignedRestore(t *testing.T) {
	flotttest.CheckRestore(t, both, flotttest.RestoreOptions{Unaligned: true})
}

func TestBatch(t *testing.T) { flotttest.CheckBatch(t, both, flotttest.BatchOptions{}) }
