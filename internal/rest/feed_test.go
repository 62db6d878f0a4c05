package rest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
)

// TestFeed looks at two things, of which one changes, and at the end of both.
func TestFeed(t *testing.T) {
	a, b := 1, 1
	var gone error
	f := &feed{read: func(time.Time) ([]part, error) { return []part{{"a", a}, {"b", b}}, gone }}
	f.mu.changed = make(chan struct{})
	at := 0
	next := func() (out string) {
		t.Helper()
		f.look(time.UnixMilli(1000))
		events, version, gone, _ := f.since(at)
		for _, e := range events {
			out += fmt.Sprintf("%s=%s ", e.kind, e.data)
		}
		at = version
		if gone {
			out += "gone"
		}
		return out
	}
	if got := next(); got != "a=1 b=1 " {
		t.Errorf("at first %q", got)
	}
	_, _, _, changed := f.since(at)
	if got := next(); got != "" {
		t.Errorf("without a change %q", got)
	}
	select {
	case <-changed:
		t.Error("viewers are woken although nothing has changed")
	default:
	}
	b = 2
	if got := next(); got != "b=2 " {
		t.Errorf("after a change %q", got)
	}
	select {
	case <-changed:
	default:
		t.Error("viewers are not woken")
	}
	a, b = 3, 3
	f.look(time.UnixMilli(2000))
	a = 4
	if got := next(); got != "a=4 b=3 " {
		t.Errorf("to a viewer that has missed one %q", got)
	}
	if events, _, _, _ := f.since(0); len(events) != 2 {
		t.Errorf("a new viewer gets %d events", len(events))
	}
	gone = errors.New("away")
	if got := next(); got != `gone={"errors":["away"]} gone` {
		t.Errorf("at the end %q", got)
	}
}

// TestFeedsAreShared follows one thing three times: it is looked at once for all, and by nobody when all have left.
func TestFeedsAreShared(t *testing.T) {
	var fs feeds
	var reads, open atomic.Int64
	read := func(time.Time) ([]part, error) { reads.Add(1); return []part{{"n", reads.Load()}}, nil }
	join := func() *feed {
		open.Add(1)
		return fs.join(context.Background(), "x", time.Hour, read)
	}
	all := []*feed{join(), join(), join()}
	for _, f := range all {
		events, _, _, changed := f.since(0)
		if len(events) == 0 {
			<-changed
		}
	}
	if all[0] != all[1] || all[1] != all[2] || reads.Load() != 1 {
		t.Errorf("three viewers read %d times", reads.Load())
	}
	other := fs.join(context.Background(), "y", time.Hour, read)
	if other == all[0] {
		t.Error("another thing is followed by the same feed")
	}
	fs.leave("y", other)
	for _, f := range all {
		fs.leave("x", f)
	}
	select {
	case <-all[0].ended:
	default:
		t.Error("it goes on without viewers")
	}
	if len(fs.mu.all) != 0 {
		t.Errorf("%d feeds are left", len(fs.mu.all))
	}
}

// following serves one feed, which changes all the time, and has big events.
func following(t *testing.T, o Options) (*Server, *httptest.Server) {
	s := New(nil, o)
	n := 0
	h := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = s.follow(w, r, "x", func(time.Time) ([]part, error) {
			n++
			return []part{{"n", fmt.Sprint(n, strings.Repeat(" ", 256<<10))}}, nil
		})
	}))
	t.Cleanup(func() {
		h.CloseClientConnections()
		h.Close()
		_ = s.Close()
	})
	return s, h
}

func (f *feeds) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.mu.all)
}

