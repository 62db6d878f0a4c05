package task_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/internal/task"
)

// pass is a node that notes what it is called for and passes records on.
type pass struct {
	ops.Step[int, int]
	name string
	log  *[]string
	on   func(v int)      // called for each record
	at   func(c *pass)    // called by Open
	fail map[string]error // by method
	busy int              // calls of ProcessingTime that find no room
	// frozen is what a snapshot leaves to be written; nil is nothing.
	frozen operator.Frozen
}

func newPass(name string, log *[]string) *pass {
	p := &pass{name: name, log: log}
	p.InitStep(p)
	return p
}

func (p *pass) note(format string, args ...any) {
	*p.log = append(*p.log, p.name+" "+fmt.Sprintf(format, args...))
}

func (p *pass) Open(ctx *operator.Context) error {
	p.Ctx = ctx
	p.note("open")
	if p.at != nil {
		p.at(p)
	}
	return p.fail["open"]
}

func (p *pass) Rows(b *batch.Rows[int], from, to int) int {
	for i := from; i < to; i++ {
		p.At(i)
		p.note("%d", b.Vals[i])
		if p.on != nil {
			p.on(b.Vals[i])
		}
		p.Out.Emit(b.Vals[i], b.Times[i])
		if p.Out.Blocked() {
			return i + 1
		}
	}
	return to
}

func (p *pass) Watermark(t int64) bool {
	p.note("watermark %d", t)
	p.Out.MarkAll(t)
	return true
}

func (p *pass) Control(c operator.Control) { p.note("control %d/%d", c.Kind, c.ID) }

func (p *pass) Snapshot(w *operator.Snapshot) error {
	p.note("snapshot %d", w.Checkpoint)
	w.List("name", []byte(p.name))
	if p.frozen != nil {
		w.Frozen = append(w.Frozen, p.frozen)
	}
	return p.fail["snapshot"]
}

func (p *pass) Completed(id int64) error {
	p.note("completed %d", id)
	return p.fail["completed"]
}

func (p *pass) Aborted(id int64) { p.note("aborted %d", id) }

func (p *pass) ProcessingTime(now int64) bool {
	p.note("time %d", now)
	p.busy--
	return p.busy < 0
}

func (p *pass) Close() error {
	p.note("close")
	return p.fail["close"]
}

// end is the last node of a chain: a receiver that keeps a batch until it may let it go.
type end struct {
	pass
	shut bool
	kept *batch.Rows[int]
}

func newEnd(name string, log *[]string) *end {
	e := &end{pass: pass{name: name, log: log}}
	e.InitStep(e)
	return e
}

func (e *end) Receiver(int) any { return batch.Receiver[int](e) }

func (e *end) Push(b *batch.Rows[int]) bool {
	if e.kept != nil {
		panic("a batch was pushed into a blocked node")
	}
	e.kept = b
	return e.Resume()
}

func (e *end) Resume() bool {
	if e.kept == nil {
		return true
	}
	if e.shut {
		return false
	}
	for _, v := range e.kept.Vals {
		e.note("%d", v)
		if e.on != nil {
			e.on(v)
		}
	}
	e.kept.Release()
	e.kept = nil
	return true
}

// rig is a task of three nodes that a test drives by hand.
type rig struct {
	*task.Task
	t       *testing.T
	log     []string
	nodes   []*pass
	last    *end
	gate    *exchange.Gate
	channel *exchange.Channel
	clock   *clock.Manual
	pool    *batch.Pool[int]
	ended   []error
	upload  task.Upload // anyRoom if nil
}

