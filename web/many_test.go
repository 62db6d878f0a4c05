package web_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/web"
)

// many are the events of a job of n vertices with 64 subtasks each, whose figures change with every round.
func many(n, round int) map[restapi.EventKind]any {
	const subtasks = 64
	job := restapi.JobLine{Name: "many", State: "RUNNING", Type: "STREAMING", Start: 1_700_000_000_000, End: -1, Tasks: map[string]int{"RUNNING": n * subtasks}}
	scaling := restapi.Scaling{Scheduler: "Default", Settled: true}
	var plan []restapi.PlanVertex
	var loads []restapi.VertexLoad
	share := func(n int) *float64 { f := float64(n%1000) / 1000; return &f }
	rate := func(n int) *float64 { f := float64(n * n % 1_000_003); return &f }
	load := func(i int) restapi.Load {
		k := i + round
		watermark := int64(1_700_000_000_000 + k)
		return restapi.Load{
			RecordsIn: int64(k * k), RecordsOut: int64(k * 7), InRate: rate(k), OutRate: rate(k * 3), ReadRate: new(float64),
			Busy: share(k * 37 % 600), Backpressured: share(k * 91 % 400), Idle: share(0), Watermark: &watermark,
		}
	}
	for i := range n {
		v := restapi.PlanVertex{
			ID: fmt.Sprintf("%032x", i), Name: fmt.Sprintf("vertex %d", i), Parallelism: subtasks, MaxParallelism: 128, Source: i == 0, Sink: i == n-1,
			Operators: []restapi.PlanOperator{{Name: "o", Kind: "k"}}, Inputs: []restapi.PlanEdge{},
		}
		if i > 0 {
			v.Inputs = append(v.Inputs, restapi.PlanEdge{From: plan[max(0, i-5)].ID, Strategy: "HASH", Exchange: "pipelined_bounded"})
		}
		plan = append(plan, v)
		digits := make([]byte, subtasks)
		for k := range digits {
			digits[k] = '0' + byte((i*k+round)%10)
		}
		loads = append(loads, restapi.VertexLoad{ID: v.ID, Status: "RUNNING", Tasks: map[string]int{"RUNNING": subtasks}, Load: load(i), Loads: string(digits), Hottest: round % subtasks, HottestBusy: 0.9})
		scaling.Vertices = append(scaling.Vertices, restapi.VertexScaling{ID: v.ID, Name: v.Name, Parallelism: subtasks, Lower: 1, Upper: subtasks})
	}
	var tasks []restapi.SubtaskLoad
	for k := range subtasks {
		tasks = append(tasks, restapi.SubtaskLoad{Index: k, Status: "RUNNING", TaskManager: "tm-1", Endpoint: "127.0.0.1:1", Start: 1_700_000_000_000, End: -1, Load: load(k)})
	}
	return map[restapi.EventKind]any{
		restapi.JobEvent: job, restapi.PlanEvent: plan, restapi.VerticesEvent: loads, restapi.ScalingEvent: scaling,
		restapi.ExceptionsEvent: restapi.ExceptionHistory{Entries: []restapi.Exception{}}, restapi.SubtasksEvent: tasks, restapi.HotKeysEvent: restapi.HotKeys{Sampled: 1000, Keys: []restapi.HotKey{{Key: "\"<b>a</b>\"", Subtask: 3, Share: 0.31, AtLeast: 0.3}, {Key: "{Country:Germany City:Bremen}", Subtask: 17, Share: 0.04, AtLeast: 0.03}}},
		restapi.CheckpointsEvent: restapi.Checkpoints{History: []restapi.Checkpoint{}},
	}
}

// TestManySubtasks shows 50 vertices with 64 subtasks each: when their figures change, each element stays the same, and
// where it is.
func TestManySubtasks(t *testing.T) {
	var round atomic.Int64
	step := make(chan struct{})
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(web.Files()))
	mux.HandleFunc("/flott/session", func(w http.ResponseWriter, _ *http.Request) {
		if err := json.NewEncoder(w).Encode(restapi.Session{Name: "ann", Role: "viewer"}); err != nil {
			t.Error(err)
		}
	})
	mux.HandleFunc("/flott/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		vertex := strings.Contains(r.URL.Path, "/vertices/")
		for {
			n := int(round.Load())
			for kind, body := range many(50, n) {
				if vertex != (kind == restapi.SubtasksEvent || kind == restapi.HotKeysEvent) {
					continue
				}
				text, err := json.Marshal(body)
				if err != nil {
					t.Error(err)
				}
				fmt.Fprintf(w, "id: %d\nevent: %s\ndata: %s\n\n", 1_700_000_100_000+n*1000, kind, text)
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-step:
			case <-r.Context().Done():
				return
			}
		}
	})
	s := httptest.NewServer(mux)
	b := newBrowser(t)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	b.open(s.URL + "/#/jobs/" + fmt.Sprintf("%032x", 1))
	b.until("document.querySelectorAll('.node').length === 50")
	b.picture("many-1440")
	b.laidOut(t)
	const parts = "[...document.querySelectorAll('.node, .node *, .figure > *, table.vertices td, .head *')]"
	const places = "window.parts.map((e) => { const r = e.getBoundingClientRect(); return e.matches('.shares i') ? '' : [r.x, r.y].join() }).join(' ')"
	eval[int](b, "window.tasks = []; new PerformanceObserver((l) => window.tasks.push(...l.getEntries().map((e) => e.duration))).observe({ type: 'longtask' }); 0")
	eval[int](b, "window.parts = "+parts+"; window.places = "+places+"; 0")
	const taken = "document.querySelector('table.vertices tbody tr').cells[10].title"
	for range 5 {
		was := eval[string](b, taken)
		round.Add(1)
		step <- struct{}{}
		b.until(taken + " !== " + quoted(was))
	}
	if !eval[bool](b, "(() => { const now = "+parts+"; return now.length === window.parts.length && now.every((e, i) => e === window.parts[i]) })()") {
		t.Error("elements are made anew when figures change")
	}
	if !eval[bool](b, places+" === window.places") {
		t.Error("elements move when figures change")
	}
	t.Logf("tasks of the browser of more than 50 ms: %v", eval[[]float64](b, "window.tasks"))
	b.do(click(".node"))
	b.until("document.querySelectorAll('.panel table.subtasks tbody tr').length === 64")
	if got := eval[string](b, "[...document.querySelectorAll('.panel table.hotkeys tbody tr')].map((r) => [...r.cells].map((c) => c.textContent).join('|')).join('\\n')"); got != "\"<b>a</b>\"|31\u202f%|#3\n{Country:Germany City:Bremen}|4\u202f%|#17" {
		t.Errorf("the hot keys are shown as %q", got)
	}
	b.picture("many-vertex-1440")
	eval[int](b, "document.querySelector('.panel table.hotkeys').scrollIntoView(); 0")
	b.picture("hot-keys-1440")
	b.clean(s.URL)
}