// TestViewerThatDoesNotRead is left, and the others are not held up by it.
func TestViewerThatDoesNotRead(t *testing.T) {
	s, h := following(t, Options{EventInterval: time.Millisecond, BodyTimeout: 200 * time.Millisecond})
	c, err := net.Dial("tcp", strings.TrimPrefix(h.URL, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	one := make([]byte, 1)
	if _, err := io.ReadFull(c, one); err != nil { // it is being followed
		t.Fatal(err)
	}
	resp, err := http.Get(h.URL)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(resp.Body)
	for s.feeds.viewers("x") > 1 { // until the one that does not read has been left
		if _, err := r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	resp.Body.Close()
	h.CloseClientConnections()
	for s.feeds.count() > 0 {
		time.Sleep(time.Millisecond) // a poll: the handlers end by themselves
	}
}

func (f *feeds) viewers(key string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := f.mu.all[key]; got != nil {
		return got.viewers
	}
	return 0
}

// TestMeter makes rates of counters: of reports, whenever they are looked at, and none over the bounds of an attempt.
func TestMeter(t *testing.T) {
	v := &jobmanager.JobView{Vertices: []jobmanager.VertexView{{Subtasks: make([]jobmanager.SubtaskView, 2)}}}
	v.Vertices[0].Vertex = graph.Vertex{Operators: []graph.Operator{{UID: "u"}}, Parallelism: 2}
	of := &v.Vertices[0].Subtasks
	report := func(k, attempt int, at time.Duration, in int64) {
		a := &(*of)[k].Attempt
		a.State, a.Number, a.Sampled, a.Counters = jobmanager.TaskRunning, attempt, int64(at), control.Sample{RecordsIn: in, Watermark: 7}
		a.Recent = jobmanager.Load{Busy: 3, Backpressured: 1, Idle: 0}
	}
	m := meter{}
	look := func() string {
		m.read(v)
		l := m.vertices(v)[0]
		text := "unknown"
		if l.InRate != nil {
			text = fmt.Sprint(*l.InRate)
		}
		return fmt.Sprint(text, " ", l.Skew)
	}
	var got []string
	report(0, 0, time.Second, 100)
	report(1, 0, time.Second, 100)
	got = append(got, look())
	report(0, 0, 3*time.Second, 300)
	got = append(got, look(), look()) // a second look at the same report
	report(1, 0, 2*time.Second, 400)
	got = append(got, look())
	report(0, 1, 4*time.Second, 10) // another attempt begins anew
	got = append(got, look())
	report(0, 1, 5*time.Second, 310)
	got = append(got, look())
	if want := []string{"unknown 0", "100 1", "100 1", "400 0.5", "300 1", "600 0"}; !slices.Equal(got, want) {
		t.Errorf("rates and skews %q, want %q", got, want)
	}
	l := m.vertices(v)[0]
	if *l.Busy != 0.75 || *l.Backpressured != 0.25 || *l.Idle != 0 || l.Loads != "77" || l.Hottest != 0 || *l.Watermark != 7 {
		t.Errorf("load %+v", l)
	}
	(*of)[0].State = jobmanager.TaskFailed
	(*of)[1].Counters.Watermark = 0
	m.read(v)
	if l := m.vertices(v)[0]; *l.InRate != 300 || l.Loads != "-7" || l.Watermark != nil {
		t.Errorf("after a failure: rate %v, load %+v", *l.InRate, l)
	}
}

// BenchmarkEvents is what a second of a job that is followed costs: 50 vertices with 64 subtasks each that have all
// reported. It does not depend on how many follow it.
func BenchmarkEvents(b *testing.B) {
	v := bigView(50, 64)
	m := meter{}
	f := &feed{read: func(time.Time) ([]part, error) {
		for i := range v.Vertices {
			for k := range v.Vertices[i].Subtasks {
				a := &v.Vertices[i].Subtasks[k].Attempt
				a.Sampled += int64(time.Second)
				a.Counters.RecordsIn += int64(1000 + k)
			}
		}
		m.read(v)
		return []part{
			{restapi.JobEvent, jobAlone(v)},
			{restapi.PlanEvent, planVertices(v)},
			{restapi.VerticesEvent, m.vertices(v)},
			{restapi.ExceptionsEvent, exceptionsOf(v, exceptionsMost)},
			{restapi.CheckpointsEvent, checkpointsOf(v)},
		}, nil
	}}
	f.mu.changed = make(chan struct{})
	b.ReportAllocs()
	bytes := 0
	for b.Loop() {
		_, was, _, _ := f.since(0)
		f.look(time.Now())
		bytes = 0
		events, _, _, _ := f.since(was)
		for _, e := range events {
			bytes += len(e.data)
		}
	}
	b.ReportMetric(float64(bytes), "B/event")
}

func bigView(vertices, subtasks int) *jobmanager.JobView {
	v := &jobmanager.JobView{}
	for i := range vertices {
		x := jobmanager.VertexView{Subtasks: make([]jobmanager.SubtaskView, subtasks)}
		x.Vertex = graph.Vertex{
			Name: fmt.Sprint("vertex ", i), Parallelism: subtasks, Operators: []graph.Operator{{UID: fmt.Sprint(i), MaxParallelism: 128}},
		}
		if i > 0 {
			x.In = []graph.Input{{From: i - 1}}
		}
		for k := range x.Subtasks {
			a := &x.Subtasks[k].Attempt
			a.State, a.Recent = jobmanager.TaskRunning, jobmanager.Load{Busy: int64(k) * 1e7, Idle: 1e9 - int64(k)*1e7}
			a.Counters.Watermark = 1_700_000_000_000
		}
		v.Vertices = append(v.Vertices, x)
	}
	return v
}