func newRig(t *testing.T, change func(r *rig)) *rig {
	t.Helper()
	r := &rig{t: t, clock: clock.NewManual(time.UnixMilli(1000)), pool: batch.NewPool[int](4)}
	a, b := newPass("a", &r.log), newPass("b", &r.log)
	r.last = newEnd("c", &r.log)
	r.nodes = []*pass{a, b, &r.last.pass}
	all := []operator.Node{a, b, r.last}
	for i := range 2 {
		if err := all[i].Connect("", all[i+1].Receiver(0)); err != nil {
			t.Fatal(err)
		}
	}
	r.gate = exchange.NewGate(1, true, func() { r.Wake() })
	r.channel = r.gate.NewChannel(0, 0, false)
	push, mark, err := (&exchange.Edge[int]{}).Inlet(a.Receiver(0))
	if err != nil {
		t.Fatal(err)
	}
	var contexts []*operator.Context
	for i, n := range r.nodes {
		contexts = append(contexts, &operator.Context{
			Operator: n.name, Parallelism: 1, Clock: r.clock,
			WakeAt: func(ms int64) { r.WakeAt(i, ms*int64(time.Millisecond)) },
			Send:   func(c operator.Control) { r.Send(i, c) },
		})
	}
	r.Task = task.New(task.Config{
		Name: "chain", Nodes: all, Contexts: contexts, Gate: r.gate, Clock: r.clock, Listener: r,
		Inlets: []task.Inlet{{Push: push, Mark: mark}},
	})
	if change != nil {
		change(r)
	}
	for i, n := range all { // as Run does
		if err := n.Open(contexts[i]); err != nil {
			t.Fatal(err)
		}
	}
	r.log = nil
	return r
}

func (r *rig) Snapshotted(_ *task.Task, id int64, states []*operator.Snapshot, err error) {
	names := ""
	for _, s := range states {
		names += string(s.State.List["name"][0])
	}
	r.log = append(r.log, fmt.Sprintf("reported %d %s %v", id, names, err))
}

func (r *rig) Upload(*task.Task, int64) task.Upload {
	if r.upload != nil {
		return r.upload
	}
	return anyRoom{}
}

// anyRoom is an upload that takes everything at once.
type anyRoom struct{}

func (anyRoom) Room() bool                    { return true }
func (anyRoom) Put(data []byte) operator.Blob { return operator.Bytes(data) }
func (anyRoom) Discard()                      {}
func (anyRoom) PutTree(*operator.Captured)    {}

// slowly is frozen state of so many steps, each of which takes a millisecond.
type slowly struct {
	clock *clock.Manual
	left  int
}

func (s *slowly) Step(func(operator.Section)) (done bool) {
	s.clock.Advance(time.Millisecond)
	s.left--
	return s.left == 0
}

func (s *slowly) Discard() {}

// A snapshot gets half as much time as the records between two steps of it have taken, and no more
// than half of a tenth of a second.
func TestSnapshotsGetTheirShare(t *testing.T) {
	for work, want := range map[time.Duration]int{0: 1, 10 * time.Millisecond: 5, time.Minute: 50} {
		r := newRig(t, nil)
		frozen := &slowly{clock: r.clock, left: 1000}
		r.nodes[0].frozen = frozen
		r.last.on = func(int) { r.clock.Advance(work) }
		r.control(operator.Barrier, 1)
		r.send(1)
		step := func() {
			if _, err := r.Step(); err != nil {
				t.Fatal(err)
			}
		}
		for len(r.log) == 0 || r.log[len(r.log)-1] != "c 1" {
			step()
		}
		before := frozen.left
		step()
		if n := before - frozen.left; n != want {
			t.Errorf("after a batch of %v a snapshot has written %d steps, want %d", work, n, want)
		}
	}
}

// narrow is an upload that takes one section at a time.
type narrow struct {
	t    *testing.T
	full bool
}

func (*narrow) PutTree(*operator.Captured) {}

func (u *narrow) Room() bool { return !u.full }

func (u *narrow) Put(data []byte) operator.Blob {
	if u.full {
		u.t.Error("a section is put where there is no room")
	}
	u.full = true
	return operator.Bytes(data)
}

func (u *narrow) Discard() {}

// sections is frozen state of so many sections.
type sections struct{ left int }

