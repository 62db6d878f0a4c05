package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// queues is a model of a job: a source with a backlog, and a chain of vertices behind it. Rows flow as
// a fluid; a vertex that cannot keep up holds those before it back at once.
type queues struct {
	r        *rand.Rand
	rates    []float64 // rows per second of a busy subtask
	ratios   []float64 // rows that a vertex gets for each that the source reads
	noise    float64
	unknown  bool    // the source does not tell its backlog
	keyed    int     // key groups of the last vertex, 0 for none
	ceiling  float64 // rows per second that the last vertex can do with any parallelism, 0 for any
	load     func(sec float64) float64
	running  []int
	backlog  float64
	now      int64
	down     int64 // the job is being rescaled until then
	downtime int64
	pending  []int
	a        *Autoscaler
	changes  []change
}

type change struct {
	at       int64
	from, to []int
	reasons  []string
}

func (q *queues) start(cfg AutoscaleConfig, uppers ...int) {
	var vertices []VertexBounds
	var edges []PlaceEdge
	for i := range q.rates {
		v := VertexBounds{Name: fmt.Sprint("v", i), MaxParallelism: 128, Alike: i}
		if i < len(uppers) {
			v.Upper = uppers[i]
		}
		v.Keyed = q.keyed > 0 && i == len(q.rates)-1
		vertices = append(vertices, v)
		if i > 0 {
			edges = append(edges, PlaceEdge{From: i - 1, To: i})
		}
	}
	q.a = NewAutoscaler(cfg, vertices, edges, q.running, q.now)
}

// around is a value with noise.
func (q *queues) around(v float64) float64 { return v * (1 + q.noise*(2*q.r.Float64()-1)) }

// capacity is what a vertex can do, as rows of the source.
func (q *queues) capacity(i int) float64 {
	v := VertexBounds{MaxParallelism: 128, Keyed: q.keyed > 0 && i == len(q.rates)-1}
	rows := q.rates[i] * v.effective(q.running[i])
	if q.ceiling > 0 && i == len(q.rates)-1 {
		rows = min(rows, q.ceiling)
	}
	return rows / q.ratios[i]
}

// step runs the job for ten seconds, and tells the autoscaler how it was.
func (q *queues) step() {
	const length = 10.0
	q.now += int64(length * 1e9)
	comes := q.around(q.load(float64(q.now) / 1e9))
	q.backlog += comes * length
	if q.now < q.down {
		return
	}
	if q.pending != nil {
		q.running, q.pending = q.pending, nil
		q.a.Rescaled(q.now, q.running)
	}
	flow := q.backlog / length
	for i := range q.rates {
		flow = min(flow, q.capacity(i))
	}
	q.backlog = max(0, q.backlog-flow*length)
	s := ScaleSample{At: q.now, Vertices: make([]VertexSample, len(q.rates)), Edges: make([]float64, len(q.rates)-1)}
	for i := range q.rates {
		rows := q.around(flow * q.ratios[i])
		v := VertexSample{Busy: min(1, q.around(flow/q.capacity(i))), Rows: rows, Backlog: q.backlog}
		for k := i + 1; k < len(q.rates); k++ {
			if flow >= q.capacity(k)*0.999 && flow < q.capacity(i) {
				v.Backpressured = 1 - v.Busy
			}
		}
		if q.unknown {
			v.Backlog = -1
		}
		s.Vertices[i] = v
		if i > 0 {
			s.Edges[i-1] = rows
		}
	}
	if d := q.a.Sample(s); d != nil {
		q.changes = append(q.changes, change{q.now, slices.Clone(q.running), d.Parallelism, d.Reasons})
		q.pending, q.down = d.Parallelism, q.now+q.downtime
	}
}

func (q *queues) run(minutes int) {
	for range minutes * 6 {
		q.step()
	}
}

