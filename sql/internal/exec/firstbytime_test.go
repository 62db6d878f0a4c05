package exec

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
)

func TestFirstByTime(t *testing.T) {
	h := newHarness(t, &FirstByTime{In: timedRows, Keys: []int{0}, Rowtime: 2}, nil, timedRows)
	defer func() { h.close() }()
	line := func(k int, v string, ms int) string {
		return fmt.Sprintf("+I [%d,%s,1970-01-01 00:00:00.%03d]", k, v, ms)
	}
	h.push(0, "+I 1 a 7", "+I 2 b 9", "+I 1 c 5", "+I 1 d 5", "+I 3 e NULL", "mark 4")
	h.push(0, "+I 1 f 3", "+I 2 g 6")
	h.want("mark 4")
	h.restart()
	h.push(0, "+I 4 h 4", "+I 5 i 3", "mark 5") // 4 is at the watermark, 3 behind it
	h.want(line(4, "h", 4), line(1, "c", 5), "mark 5")
	h.push(0, "+I 1 j 5", "+I 1 k 6", "+I 4 l 9", "mark 6")
	h.want(line(2, "g", 6), "mark 6")
	h.restart()
	h.push(0, "+I 1 m 8", "+I 2 n 8", "+I 3 o 8", "mark 8")
	h.want(line(3, "o", 8), "mark 8")
}

// TestFirstByTimeTTL: it is forgotten that the row of a key was given; a row that waits is not.
func TestFirstByTimeTTL(t *testing.T) {
	h := newHarness(t, &FirstByTime{In: timedRows, Keys: []int{0}, Rowtime: 2, TTL: time.Minute}, nil, timedRows)
	defer func() { h.close() }()
	h.push(0, "+I 1 a 7")
	h.advance(2 * time.Minute)
	h.push(0, "mark 7")
	h.want("+I [1,a,1970-01-01 00:00:00.007]", "mark 7")
	h.advance(59 * time.Second)
	h.push(0, "+I 1 b 8", "mark 8") // does not let it live longer
	h.restart()
	h.advance(time.Second)
	h.push(0, "+I 1 c 9", "mark 9")
	h.want("mark 8", "+I [1,c,1970-01-01 00:00:00.009]", "mark 9")
}

func TestFirstByTimeAgainstModel(t *testing.T) {
	for seed := range seeds(150) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { testFirstByTime(t, seed) })
	}
}

// firstRig is several subtasks, whose watermarks differ.
type firstRig struct {
	t     *testing.T
	rnd   *rand.Rand
	op    *FirstByTime
	clock *clock.Manual
	size  int // of batches
	disk  bool
	tasks []*rig
	late  int64 // rows that subtasks counted that are gone
}

// firstModel computes rows one after the other.
type firstModel struct {
	group   map[any]int        // of each key
	marks   []int64            // of the subtasks
	reached [8]int64           // of each key group: what is before is late
	waiting map[any]firstValue // by key
	given   map[any]int64      // when, by key
	late    int64
}

type firstValue struct{ v, at int }

func testFirstByTime(t *testing.T, seed uint64) {
	rnd := rand.New(rand.NewPCG(seed, 11))
	k := row.Of(row.BigInt)
	keys := []any{0, 1, 2, 3, 4, 5, 6, 7, 8, nil}
	if seed%2 == 1 {
		k = row.StringType()
		for i := range keys[:9] {
			keys[i] = fmt.Sprint("key ", i)
		}
	}
	in := []row.Field{field("k", k), field("v", row.Of(row.BigInt)), field("ts", row.TimestampOf(3))}
	g := &firstRig{
		t: t, rnd: rnd, op: &FirstByTime{In: in, Keys: []int{0}, Rowtime: 2}, clock: clock.NewManual(time.UnixMilli(1_000_000)),
		size: []int{1, 3, 1024}[seed%3], disk: seed%4 == 0,
	}
	ttl := int64(0)
	if seed%5 < 2 {
		ttl = 100
		g.op.TTL = time.Duration(ttl) * time.Millisecond
	}
	g.open(nil)
	m := &firstModel{group: g.groups(keys), waiting: map[any]firstValue{}, given: map[any]int64{}}
	for i := range m.reached {
		m.reached[i] = -1 << 63
	}
	m.restart(len(g.tasks))
	v := 0
	for range rnd.IntN(60) {
		switch rnd.IntN(8) {
		case 0:
			g.restart()
			m.restart(len(g.tasks))
		case 1:
			g.clock.Advance(time.Duration(rnd.IntN(80)) * time.Millisecond)
		case 2, 3, 4:
			i := rnd.IntN(len(g.tasks))
			at := max(m.marks[i], 0) + rnd.Int64N(12)
			g.tasks[i].mark(at)
			g.expect(i, m.mark(i, at, g.clock.Now().UnixMilli()))
		default:
			rows := make([][]change, len(g.tasks))
			for range 1 + rnd.IntN(10) {
				key := keys[rnd.IntN(len(keys))]
				i := operator.SubtaskOf(m.group[key], 8, len(g.tasks))
				v++
				if rnd.IntN(12) == 0 {
					rows[i] = append(rows[i], ins(key, v, nil))
					m.late++
					continue
				}
				at := max(m.marks[i], 0) + rnd.Int64N(30) - 8
				rows[i] = append(rows[i], ins(key, v, int(at)))
				m.add(key, firstValue{v, int(at)}, g.clock.Now().UnixMilli(), ttl)
			}
			for i, r := range rows {
				g.tasks[i].push(g.size, r...)
				g.expect(i, nil)
			}
		}
	}
	for i, r := range g.tasks {
		r.end()
		g.expect(i, m.mark(i, 1<<62, g.clock.Now().UnixMilli()))
		if n := r.node.(*firstByTime); !g.disk && n.waiting.Len() > 0 {
			t.Fatal("rows wait")
		}
	}
	g.close()
	if g.late != m.late {
		t.Fatalf("%d late rows were counted, want %d", g.late, m.late)
	}
}

