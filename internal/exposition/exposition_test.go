package exposition

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/flott-dev/flott/internal/cputime"
)

// scrape is what Prometheus gets.
func scrape(o Options, scopes ...Scope) string {
	w := httptest.NewRecorder()
	Handler(func(context.Context) []Scope { return scopes }, o).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	return w.Body.String()
}

func task(name, subtask string, values ...Value) Scope {
	return Scope{"taskmanager_job_task", []Label{{"job_name", name}, {"host", "h-1"}, {"subtask_index", subtask}}, values}
}

// TestText holds the names, the labels and the format to what Flink's PrometheusReporter writes.
func TestText(t *testing.T) {
	got := scrape(Options{},
		task("orders & more", "0", Value{"numRecordsIn", 3}, Value{"numBytesIn", 1e12}),
		Scope{"jobmanager", []Label{{"host", "h-1"}}, []Value{{"Status.JVM.Threads.Count", 7}}},
		task("orders & more", "1", Value{"numRecordsIn", 4}, Value{"currentInputWatermark", math.MinInt64}),
	)
	const want = `# HELP flink_jobmanager_Status_JVM_Threads_Count Status.JVM.Threads.Count (scope: jobmanager)
# TYPE flink_jobmanager_Status_JVM_Threads_Count gauge
flink_jobmanager_Status_JVM_Threads_Count{host="h_1"} 7
# HELP flink_taskmanager_job_task_currentInputWatermark currentInputWatermark (scope: taskmanager_job_task)
# TYPE flink_taskmanager_job_task_currentInputWatermark gauge
flink_taskmanager_job_task_currentInputWatermark{host="h_1",job_name="orders___more",subtask_index="1"} -9.223372036854776e+18
# HELP flink_taskmanager_job_task_numBytesIn numBytesIn (scope: taskmanager_job_task)
# TYPE flink_taskmanager_job_task_numBytesIn gauge
flink_taskmanager_job_task_numBytesIn{host="h_1",job_name="orders___more",subtask_index="0"} 1e+12
# HELP flink_taskmanager_job_task_numRecordsIn numRecordsIn (scope: taskmanager_job_task)
# TYPE flink_taskmanager_job_task_numRecordsIn gauge
flink_taskmanager_job_task_numRecordsIn{host="h_1",job_name="orders___more",subtask_index="0"} 3
flink_taskmanager_job_task_numRecordsIn{host="h_1",job_name="orders___more",subtask_index="1"} 4
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

// TestHostileNames: whatever names and labels have in them, what is scraped can be read, and has each series once.
func TestHostileNames(t *testing.T) {
	odd := "a\"b\\c\nd{e=\"f\"} 7\n\xff💥"
	scopes := []Scope{
		task(odd, "0", Value{odd, 1}, Value{strings.ReplaceAll(odd, "💥", "é"), 2}, Value{"", 3}, Value{"x", math.NaN()}),
		task(odd, "0", Value{odd, 4}), // the same once more
		task("", "", Value{strings.Repeat("n", 10_000), 5}),
	}
	for _, o := range []Options{{}, {PlainLabels: true}} {
		text := scrape(o, scopes...)
		p := expfmt.NewTextParser(model.LegacyValidation)
		all, err := p.TextToMetricFamilies(strings.NewReader(text))
		if err != nil || len(all) != 4 {
			t.Fatalf("%v, %d families: %s", err, len(all), text)
		}
		for name, f := range all {
			if len(f.Metric) != 1 {
				t.Errorf("%s has %d series", name, len(f.Metric))
			}
			if v := f.Metric[0].Gauge.GetValue(); strings.HasPrefix(name, "flink_taskmanager_job_task_a") && v != 1 {
				t.Errorf("%s is %v, not what came first", name, v)
			}
		}
		if got := strings.Contains(text, `💥",subtask_index`); got != o.PlainLabels {
			t.Errorf("plain labels %v: %.300q", o.PlainLabels, text)
		}
	}
}