// random is a job of two to five vertices.
func random(seed uint64) *queues {
	r := rand.New(rand.NewPCG(seed, 4))
	q := &queues{r: r, noise: r.Float64() * 0.1, downtime: int64(r.IntN(20)) * second}
	load := 1000 * math.Exp(r.Float64()*6)
	q.load = func(float64) float64 { return load }
	ratio := 1.0
	for range 2 + r.IntN(4) {
		q.ratios = append(q.ratios, ratio)
		q.rates = append(q.rates, load*ratio/(0.2+10*r.Float64()))
		q.running = append(q.running, 1+r.IntN(20))
		ratio *= 0.2 + 2*r.Float64()
	}
	return q
}

func (q *queues) String() string {
	text := fmt.Sprintf("load %g, rates %.0f, ratios %.2f, noise %.2f, backlog %.0f, %v",
		q.load(float64(q.now)/1e9), q.rates, q.ratios, q.noise, q.backlog, q.running)
	for _, c := range q.changes {
		text += fmt.Sprintf("\n%5d s %v → %v\n  %s", c.at/second, c.from, c.to, strings.Join(c.reasons, "\n  "))
	}
	return text
}

// use is how busy a vertex is that keeps up.
func (q *queues) use(i int) float64 { return q.load(float64(q.now)/1e9) / q.capacity(i) }

