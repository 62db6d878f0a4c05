package launch_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// span is one that a collector has got.
type span struct {
	TraceID, SpanID, ParentSpanID, Name string
	StartTimeUnixNano, EndTimeUnixNano  int64 `json:",string"`
	Attributes                          []attribute
	Status                              struct{ Message string }
}

type attribute struct {
	Key   string
	Value struct{ StringValue, IntValue string }
}

func (s *span) attribute(key string) string {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value.StringValue + a.Value.IntValue
		}
	}
	return ""
}

// collectSpans keeps the spans that are posted to it.
func collectSpans(t *testing.T) (url string, all func() []span) {
	var mu sync.Mutex
	var spans []span
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body struct {
			ResourceSpans []struct{ ScopeSpans []struct{ Spans []span } }
		}
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		for _, r := range body.ResourceSpans {
			for _, s := range r.ScopeSpans {
				spans = append(spans, s.Spans...)
			}
		}
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []span {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(spans)
	}
}

// TestTraces: a job that fails once sends spans of its start, of its restart, with why and from which checkpoint, and of each
// checkpoint, with its subtasks, and parts of these that lie within the checkpoint.
func TestTraces(t *testing.T) {
	url, all := collectSpans(t)
	var c config.Configuration
	if err := c.SetPairs("traces.reporters=otel", "traces.reporter.otel.exporter.endpoint="+url); err != nil {
		t.Fatal(err)
	}
	env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(4), stream.Checkpoint(10*time.Millisecond), stream.Restart(stream.FixedDelay(3, time.Millisecond)))
	var fails atomic.Bool
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{Count: 1 << 40, PerSecond: 20_000}))
	countsByKey(stream.TryMap(numbers, func(v int64) (int64, error) {
		if fails.CompareAndSwap(true, false) {
			return 0, errBroken
		}
		return v, nil
	})).To(discard.To[[2]int64]())
	j, err := launch.Start(t.Context(), env, "orders", launch.Configuration(&c))
	if err != nil {
		t.Fatal(err)
	}
	until := func(what string, holds func() bool) {
		t.Helper()
		for late := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
			if time.Now().After(late) {
				t.Fatalf("this does not come: %s", what)
			}
		}
	}
	completed := func() int {
		_, n, _ := j.Checkpoints()
		return n
	}
	until("checkpoints", func() bool { return completed() > 2 })
	fails.Store(true)
	until("a restart", func() bool { return j.Status().Restarts == 1 && j.State() == "RUNNING" })
	before := completed()
	until("checkpoints after it", func() bool { return completed() > before+2 })
	j.Cancel()
	_ = j.Wait() // it was cancelled; all spans are sent
	roots, byParent := map[string][]span{}, map[string][]span{}
	for _, s := range all() {
		if s.EndTimeUnixNano < s.StartTimeUnixNano {
			t.Errorf("%s ends before its beginning", s.Name)
		}
		if s.ParentSpanID == "" {
			roots[s.Name] = append(roots[s.Name], s)
		}
		byParent[s.ParentSpanID] = append(byParent[s.ParentSpanID], s)
	}
	starts := roots["JobInitialization"]
	if len(starts) != 2 {
		t.Fatalf("there are %d starts", len(starts))
	}
	if first := starts[0]; first.attribute("jobName") != "orders" || first.attribute("restarts") != "0" || first.attribute("cause")+first.attribute("checkpointId") != "" {
		t.Errorf("the first start is %+v", first)
	}
	if again := starts[1]; !strings.Contains(again.attribute("cause"), "broken") || again.attribute("restarts") != "1" || again.attribute("checkpointId") == "" {
		t.Errorf("the restart is %+v", again)
	}
	complete := 0
	for _, s := range roots["Checkpoint"] {
		if s.attribute("checkpointStatus") != "COMPLETED" {
			continue
		}
		complete++
		subtasks := byParent[s.SpanID]
		if len(subtasks) != 4 || s.attribute("checkpointId") == "" || s.attribute("checkpointType") != "CHECKPOINT" || s.attribute("fullSize") == "" {
			t.Errorf("a checkpoint is %+v, with %d subtasks", s, len(subtasks))
		}
		for _, k := range subtasks {
			if k.TraceID != s.TraceID || k.StartTimeUnixNano < s.StartTimeUnixNano || k.EndTimeUnixNano > s.EndTimeUnixNano {
				t.Errorf("%+v is not within %+v", k, s)
			}
			for _, part := range byParent[k.SpanID] {
				if !slices.Contains([]string{"Alignment", "Sync", "Async"}, part.Name) || part.StartTimeUnixNano < k.StartTimeUnixNano {
					t.Errorf("a part of %+v is %+v", k, part)
				}
			}
		}
	}
	if complete < 5 {
		t.Errorf("only %d complete checkpoints are told of", complete)
	}
}

// TestTracesWithoutCollector: a job runs, and ends, as if nobody had asked for traces, when the collector is not there.
func TestTracesWithoutCollector(t *testing.T) {
	var c config.Configuration
	if err := c.SetPairs("traces.reporters=otel", "traces.reporter.otel.exporter.endpoint=http://127.0.0.1:1"); err != nil {
		t.Fatal(err)
	}
	env := stream.NewEnv(stream.Checkpoint(time.Millisecond))
	sink := collect.To[[2]int64]()
	countsByKey(stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{Count: 1000, PerSecond: 10_000}))).To(sink)
	if err := launch.Run(t.Context(), env, "orders", launch.Configuration(&c)); err != nil {
		t.Fatal(err)
	}
	wantCounts(t, sink.Results(), 1000)
}