func (s *sections) Step(emit func(operator.Section)) (done bool) {
	emit(operator.Section{State: "frozen", Data: operator.Bytes{1}})
	s.left--
	return s.left == 0
}

func (s *sections) Discard() {}

// A barrier that comes while the snapshot before is written waits, with all that is behind it, until
// storage has taken that: it is not put into memory.
func TestBarrierWaitsForTheSnapshotBefore(t *testing.T) {
	upload := &narrow{t: t}
	r := newRig(t, func(r *rig) { r.upload = upload })
	r.nodes[1].frozen = &sections{left: 5}
	r.control(operator.Barrier, 1)
	r.send(1)
	r.control(operator.Barrier, 2)
	r.send(2)
	r.steps(operator.Waiting, "a "+barrier+"1", "b "+barrier+"1", "c "+barrier+"1",
		"a snapshot 1", "b snapshot 1", "c snapshot 1", "a 1", "b 1", "c 1",
		"a "+barrier+"2", "b "+barrier+"2", "c "+barrier+"2")
	r.nodes[1].frozen = nil
	for range 3 { // the first of five is written, the last goes with the rest
		upload.full = false
		r.steps(operator.Waiting)
	}
	upload.full = false
	r.steps(operator.Waiting, "reported 1 abc <nil>", "a snapshot 2", "b snapshot 2", "c snapshot 2",
		"reported 2 abc <nil>", "a 2", "b 2", "c 2")
}

// Snapshots of a task that has ended wait for each other too.
func TestTriggersAfterTheEndWait(t *testing.T) {
	upload := &narrow{t: t}
	r := newRig(t, func(r *rig) { r.upload = upload })
	r.control(operator.EndOfInput, 0)
	r.steps(operator.Waiting, "a "+over, "b "+over, "c "+over, "a "+over, "b "+over, "c "+over, "ended")
	r.nodes[1].frozen = &sections{left: 2}
	for id := range int64(3) {
		r.Trigger(id+1, 0)
	}
	r.steps(operator.Waiting, "a snapshot 1", "b snapshot 1", "c snapshot 1")
	r.nodes[1].frozen = nil
	upload.full = false
	r.steps(operator.Waiting, "reported 1 abc <nil>", "a snapshot 2", "b snapshot 2", "c snapshot 2",
		"reported 2 abc <nil>", "a snapshot 3", "b snapshot 3", "c snapshot 3", "reported 3 abc <nil>")
}

// If the snapshot before is given up, nothing is left to wait for.
func TestBarrierWaitsNoMore(t *testing.T) {
	upload := &narrow{t: t}
	r := newRig(t, func(r *rig) { r.upload = upload })
	r.nodes[1].frozen = &sections{left: 5}
	r.control(operator.Barrier, 1)
	r.control(operator.Barrier, 2)
	r.steps(operator.Waiting, "a "+barrier+"1", "b "+barrier+"1", "c "+barrier+"1",
		"a snapshot 1", "b snapshot 1", "c snapshot 1",
		"a "+barrier+"2", "b "+barrier+"2", "c "+barrier+"2")
	r.nodes[1].frozen = nil
	r.Tell(1, false)
	r.steps(operator.Waiting, "a aborted 1", "b aborted 1", "c aborted 1",
		"a snapshot 2", "b snapshot 2", "c snapshot 2", "reported 2 abc <nil>")
}

func (r *rig) Ended(_ *task.Task, err error) {
	r.ended = append(r.ended, err)
	r.log = append(r.log, "ended")
}

func (r *rig) send(values ...int) {
	b := r.pool.Get()
	for _, v := range values {
		b.Add(v, 0)
	}
	r.channel.Send(b)
}

func (r *rig) control(kind operator.ControlKind, id int64) {
	input := 0
	if kind == operator.EndOfInput {
		input = -1
	}
	r.channel.Control(operator.Control{Kind: kind, Input: input, ID: id})
}