// TestConstantLoad: on a constant load, with noise, the parallelism comes to rest, is enough, is not too
// much, and no vertex goes up and down but once to catch up with what was too much for the first
// parallelism.
func TestConstantLoad(t *testing.T) {
	for seed := range uint64(100) {
		if err := constantLoad(seed); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func constantLoad(seed uint64) error {
	q := random(seed)
	q.keyed = int(seed%2) * 128
	q.start(AutoscaleConfig{})
	q.run(120)
	settled := len(q.changes)
	q.run(240)
	turns := make([]int, len(q.rates))
	for i := range q.rates {
		last := 0
		for _, c := range q.changes {
			if d := c.to[i] - c.from[i]; d != 0 {
				if last != 0 && (d > 0) != (last > 0) {
					turns[i]++
				}
				last = d
			}
		}
	}
	switch {
	case late(q.changes[settled:]):
		return fmt.Errorf("it changes after two hours: %v", q)
	case slices.Max(turns) > 1:
		return fmt.Errorf("it goes up and down: %v", q)
	case q.backlog > 60*q.load(0):
		return fmt.Errorf("it does not keep up: %v", q)
	}
	for i := range q.rates {
		if use := q.use(i); use > 0.95 || use < 0.4 && q.running[i] > 1 && !q.fewer(i) {
			return fmt.Errorf("v%d is busy %.2f: %v", i, use, q)
		}
	}
	return nil
}

// late reports whether changes are more than one of a single vertex: with noise, one whose use is at a
// boundary may pass it after hours, once.
func late(changes []change) bool {
	n := 0
	for _, c := range changes {
		for i := range c.to {
			if c.to[i] != c.from[i] {
				n++
			}
		}
	}
	return n > 1
}

// fewer reports whether one subtask less would be too few.
func (q *queues) fewer(i int) bool {
	v := VertexBounds{MaxParallelism: 128, Keyed: q.keyed > 0 && i == len(q.rates)-1}
	return q.load(0)*q.ratios[i]/(q.rates[i]*v.effective(q.running[i]-1)) > 0.65
}

// TestStepLoad: a load that triples is followed within minutes, and its backlog is worked off in time;
// when it falls again the parallelism does, later.
func TestStepLoad(t *testing.T) {
	for seed := range uint64(40) {
		if err := stepLoad(seed); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
	}
}

func stepLoad(seed uint64) error {
	q := random(seed)
	base := q.load(0)
	q.load = func(sec float64) float64 {
		if sec >= 7200 && sec < 14400 {
			return 3 * base
		}
		return base
	}
	q.start(AutoscaleConfig{})
	q.run(119)
	low, n := slices.Clone(q.running), len(q.changes)
	q.run(20)
	if q.backlog > 60*base {
		return fmt.Errorf("it does not catch up: %v", q)
	}
	q.run(100)
	if len(q.changes) > n+4 {
		return fmt.Errorf("it takes many steps: %v", q)
	}
	q.run(60)
	for i, p := range q.running {
		if p > 2*low[i] && p > low[i]+2 {
			return fmt.Errorf("v%d had %d and stays at %d: %v", i, low[i], p, q)
		}
	}
	return nil
}

// TestSineLoad: a load that goes up and down by half in two hours is followed in a few steps each way,
// and rows do not wait for long.
func TestSineLoad(t *testing.T) {
	for seed := range uint64(30) {
		q := random(seed)
		base := q.load(0)
		q.load = func(sec float64) float64 { return base * (1 + 0.5*math.Sin(2*math.Pi*sec/7200)) }
		q.start(AutoscaleConfig{})
		q.run(120)
		n, worst := len(q.changes), 0.0
		for range 6 * 120 * 6 {
			q.step()
			worst = max(worst, q.backlog/base)
		}
		if steps := len(q.changes) - n; steps > 6*10 {
			t.Errorf("seed %d: %d steps in six periods: %v", seed, steps, q)
		}
		if worst > 150 {
			t.Errorf("seed %d: rows wait for %.0f s: %v", seed, worst, q)
		}
	}
}

// TestUnknownBacklog: a source that does not know what it has still to read is followed by how much it
// is held back.
func TestUnknownBacklog(t *testing.T) {
	for seed := range uint64(30) {
		q := random(seed)
		q.unknown = true
		q.start(AutoscaleConfig{})
		q.run(120)
		n := len(q.changes)
		q.run(120)
		if late(q.changes[n:]) {
			t.Errorf("seed %d: it changes after two hours: %v", seed, q)
		}
		for i := range q.rates {
			if use := q.use(i); use > 1 {
				t.Errorf("seed %d: v%d is busy %.2f: %v", seed, i, use, q)
			}
		}
	}
}

// TestBoundedLoad: within bounds that are too low for some vertices, those before them do not get more and
// more subtasks for a backlog that grows.
func TestBoundedLoad(t *testing.T) {
	held := 0
	for seed := range uint64(100) {
		q, err := boundedLoad(seed)
		if err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if q.backlog > 600*q.load(0) {
			held++
		}
	}
	if held < 20 {
		t.Errorf("%d jobs are held back", held)
	}
}

func boundedLoad(seed uint64) (*queues, error) {
	q := random(seed)
	q.unknown = seed%4 == 0
	var uppers []int
	for i := range q.rates {
		uppers = append(uppers, 1+q.r.IntN(12))
		q.running[i] = min(q.running[i], uppers[i])
	}
	q.start(AutoscaleConfig{}, uppers...)
	q.run(120)
	n := len(q.changes)
	q.run(120)
	for i, p := range q.running {
		if p > uppers[i] {
			return q, fmt.Errorf("v%d runs with %d, at most %d: %v", i, p, uppers[i], q)
		}
	}
	if late(q.changes[n:]) || n > 12 {
		return q, fmt.Errorf("%d and %d changes: %v", n, len(q.changes)-n, q)
	}
	return q, nil
}

// TestMoreDoesNotHelp: a vertex that is held up by something else gets more subtasks once, and again when
// that is over.
func TestMoreDoesNotHelp(t *testing.T) {
	q := &queues{
		r: rand.New(rand.NewPCG(1, 4)), noise: 0.02, rates: []float64{10e3, 1000}, ratios: []float64{1, 1},
		running: []int{4, 8}, ceiling: 8000, load: func(float64) float64 { return 20e3 },
	}
	q.start(AutoscaleConfig{})
	q.run(60)
	once := slices.Clone(q.running)
	if len(q.changes) != 1 || once[1] < 25 {
		t.Errorf("it changes %d times: %v", len(q.changes), q)
	}
	want := `; stays at ` + fmt.Sprint(once[1]) + `: more subtasks have not helped, 8 could do 8.0 k rows/s`
	if got := q.a.Explain()[1]; !strings.HasSuffix(got, want) {
		t.Errorf("it says %q, want %q", got, want)
	}
	q.ceiling, q.backlog = 0, 0
	q.load = func(float64) float64 { return 40e3 }
	q.run(60)
	if q.running[1] < 50 {
		t.Errorf("it does not grow again: %v", q)
	}
}

// steady is an autoscaler that has been told the same for its whole window.
func steady(cfg AutoscaleConfig, vertices []VertexBounds, edges []PlaceEdge, running []int, s ScaleSample) (
	a *Autoscaler, d *ScaleDecision,
) {
	a = NewAutoscaler(cfg, vertices, edges, running, 0)
	for s.At = 10 * second; s.At <= 130*second; s.At += 10 * second {
		if next := a.Sample(s); next != nil {
			d = next
		}
	}
	return a, d
}

func TestAutoscaleExplains(t *testing.T) {
	chain := []PlaceEdge{{0, 1, AllToAll}}
	two := func(lower, upper int) []VertexBounds {
		return []VertexBounds{
			{Name: "source", MaxParallelism: 128, Alike: 0},
			{Name: "window", MaxParallelism: 128, Alike: 1, Lower: lower, Upper: upper},
		}
	}
	sample := func(source, window VertexSample) ScaleSample {
		return ScaleSample{Vertices: []VertexSample{source, window}, Edges: []float64{window.Rows}}
	}
	for _, tc := range []struct {
		name    string
		bounds  []VertexBounds
		running []int
		sample  ScaleSample
		to      []int
		want    string // of the window
	}{
		{
			"too busy", two(0, 0),
			[]int{2, 6},
			sample(VertexSample{Busy: 0.6, Rows: 12000}, VertexSample{Busy: 0.93, Rows: 12000}),
			[]int{2, 8},
			`vertex "window" is busy 93 % at 12 k rows/s; 6 → 8 for a target of 70 %`,
		},
		{
			"bounded", two(0, 8),
			[]int{2, 6},
			sample(VertexSample{Busy: 0.4, Backpressured: 0.4, Rows: 12000, Backlog: -1}, VertexSample{Busy: 1, Rows: 12000}),
			[]int{2, 8},
			`vertex "window" is busy 100 % at 12 k rows/s of 20 k rows/s that come; ` +
				`6 → 8 for a target of 70 % (it needs 15); bounded by max 8`,
		},
		{
			"at its bound", two(0, 6),
			[]int{2, 6},
			sample(VertexSample{Busy: 0.6, Rows: 12000}, VertexSample{Busy: 0.93, Rows: 12000}),
			nil,
			`vertex "window" is busy 93 % at 12 k rows/s; stays at 6 (it needs 8); bounded by max 6`,
		},
		{
			"near enough", two(0, 0),
			[]int{2, 6},
			sample(VertexSample{Busy: 0.6, Rows: 950}, VertexSample{Busy: 0.88, Rows: 950}),
			nil,
			`vertex "window" is busy 88 % at 950 rows/s; stays at 6`,
		},
		{
			"to catch up", two(0, 0),
			[]int{2, 6},
			sample(VertexSample{Busy: 0.6, Rows: 1200, Backlog: 900e3}, VertexSample{Busy: 0.8, Rows: 1200}),
			[]int{5, 17},
			`vertex "window" is busy 80 % at 1.2 k rows/s; 6 → 17 to catch up within 300s`,
		},
		{
			"fewer only after a while", two(2, 0),
			[]int{2, 6},
			sample(VertexSample{Busy: 0.6, Rows: 1200}, VertexSample{Busy: 0.1, Rows: 1200}),
			nil,
			`vertex "window" is busy 10 % at 1.2 k rows/s; 6 → 2 if that lasts (1 would do); bounded by min 2`,
		},
		{
			"nothing to do", two(0, 0),
			[]int{2, 6},
			sample(VertexSample{}, VertexSample{}),
			nil,
			`vertex "window" is busy 0 % at 0 rows/s; 6 → 1 if that lasts`,
		},
	} {
		a, d := steady(AutoscaleConfig{}, tc.bounds, chain, tc.running, tc.sample)
		if got := a.Explain()[1]; got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want)
		}
		if d == nil != (tc.to == nil) || d != nil && !slices.Equal(d.Parallelism, tc.to) {
			t.Errorf("%s: it decides on %v, want %v", tc.name, d, tc.to)
		}
		if d != nil && !slices.Contains(d.Reasons, tc.want) {
			t.Errorf("%s: the reasons are %q", tc.name, d.Reasons)
		}
	}
}