// TestAsk asks a process again and again, and after its end.
func TestAsk(t *testing.T) {
	ours, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := connOf(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	answered := make(chan struct{})
	asked := 0.0
	go func() {
		defer close(answered)
		Answer(theirs, func() []Scope { asked++; return []Scope{task("j", "0", Value{"n", asked})} })
	}()
	a := NewAsker(ours)
	for i := range 3 {
		scopes, ok := a.Ask(t.Context())
		if want := fmt.Sprint([]Scope{task("j", "0", Value{"n", float64(i + 1)})}); !ok || fmt.Sprint(scopes) != want {
			t.Fatalf("got %v %v, want %v", scopes, ok, want)
		}
	}
	theirs.Close()
	<-answered
	if scopes, ok := a.Ask(t.Context()); ok {
		t.Errorf("a process that has ended answers %v", scopes)
	}
	a.Close()
	if _, ok := a.Ask(t.Context()); ok {
		t.Error("what is closed answers")
	}
}

// TestSilence: a process that does not answer is waited for once. What it owes, when it comes, is not taken for the answer to a
// later question.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		ask := make([]byte, 1)
		stuck, heard := make(chan struct{}), make(chan struct{})
		go func() {
			enc := gob.NewEncoder(theirs)
			for n := 1.0; ; n++ {
				if _, err := theirs.Read(ask); err != nil {
					return
				}
				if n == 1 {
					close(heard)
					<-stuck
				}
				if enc.Encode([]Scope{task("j", "0", Value{"n", n})}) != nil {
					return
				}
			}
		}()
		a := NewAsker(ours)
		began := time.Now()
		wait := func() bool {
			ctx, stop := context.WithTimeout(t.Context(), time.Second)
			defer stop()
			_, ok := a.Ask(ctx)
			return ok
		}
		if wait() || time.Since(began) != time.Second {
			t.Error("it was not waited for, or too long", time.Since(began))
		}
		<-heard
		for range 5 {
			if wait() {
				t.Error("there is an answer")
			}
		}
		if time.Since(began) != time.Second {
			t.Error("it was waited for again", time.Since(began))
		}
		close(stuck)
		synctest.Wait()
		if scopes, ok := a.Ask(t.Context()); !ok || scopes[0].Values[0].V != 2 {
			t.Errorf("afterwards: %v %v", scopes, ok)
		}
		a.Close()
		theirs.Close()
		synctest.Wait()
	})
}

// TestScrapesShareAnAnswer: two that ask at once get one answer.
func TestScrapesShareAnAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ours, theirs := net.Pipe()
		answer, asked := make(chan struct{}), 0
		go Answer(theirs, func() []Scope { asked++; <-answer; return []Scope{task("j", "0")} })
		a := NewAsker(ours)
		got := make(chan bool)
		for range 2 {
			go func() { _, ok := a.Ask(t.Context()); got <- ok }()
		}
		synctest.Wait()
		close(answer)
		if one, other := <-got, <-got; !one || !other || asked != 1 {
			t.Error(one, other, asked)
		}
		a.Close()
		theirs.Close()
	})
}

// TestWrongAnswers: a process whose answer is none, or has no end, is asked no more.
func TestWrongAnswers(t *testing.T) {
	for name, answer := range map[string]io.Reader{
		"nonsense": strings.NewReader(strings.Repeat("nonsense", 100)),
		"no end":   io.MultiReader(bytes.NewReader([]byte{0xfb, 0x3f, 0, 0, 0, 0}), endless{}), // a message of a gigabyte
	} {
		ours, theirs := net.Pipe()
		go func() {
			_, _ = theirs.Read(make([]byte, 1))
			_, err := io.Copy(theirs, answer)
			if name == "no end" && err == nil {
				t.Error("all of it was read")
			}
			theirs.Close()
		}()
		a := NewAsker(ours)
		for range 2 {
			if scopes, ok := a.Ask(t.Context()); ok {
				t.Errorf("%s: %v", name, scopes)
			}
		}
		a.Close()
	}
	b := bounded{left: 0}
	if _, err := b.ReadByte(); !errors.Is(err, errTooLarge) {
		t.Error(err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// BenchmarkScrape scrapes 10,000 series of a worker: what it has goes through a socket to the TaskManager, which writes the text.
func BenchmarkScrape(b *testing.B) {
	const tasks, each = 500, 20
	var scopes []Scope
	for i := range tasks {
		s := Scope{Name: "taskmanager_job_task", Labels: []Label{
			{"host", "machine-1"},
			{"tm_id", "tm-0123456789ab"},
			{"job_id", strings.Repeat("0123abcd", 4)},
			{"job_name", "orders by customer"},
			{"worker", "0123abcd-0-1"},
			{"task_id", strings.Repeat("89ab4567", 4)},
			{"task_name", "orders -> filter -> by customer"},
			{"subtask_index", fmt.Sprint(i)},
			{"task_attempt_num", "0"},
		}}
		for k := range each {
			s.Values = append(s.Values, Value{fmt.Sprintf("numRecordsOfKind%d", k), float64(i * k)})
		}
		scopes = append(scopes, s)
	}
	ours, file, err := Pair()
	if err != nil {
		b.Fatal(err)
	}
	theirs, err := connOf(int(file.Fd()))
	if err != nil {
		b.Fatal(err)
	}
	go Answer(theirs, func() []Scope { return scopes })
	a := NewAsker(ours)
	defer a.Close()
	h := Handler(func(ctx context.Context) []Scope {
		all, _ := a.Ask(ctx)
		return all
	}, Options{})
	b.ReportAllocs()
	began := cputime.Process()
	for b.Loop() {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
		if n := bytes.Count(w.Body.Bytes(), []byte("\nflink_")); n != tasks*each {
			b.Fatal(n, "series")
		}
	}
	b.ReportMetric(float64((cputime.Process()-began).Microseconds())/float64(b.N)/1000, "cpu-ms")
}