// steps takes steps until one does not progress, and compares its status and what was noted.
func (r *rig) steps(want operator.Status, log ...string) {
	r.t.Helper()
	for range 100 {
		s, err := r.Step()
		if err != nil {
			r.t.Fatal(err)
		}
		if s == operator.Progressed {
			continue
		}
		if s != want {
			r.t.Errorf("the task is %d, want %d", s, want)
		}
		if !slices.Equal(r.log, log) {
			r.t.Errorf("got\n  %s\nwant\n  %s", strings.Join(r.log, "\n  "), strings.Join(log, "\n  "))
		}
		r.log = nil
		return
	}
	r.t.Fatal("the task does not come to rest")
}

func (r *rig) fails(want ...string) error {
	r.t.Helper()
	for range 100 {
		if s, err := r.Step(); err != nil {
			for _, w := range want {
				if !strings.Contains(err.Error(), w) {
					r.t.Errorf("got %v, want %q in it", err, w)
				}
			}
			return err
		} else if s != operator.Progressed {
			break
		}
	}
	r.t.Fatal("the task does not fail")
	return nil
}

var (
	barrier = fmt.Sprintf("control %d/", operator.Barrier)
	over    = fmt.Sprintf("control %d/0", operator.EndOfInput)
)

func TestMailComesBeforeInput(t *testing.T) {
	r := newRig(t, nil)
	r.send(1)
	r.Mail(func() { r.log = append(r.log, "mail") })
	r.Mail(func() { r.Mail(func() { r.log = append(r.log, "mail of mail") }) })
	r.steps(operator.Waiting, "mail", "a 1", "b 1", "c 1", "mail of mail")
}

func TestControlsKeepTheirOrder(t *testing.T) {
	r := newRig(t, nil)
	r.send(1)
	r.control(operator.Barrier, 1)
	r.send(2)
	r.Deliver(func() { r.log = append(r.log, "delivered") })
	r.steps(operator.Waiting, "delivered", "a 1", "b 1", "c 1",
		"a "+barrier+"1", "b "+barrier+"1", "c "+barrier+"1",
		"a snapshot 1", "b snapshot 1", "c snapshot 1", "reported 1 abc <nil>", "a 2", "b 2", "c 2")
	// What a node sends goes to the nodes behind it, after what was emitted.
	r.nodes[0].on = func(int) { r.nodes[0].Ctx.Send(operator.Control{Kind: operator.Probe, ID: 9}) }
	r.send(3)
	probe := fmt.Sprintf("control %d/9", operator.Probe)
	r.steps(operator.Waiting, "a 3", "b 3", "c 3", "b "+probe, "c "+probe)
}

// TestBlockedChain shuts the last of three nodes in the middle of a batch: the others keep theirs,
// mail is still run, a barrier waits, and all goes on from the chain's end to its head.
func TestBlockedChain(t *testing.T) {
	r := newRig(t, func(r *rig) {
		for _, n := range r.nodes[:2] {
			n.Out.Init(batch.NewPool[int](1)) // every record is a batch
		}
	})
	r.last.shut = true
	r.send(1, 2, 3)
	r.control(operator.Barrier, 1)
	r.steps(operator.Blocked, "a 1", "b 1")
	r.Mail(func() { r.log = append(r.log, "mail") })
	r.steps(operator.Blocked, "mail")
	r.last.shut = false
	r.last.on = func(v int) { r.last.shut = v == 1 }
	r.steps(operator.Blocked, "c 1", "a 2", "b 2") // one record later it is shut again
	r.last.shut = false
	r.steps(operator.Waiting, "c 2", "a 3", "b 3", "c 3",
		"a "+barrier+"1", "b "+barrier+"1", "c "+barrier+"1",
		"a snapshot 1", "b snapshot 1", "c snapshot 1", "reported 1 abc <nil>")
}