// TestBusyVertexIsNotMadeSmaller though its inputs give fewer rows than it takes.
func TestBusyVertexIsNotMadeSmaller(t *testing.T) {
	s := ScaleSample{Vertices: []VertexSample{{Busy: 0.7, Rows: 1000}, {Busy: 1, Rows: 1000}}, Edges: []float64{10}}
	bounds := []VertexBounds{{Name: "a", Alike: 0}, {Name: "b", Alike: 1}}
	a := NewAutoscaler(AutoscaleConfig{}, bounds, []PlaceEdge{{0, 1, AllToAll}}, []int{4, 4}, 0)
	for s.At = 0; s.At < 3600*second; s.At += 10 * second {
		if d := a.Sample(s); d != nil {
			t.Fatalf("it decides on %v", d)
		}
	}
}

// TestAlikeAndLoops: a loop's rows count with those that go in, and vertices that are alike stay so.
func TestAlikeAndLoops(t *testing.T) {
	bounds := []VertexBounds{{Name: "a", Alike: 0}, {Name: "b", Alike: 1}, {Name: "c", Alike: 1}}
	edges := []PlaceEdge{{0, 1, AllToAll}, {1, 2, OneToOne}, {2, 1, Loop}}
	_, d := steady(AutoscaleConfig{}, bounds, edges, []int{1, 2, 2}, ScaleSample{
		Vertices: []VertexSample{{Busy: 0.7, Rows: 100, Backlog: -1}, {Busy: 1, Rows: 400}, {Busy: 0.2, Rows: 400}},
		Edges:    []float64{100, 400, 300},
	})
	if d == nil || !slices.Equal(d.Parallelism, []int{1, 3, 3}) {
		t.Errorf("it decides on %v", d)
	}
	if d != nil && !strings.HasSuffix(d.Reasons[1], "; 2 → 3 as vertices of the same parallelism need") {
		t.Errorf("the reasons are %q", d.Reasons)
	}
}

