package checkpoint

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/operator"
)

const second = int64(1e9)

var (
	parts = []Part{{Chain: 0}, {Chain: 0, Subtask: 1}, {Subtask: -1, UID: "source"}}
	count = Operator{UID: "count", Name: "count", Parallelism: 2, MaxParallelism: 8}
	src   = Operator{UID: "source", Name: "source", Parallelism: 2, MaxParallelism: 8}
)

func running(cfg Config) *Coordinator {
	c := NewCoordinator(cfg, "job", 0, 0)
	c.Run(parts, 0)
	return c
}

// does is what actions say, such as "trigger 1, abort 1".
func does(actions []Action) string {
	names := map[Verb]string{
		Trigger: "trigger", Publish: "publish", Complete: "complete", Abort: "abort", Fail: "fail",
	}
	var out []string
	for _, a := range actions {
		out = append(out, fmt.Sprint(names[a.Do], " ", a.Pending.ID()))
	}
	return strings.Join(out, ", ")
}

func expect(t *testing.T, what string, actions []Action, want string) {
	t.Helper()
	if got := does(actions); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// deliver delivers a subtask's part.
func deliver(c *Coordinator, now, id int64, subtask int, s *operator.Snapshot) []Action {
	return c.Deliver(now, Delivery{
		ID: id, Part: parts[subtask], Operators: []Operator{count}, States: []*operator.Snapshot{s},
	})
}

// deliverAll delivers all parts of a checkpoint without state.
func deliverAll(c *Coordinator, now, id int64) (actions []Action) {
	for i := range 2 {
		actions = append(actions, deliver(c, now, id, i, &operator.Snapshot{})...)
	}
	return append(actions, c.DeliverCoordinator(id, src, []byte("splits"))...)
}

func TestCheckpointIsCompleteWithItsLastPart(t *testing.T) {
	c := running(Config{Interval: 10 * second})
	expect(t, "early", c.Tick(9*second), "")
	expect(t, "due", c.Tick(10*second), "trigger 1")
	expect(t, "first part", deliver(c, 11*second, 1, 0, &operator.Snapshot{}), "")
	expect(t, "the same again", deliver(c, 11*second, 1, 0, &operator.Snapshot{}), "")
	expect(t, "unknown checkpoint", deliver(c, 11*second, 7, 1, &operator.Snapshot{}), "")
	expect(t, "coordinator", c.DeliverCoordinator(1, src, []byte("splits")), "")
	expect(t, "last part", deliver(c, 12*second, 1, 1, &operator.Snapshot{}), "publish 1")
	expect(t, "not while one is published", c.Tick(25*second), "")
	if c.Latest() != nil {
		t.Error("it counts before it is durable")
	}
	expect(t, "durable", c.Published(26*second, 1, nil), "complete 1")
	s := c.Latest()
	if s == nil || s.ID != 1 || string(s.Operators["source"].Coordinator) != "splits" {
		t.Errorf("the latest is %+v", s)
	}
	h := c.History()
	if h.Completed != 1 || h.Checkpoints[0].Ended-h.Checkpoints[0].Triggered != 16*second {
		t.Errorf("the history is %+v", h)
	}
}

// TestConcurrency: as many checkpoints as allowed are under way, and one that completes gives up those that began before it.
func TestConcurrency(t *testing.T) {
	c := running(Config{Interval: second, MaxConcurrent: 2})
	expect(t, "first", c.Tick(second), "trigger 1")
	expect(t, "second", c.Tick(2*second), "trigger 2")
	expect(t, "third", c.Tick(3*second), "")
	if _, err := c.Begin(3*second, Request{}); !errors.Is(err, ErrBusy) {
		t.Errorf("a third on demand: %v", err)
	}
	expect(t, "parts of 2", deliverAll(c, 3*second, 2), "publish 2")
	expect(t, "2 is durable", c.Published(3*second, 2, nil), "abort 1, complete 2")
	expect(t, "late part of 1", deliver(c, 3*second, 1, 0, &operator.Snapshot{}), "")
	expect(t, "next", c.Tick(4*second), "trigger 3")
}

func TestMinPauseIsCountedFromTheEnd(t *testing.T) {
	c := running(Config{Interval: second, MinPause: 5 * second, MaxConcurrent: 3})
	expect(t, "first", c.Tick(second), "trigger 1")
	expect(t, "no second beside it", c.Tick(10*second), "")
	deliverAll(c, 10*second, 1)
	c.Published(10*second, 1, nil)
	if w := c.Wake(); w != 15*second {
		t.Errorf("it wakes at %d", w)
	}
	expect(t, "pause", c.Tick(15*second-1), "")
	expect(t, "after the pause", c.Tick(15*second), "trigger 2")
	expect(t, "failed", c.Decline(16*second, 2, errors.New("x")), "abort 2, fail 2")
	expect(t, "pause after a failure", c.Tick(20*second), "")
	deliverAll(c, 22*second, 3)
	expect(t, "on demand there is no pause", begin(t, c, 17*second), "trigger 3")
}

func begin(t *testing.T, c *Coordinator, now int64) []Action {
	t.Helper()
	actions, err := c.Begin(now, Request{})
	if err != nil {
		t.Error(err)
	}
	return actions
}

func TestTimeout(t *testing.T) {
	c := running(Config{Interval: second, Timeout: 4 * second, TolerableFailures: 1})
	c.Tick(second)
	deliver(c, 2*second, 1, 0, &operator.Snapshot{})
	if w := c.Wake(); w != 5*second {
		t.Errorf("it wakes at %d", w)
	}
	actions := c.Tick(5 * second)
	expect(t, "timeout", actions, "abort 1, trigger 2")
	want := "checkpoint 1: not complete after 4s (execution.checkpointing.timeout): 2 of 3 parts have not " +
		"delivered their state: the coordinator of source, task 0 subtask 2"
	if got := actions[0].Err.Error(); got != want {
		t.Errorf("the error is %q, want %q", got, want)
	}
	deliverAll(c, 6*second, 2)
	expect(t, "no timeout while it is published", c.Tick(60*second), "")
	expect(t, "durable", c.Published(60*second, 2, nil), "complete 2")
}

// TestTolerableFailures: more in a row than tolerable fail the job; a success, or what was asked for, does not count.
func TestTolerableFailures(t *testing.T) {
	c := running(Config{Interval: second, TolerableFailures: 2})
	broken := errors.New("disk full")
	now := int64(0)
	fail := func(want string) []Action {
		now += second
		id := c.Tick(now)[0].Pending.ID()
		actions := c.Decline(now, id, broken)
		expect(t, "failure", actions, strings.ReplaceAll(want, "#", fmt.Sprint(id)))
		return actions
	}
	fail("abort #")
	fail("abort #")
	expect(t, "on demand", begin(t, c, now), "trigger 3")
	expect(t, "its failure", c.Decline(now, 3, broken), "abort 3")
	now += second
	c.Tick(now)
	deliverAll(c, now, 4)
	c.Published(now, 4, nil)
	fail("abort #")
	fail("abort #")
	now += second
	c.Tick(now)
	deliverAll(c, now, 7)
	actions := c.Published(now, 7, broken) // cannot be made durable: counts as well
	expect(t, "third in a row", actions, "abort 7, fail 7")
	want := "checkpoint 7: disk full (3 checkpoints in a row have failed; tolerable-failed-checkpoints is 2)"
	if err := actions[1].Err; err.Error() != want || !errors.Is(err, broken) {
		t.Errorf("the error is %q", err)
	}
}

func TestHaltGivesUpAllButWhatIsBeingPublished(t *testing.T) {
	c := running(Config{Interval: second, MaxConcurrent: 2})
	c.Tick(second)
	c.Tick(2 * second)
	deliverAll(c, 2*second, 1)
	expect(t, "halt", c.Halt(3*second, errors.New("a task has failed")), "abort 2")
	if !c.Publishing() || c.Wake() != 0 {
		t.Errorf("publishing: %v, wakes at %d", c.Publishing(), c.Wake())
	}
	if _, err := c.Begin(3*second, Request{}); !errors.Is(err, errHalted) {
		t.Errorf("begin while halted: %v", err)
	}
	expect(t, "durable after all", c.Published(4*second, 1, nil), "complete 1")
	c.Run(parts, 5*second)
	expect(t, "the interval begins anew", c.Tick(6*second-1), "")
	expect(t, "and goes on", c.Tick(6*second), "trigger 3")
	expect(t, "the last of a job", c.Last(7*second), "abort 3")
	expect(t, "nothing by itself", c.Tick(100*second), "")
	expect(t, "only on demand", begin(t, c, 100*second), "trigger 4")
}

func sections(state *operator.State) string {
	var out []string
	for _, s := range state.Keyed {
		b, _ := s.Data.Load()
		out = append(out, fmt.Sprintf("%s/%d=%s", s.State, s.Group, b))
	}
	return strings.Join(out, " ")
}

func snapshot(since int64, deltas []string, keyed ...operator.Section) *operator.Snapshot {
	return &operator.Snapshot{Since: since, Deltas: deltas, State: operator.State{Keyed: keyed}}
}

// TestDeltasStandOnCompleteCheckpoints resolves what a subtask has written since a checkpoint.
func TestDeltasStandOnCompleteCheckpoints(t *testing.T) {
	full := func(group int, data string) operator.Section {
		return operator.Section{State: "n", Group: group, Data: operator.Bytes(data)}
	}
	delta := func(group int, data string) operator.Section {
		return operator.Section{State: "n", Group: group, Delta: true, Data: operator.Bytes(data)}
	}
	c := running(Config{Interval: second})
	take := func(id int64, s *operator.Snapshot) {
		t.Helper()
		c.Tick(id * second)
		deliver(c, id*second, id, 0, s)
		deliver(c, id*second, id, 1, &operator.Snapshot{})
		c.DeliverCoordinator(id, src, nil)
		expect(t, "durable", c.Published(id*second, id, nil), fmt.Sprint("complete ", id))
	}
	take(1, snapshot(0, nil, full(0, "a"), full(1, "b")))
	take(2, snapshot(1, []string{"n"}, delta(0, "c")))
	take(3, snapshot(2, []string{"n"}, full(1, "d"), delta(0, "e")))
	got, want := sections(c.Latest().Operators["count"].Subtasks[0]), "n/0=a n/0=c n/1=d n/0=e"
	if got != want {
		t.Errorf("checkpoint 3 is %q, want %q", got, want)
	}
	stats := c.History().Checkpoints[2]
	if stats.Size != 2 || stats.FullSize != 4 {
		t.Errorf("it has written %d bytes of %d, want 2 of 4", stats.Size, stats.FullSize)
	}
	if n := len(c.Standing()); n != 1 {
		t.Errorf("%d checkpoints are kept to stand on", n)
	}
	c.Tick(4 * second)
	actions := deliver(c, 4*second, 4, 0, snapshot(1, []string{"n"}, delta(0, "f")))
	expect(t, "on what is gone", actions, "abort 4, fail 4")
}

// TestSavepointsAreNobodysBase: they complete, but nothing stands on them.
func TestSavepointsAreNobodysBase(t *testing.T) {
	c := running(Config{})
	var where string
	actions, err := c.Begin(second, Request{
		Flags: operator.Savepoint | operator.Full,
		End:   func(_ *Snapshot, location string, _ error) { where = location },
	})
	if err != nil {
		t.Fatal(err)
	}
	deliverAll(c, second, 1)
	actions[0].Pending.Location = "here"
	expect(t, "durable", c.Published(second, 1, nil), "complete 1")
	if c.Latest() != nil || where != "here" {
		t.Errorf("the latest is %v, the savepoint %q", c.Latest(), where)
	}
}

func TestMemoryHasALimit(t *testing.T) {
	c := running(Config{SizeMax: 3, TolerableFailures: 9})
	begin(t, c, second)
	big := operator.Section{State: "n", Data: operator.Bytes("four")}
	actions := deliver(c, second, 1, 0, snapshot(0, nil, big))
	expect(t, "too large", actions, "abort 1")
	if err := actions[0].Err.Error(); !strings.Contains(err, "set a checkpoint directory") {
		t.Errorf("the error is %q", err)
	}
	_, err := c.Begin(second, Request{Flags: operator.Savepoint | operator.Suspend, Directory: "elsewhere"})
	if err != nil {
		t.Fatal(err)
	}
	expect(t, "a savepoint on disk", deliver(c, second, 2, 0, snapshot(0, nil, big)), "")
}

func TestHistoryKeepsTheLastOnes(t *testing.T) {
	c := running(Config{History: 2})
	for id := int64(1); id <= 3; id++ {
		begin(t, c, id*second)
		expect(t, "withdrawn", c.Withdraw(id*second, id, errors.New("x")), fmt.Sprint("abort ", id))
	}
	begin(t, c, 4*second)
	h := c.History()
	var ids []int64
	for _, s := range h.Checkpoints {
		ids = append(ids, s.ID)
	}
	if fmt.Sprint(ids, h.Failed, h.Completed) != "[2 3 4] 3 0" {
		t.Errorf("the history has %v, %d failed, %d completed", ids, h.Failed, h.Completed)
	}
}
