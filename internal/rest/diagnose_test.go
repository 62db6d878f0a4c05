package rest_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/watermark"
	"github.com/flott-dev/flott/window"
)

// twoSplits is a source of seconds whose split "slow" ends at 10, while "fast" goes on to 1000; then nothing comes.
type twoSplits struct{}

func (twoSplits) Bounded() bool { return false }

func (twoSplits) Enumerator(ctx connect.EnumeratorContext, _ []byte) (connect.Enumerator, error) {
	return connect.NewQueue(ctx, []connect.Split{{ID: "slow"}, {ID: "fast"}}), nil
}

func (twoSplits) Reader(ctx connect.ReaderContext) (connect.Reader[int64], error) {
	return &twoSplitsReader{ctx: ctx, next: map[string]int64{}}, nil
}

type twoSplitsReader struct {
	ctx  connect.ReaderContext
	next map[string]int64
}

func (r *twoSplitsReader) Assign(splits []connect.Split) error {
	for _, s := range splits {
		if len(s.Data) > 0 {
			return errors.New("it is not restored")
		}
		r.next[s.ID] = 1
	}
	if len(r.next) < 2 {
		r.ctx.Request()
	}
	return nil
}

func (r *twoSplitsReader) NoMoreSplits() {}

func (r *twoSplitsReader) Poll(out *connect.Output[int64]) (connect.Status, error) {
	for split, last := range map[string]int64{"slow": 10, "fast": 1000} {
		if n := r.next[split]; n > 0 && n <= last {
			out.Split(split)
			out.Emit(n)
			r.next[split]++
			return connect.More, nil
		}
	}
	return connect.Waiting, nil
}

func (r *twoSplitsReader) Snapshot() (all []connect.Split, err error) { return nil, nil }
func (r *twoSplitsReader) Close() error                               { return nil }

// TestExplanations asks what holds the watermark of a job back, and what limits it.
func TestExplanations(t *testing.T) {
	at := func(n int64) time.Time { return time.Unix(n, 0) }
	s := newSite(t, rest.Options{}, func(env *stream.Env) {
		in := stream.From(env, twoSplits{}).Name("in").Watermarks(watermark.Bounded(0, at))
		stream.ReduceWindow(in.WindowAll(window.Tumbling(time.Minute)), func(a, b int64) int64 { return a + b }).
			Name("sums").To(collect.To[stream.Result[stream.All, int64]]())
	}, stream.Parallelism(1))
	s.Join("tm-1", 1)
	id := s.Submit(nil)
	var w restapi.WatermarkExplanation
	s.Until("the watermark has come through", func() bool {
		s.must(200, "GET", "/jobs/"+id+"/watermarks/explain", "", &w)
		return len(w.Chain) == 2 && w.Watermark != nil && *w.Watermark == 9999
	})
	if in := w.Chain[1]; w.Hold != "SPLIT" || w.Split != "slow" || w.At != 1 || !strings.HasPrefix(in.Vertex.Name, "in") || *in.Watermark != 9999 ||
		in.Since <= 0 || in.Since > w.Now || !strings.Contains(w.Text, `split "slow" of "in`) || !strings.Contains(w.Advice, "idle") {
		t.Errorf("%+v", w)
	}
	source := w.Chain[1].Vertex
	s.must(200, "GET", "/jobs/"+id+"/watermarks/explain?vertex="+source.ID, "", &w)
	if len(w.Chain) != 1 || w.Chain[0].Vertex != source {
		t.Errorf("%+v", w)
	}
	s.must(404, "GET", "/jobs/"+id+"/watermarks/explain?vertex="+strings.Repeat("0", 32), "", nil)
	s.must(400, "GET", "/jobs/"+id+"/watermarks/explain?vertex=x", "", nil)
	var b restapi.Bottleneck
	s.Until("the job is idle", func() bool {
		b = restapi.Bottleneck{} // an answer leaves out what it has not
		s.must(200, "GET", "/jobs/"+id+"/bottleneck", "", &b)
		return b.Limit == "NONE"
	})
	if b.Vertex != nil || !strings.Contains(b.Text, "nothing limits the job") || len(b.Evidence) != 2 {
		t.Errorf("%+v", b)
	}
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, err := c.Explain(t.Context(), id)
	if err != nil || e.Bottleneck != b.Text || !strings.Contains(e.Watermark, `split "slow"`) || !strings.Contains(e.WatermarkAdvice, "idle") {
		t.Errorf("%+v, %v", e, err)
	}
}

// TestBottleneckOfAJob: a vertex that works on each record for longer than a source needs to make it limits a job.
func TestBottleneckOfAJob(t *testing.T) {
	s := newSite(t, rest.Options{}, func(env *stream.Env) {
		numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{})).Name("numbers")
		stream.Map(numbers.Rebalance(), func(n int64) int64 {
			for end := time.Now().Add(100 * time.Microsecond); time.Now().Before(end); {
				n++
			}
			return n
		}).Name("slow").To(discard.To[int64]())
	}, stream.Parallelism(1), stream.MaxParallelism(4))
	s.Join("tm-1", 1)
	id := s.Submit(nil)
	var b restapi.Bottleneck
	s.Until("the source waits", func() bool {
		s.must(200, "GET", "/jobs/"+id+"/bottleneck", "", &b)
		return len(b.Evidence) == 2 && strings.Contains(b.Evidence[1], "numbers") // before, the vertex is busy alone
	})
	if b.Limit != "OPERATOR" || b.Vertex == nil || !strings.HasPrefix(b.Vertex.Name, "slow") {
		t.Errorf("%+v", b)
	}
}