func (g *firstRig) open(states []*operator.State) {
	p := 1 + g.rnd.IntN(4)
	g.tasks = nil
	for i := range p {
		r := newRig(g.t, g.op.In, g.op.In, func() operator.Node { return g.op.Node() })
		r.close()
		r.clock, r.parallelism, r.subtask, r.disk, r.full = g.clock, p, i, g.disk, g.rnd.IntN(2) == 0
		r.open(operator.Redistribute(states, 8, p, i))
		g.tasks = append(g.tasks, r)
	}
}

// restart goes on with other subtasks.
func (g *firstRig) restart() {
	var states []*operator.State
	for _, r := range g.tasks {
		states = append(states, r.snapshot())
	}
	g.close()
	g.open(states)
}

func (g *firstRig) close() {
	for _, r := range g.tasks {
		g.late += r.task.Metrics.Counter("numLateRecordsDropped").Value()
		r.close()
	}
}

// groups are the key groups of keys.
func (g *firstRig) groups(keys []any) map[any]int {
	of := map[any]int{}
	key := colcodec.NewKey(KeyTypes(g.op.In, g.op.Keys))
	for _, k := range keys {
		b := g.tasks[0].batch([]change{ins(k, 0, 0)})
		var h [1]uint64
		key.Hashes(h[:], b.Cols[:1])
		of[k] = codec.KeyGroup(h[0], 8)
		b.Release()
	}
	return of
}

// expect checks what a subtask has given: rows of the same time come in any order.
func (g *firstRig) expect(subtask int, want []string) {
	g.t.Helper()
	if got := g.tasks[subtask].take(); !slices.Equal(sortedByTime(got), sortedByTime(want)) || !slices.IsSortedFunc(got, byTime) {
		g.t.Fatalf("subtask %d of %d gave\n  %s\nwant\n  %s", subtask, len(g.tasks), strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// byTime compares lines by the times of their rows.
func byTime(a, b string) int {
	at := func(line string) (n int) {
		_, _ = fmt.Sscan(strings.Trim(line[strings.LastIndexByte(line, ',')+1:], "]"), &n)
		return n
	}
	return at(a) - at(b)
}

func sortedByTime(lines []string) []string {
	lines = slices.Sorted(slices.Values(lines))
	slices.SortStableFunc(lines, byTime)
	return lines
}

// restart begins with the least watermark of the groups of each subtask.
func (m *firstModel) restart(parallelism int) {
	m.marks = make([]int64, parallelism)
	for i := range m.marks {
		first, last := operator.KeyGroupRange(8, parallelism, i)
		m.marks[i] = slices.Min(m.reached[first : last+1])
	}
}

func (m *firstModel) add(key any, x firstValue, now, ttl int64) {
	if int64(x.at) < m.reached[m.group[key]] {
		m.late++
		return
	}
	if at, ok := m.given[key]; ok && (ttl == 0 || now-at < ttl) {
		return
	}
	if was, ok := m.waiting[key]; !ok || x.at < was.at {
		m.waiting[key] = x
	}
}

// mark is what a subtask gives at a watermark.
func (m *firstModel) mark(subtask int, mark, now int64) (lines []string) {
	m.marks[subtask] = max(m.marks[subtask], mark)
	first, last := operator.KeyGroupRange(8, len(m.marks), subtask)
	for kg := first; kg <= last; kg++ {
		m.reached[kg] = max(m.reached[kg], mark)
	}
	for key, x := range maps.Clone(m.waiting) {
		if kg := m.group[key]; kg < first || kg > last || int64(x.at) > m.marks[subtask] {
			continue
		}
		text := "null"
		if key != nil {
			text = fmt.Sprint(key)
		}
		lines = append(lines, fmt.Sprintf("+I [%s,%d,%d]", text, x.v, x.at))
		delete(m.waiting, key)
		m.given[key] = now
	}
	return lines
}
