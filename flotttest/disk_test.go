package flotttest_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/agg"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

// State may be on disk before the snapshot, after it, or both.
func TestStateOnDiskSurvivesRestore(t *testing.T) {
	jobs := map[string]func(env *stream.Env, sink *collect.Sink[string]){
		"scan": func(env *stream.Env, sink *collect.Sink[string]) {
			stream.Scan(byKey(events(200)(env)),
				func(c *stream.Ctx[string, string], sum *int64, e event) error {
					*sum += e.N % 3
					c.Emit(fmt.Sprint(c.Key(), e.N%3))
					return nil
				}).To(sink)
		},
		"lists, maps and timers": func(env *stream.Env, sink *collect.Sink[string]) {
			seen, names := state.NewList[int64]("seen"), state.NewMap[string, int]("names")
			due := stream.NewTimer[int64]("due")
			stream.Process(byKey(events(200)(env)),
				func(c *stream.Ctx[string, string], e event) error {
					seen.Add(c, e.N)
					n, _ := names.Get(c, fmt.Sprint(e.N%11))
					names.Put(c, fmt.Sprint(e.N%11), n+1)
					due.SetMillis(c, e.Time+3000, e.N)
					return nil
				},
				stream.Uses(seen), stream.Uses(names),
				stream.On(due, func(c *stream.Ctx[string, string], n int64) error {
					c.Emit(fmt.Sprint(c.Key(), c.Millis(), n, len(seen.Get(c)) > 0, names.Len(c) > 0))
					return nil
				})).To(sink)
		},
		"sessions": func(env *stream.Env, sink *collect.Sink[string]) {
			sums := stream.Aggregate(byKey(events(300)(env)).Window(window.Session(300*time.Millisecond)),
				agg.Sum(func(e event) int64 { return e.N }))
			stream.Map(sums, func(r stream.Result[string, int64]) string {
				return fmt.Sprint(r.Key, r.Window, r.Value)
			}).To(sink)
		},
	}
	for name, job := range jobs {
		for _, disk := range []flotttest.Disk{
			flotttest.DiskBefore | flotttest.DiskAfter, flotttest.DiskBefore, flotttest.DiskAfter,
		} {
			t.Run(fmt.Sprint(name, disk), func(t *testing.T) {
				flotttest.CheckRestore(t, job, flotttest.RestoreOptions{Disk: disk, Seeds: 5})
			})
		}
	}
}

func TestStateBackendNames(t *testing.T) {
	for name, want := range map[string]string{
		"hashmap": "", "pebble": "", "rocksdb": "", "rocks": "use hashmap",
	} {
		env := stream.NewEnv(stream.StateBackend(name))
		stream.Map(events(1)(env), func(e event) string { return e.Key }).To(collect.To[string]())
		_, _, err := env.Plan()
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