// TestCooldown: nothing is decided before the window is full and the cooldown over, and nothing twice.
func TestCooldown(t *testing.T) {
	bounds := []VertexBounds{{Name: "a"}}
	a := NewAutoscaler(AutoscaleConfig{}, bounds, nil, []int{2}, 0)
	s := ScaleSample{Vertices: []VertexSample{{Busy: 1, Rows: 100}}}
	decided := func(until int64) (at int64) {
		for s.At += 10 * second; s.At <= until*second; s.At += 10 * second {
			if d := a.Sample(s); d != nil && at == 0 {
				at = s.At / second
			} else if d != nil {
				t.Errorf("%d s: it decides again", s.At/second)
			}
		}
		return at
	}
	if at := decided(300); at != 120 {
		t.Errorf("it decides at %d s", at)
	}
	a.Rescaled(300*second, []int{3})
	s.Vertices[0].Rows = 150
	if at := decided(600); at != 420 {
		t.Errorf("after the rescale it decides at %d s", at)
	}
}

// TestKeyGroups: the parallelism for so many subtasks is the smallest whose busiest one is not overloaded.
func TestKeyGroups(t *testing.T) {
	for _, groups := range []int{1, 2, 7, 128} {
		v := VertexBounds{MaxParallelism: groups, Keyed: true}
		for subtasks := 0.1; subtasks <= float64(groups); subtasks += 0.1 {
			want := 1
			for v.effective(want) < subtasks-1e-9 && want < groups {
				want++
			}
			if got := v.atLeast(subtasks); got != want {
				t.Errorf("%d key groups, %.1f subtasks: %d, want %d", groups, subtasks, got, want)
			}
		}
	}
}