// TestBarrierWaitsForWhatControlEmits has a node emit when a barrier comes: the next node must have
// processed that before it sees the barrier.
func TestBarrierWaitsForWhatControlEmits(t *testing.T) {
	r := newRig(t, nil)
	r.last.shut = true
	r.nodes[1].Out.Emit(7, 0)
	r.nodes[1].Out.Flush()
	r.control(operator.Barrier, 1)
	r.steps(operator.Blocked)
	r.last.shut = false
	r.steps(operator.Waiting, "c 7", "a "+barrier+"1", "b "+barrier+"1", "c "+barrier+"1",
		"a snapshot 1", "b snapshot 1", "c snapshot 1", "reported 1 abc <nil>")
}

func TestEnd(t *testing.T) {
	r := newRig(t, nil)
	r.send(1)
	r.control(operator.EndOfInput, 0)
	// The end of input 0 and the end of all are two elements.
	r.steps(operator.Waiting, "a 1", "b 1", "c 1", "a "+over, "b "+over, "c "+over,
		"a "+over, "b "+over, "c "+over, "ended")
	r.Trigger(4, 0)
	r.Trigger(4, 0)
	r.steps(operator.Waiting, "a snapshot 4", "b snapshot 4", "c snapshot 4", "reported 4 abc <nil>")
	r.Tell(4, true)
	r.Tell(5, false)
	r.steps(operator.Waiting, "a completed 4", "b completed 4", "c completed 4",
		"a aborted 5", "b aborted 5", "c aborted 5")
	r.Finish(task.Commit)
	if s, err := r.Step(); s != operator.Ended || err == nil {
		t.Errorf("a task that is let go: %v, %v", s, err)
	}
	if want := fmt.Sprint("completed ", operator.FinalCheckpoint); !strings.HasSuffix(r.log[0], want) {
		t.Errorf("got %v, want %s", r.log, want)
	}
}

// TestCheckpointTriggeredBeforeTheEnd ends the input with a checkpoint whose barrier has not come:
// the ended task delivers its state.
func TestCheckpointTriggeredBeforeTheEnd(t *testing.T) {
	r := newRig(t, nil)
	r.Trigger(2, 0)
	r.steps(operator.Waiting)
	r.control(operator.EndOfInput, 0)
	r.steps(operator.Waiting, "a "+over, "b "+over, "c "+over, "a "+over, "b "+over, "c "+over,
		"a snapshot 2", "b snapshot 2", "c snapshot 2", "reported 2 abc <nil>", "ended")
}

func TestTimers(t *testing.T) {
	r := newRig(t, nil)
	r.nodes[0].Ctx.WakeAt(1500)
	r.nodes[0].Ctx.WakeAt(1500)
	r.nodes[1].Ctx.WakeAt(1200)
	r.nodes[0].Ctx.WakeAt(1300)
	r.steps(operator.Waiting)
	r.clock.Advance(400 * time.Millisecond)
	r.nodes[1].busy = 1 // it is asked again when there is room
	r.steps(operator.Blocked, "b time 1400")
	r.steps(operator.Waiting, "b time 1400", "a time 1400")
	r.clock.Advance(time.Second)
	r.steps(operator.Waiting, "a time 2400")
	r.clock.Advance(time.Hour)
	r.steps(operator.Waiting)
}

// TestTimersThatCannotRun: a timer that is due when its task has ended, or is blocked, does not wake it again and again.
func TestTimersThatCannotRun(t *testing.T) {
	for name, prepare := range map[string]func(r *rig){
		"ended":   func(r *rig) { r.control(operator.EndOfInput, 0) },
		"blocked": func(r *rig) { r.send(1); r.nodes[0].busy = 1 << 30 },
	} {
		r := newRig(t, nil)
		r.nodes[0].Ctx.WakeAt(1500)
		prepare(r)
		s := task.NewStepper(t.Context(), r.Task)
		steps := func() {
			for n := 0; s.Runnable(); n++ {
				if _, err := s.Step(); err != nil || n > 100 {
					t.Fatalf("%s: after %d steps: %v", name, n, err)
				}
			}
		}
		steps()
		r.clock.Advance(time.Second)
		steps()
		if at, ok := r.clock.Next(); ok {
			t.Errorf("%s: the task is woken at %v, and it is %v", name, at, r.clock.Now())
		}
	}
}

func TestWatermarkOfAnEndedChannel(t *testing.T) {
	r := newRig(t, nil)
	other := r.gate.NewChannel(0, 0, false)
	b := r.pool.Get()
	b.Mark(5)
	other.Send(b)
	r.steps(operator.Waiting)
	r.control(operator.EndOfInput, 0)
	r.steps(operator.Waiting, "a watermark 5", "b watermark 5")
}

// TestPanicsNameTheOperator raises errors in each node of the chain.
func TestPanicsNameTheOperator(t *testing.T) {
	cause := errors.New("boom")
	for i, name := range []string{"a", "b", "c"} {
		r := newRig(t, nil)
		n := r.nodes[i]
		n.on = func(v int) {
			if v == 2 {
				n.Ctx.Fail(cause, v)
			}
		}
		r.send(1, 2)
		err := r.fails(fmt.Sprintf("operator %q (subtask 1 of 1): boom", name), "record: 2")
		if !errors.Is(err, cause) || strings.Contains(err.Error(), "stack") {
			t.Errorf("got %v", err)
		}
	}
	for i, name := range []string{"a", "b"} {
		r := newRig(t, nil)
		r.nodes[i].on = func(v int) {
			if v == 2 {
				_ = make([]int, v-2)[v-1]
			}
		}
		r.send(1, 2)
		r.fails(fmt.Sprintf("operator %q", name), "index out of range", "record: 2",
			"task_test.go")
	}
	r := newRig(t, nil)
	r.nodes[1].fail = map[string]error{"completed": cause}
	r.Tell(1, true)
	r.fails(`operator "b"`, "boom")
	r = newRig(t, nil)
	r.nodes[1].fail = map[string]error{"snapshot": cause}
	r.control(operator.Barrier, 3)
	r.steps(operator.Waiting, "a "+barrier+"3", "b "+barrier+"3", "c "+barrier+"3",
		"a snapshot 3", "b snapshot 3",
		`reported 3  operator "b" (subtask 1 of 1): snapshot 3: boom`)
}

// TestRunClosesAll runs the task on a goroutine of its own: whatever ends it, every node is closed.
func TestRunClosesAll(t *testing.T) {
	boom := errors.New("boom")
	cases := map[string]struct {
		change func(r *rig)
		during func(r *rig, cancel context.CancelCauseFunc)
		want   string
	}{
		"cancelled": {nil, func(_ *rig, cancel context.CancelCauseFunc) { cancel(boom) }, "boom"},
		"open fails": {func(r *rig) {
			r.nodes[1].at = func(p *pass) {
				if len(r.log) > 3 { // not the open of newRig
					p.fail = map[string]error{"open": boom}
				}
			}
		}, nil, `operator "b" (subtask 1 of 1): boom`},
		"close fails": {
			func(r *rig) { r.nodes[2].fail = map[string]error{"close": boom} },
			func(r *rig, _ context.CancelCauseFunc) { r.Finish(task.Discard) },
			`operator "c" (subtask 1 of 1): boom`,
		},
		"let go": {nil, func(r *rig, _ context.CancelCauseFunc) { r.Finish(task.Commit) }, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, c.change)
			if name == "open fails" {
				r.log = make([]string, 4)
			}
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			if c.during != nil {
				c.during(r, cancel)
			}
			err := r.Run(ctx)
			if c.want == "" && err != nil || c.want != "" && (err == nil || err.Error() != c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			for _, n := range []string{"a close", "b close", "c close"} {
				if !slices.Contains(r.log, n) {
					t.Errorf("no %s: %v", n, r.log)
				}
			}
			if c.want != "" && (len(r.ended) != 1 || r.ended[0] == nil) {
				t.Errorf("the listener was told %v", r.ended)
			}
		})
	}
}
