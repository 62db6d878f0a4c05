package schedule

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

var verbs = map[PoolVerb]string{
	GrantSlot: "grant", AdoptSlot: "adopt", ReclaimSlot: "reclaim", KeepSlot: "keep", RevokeSlot: "revoke",
	LoseSlot: "lose", FreeSlot: "free", WaitForSlots: "wait", DismissTaskManager: "dismiss",
}

// dealt is what actions say, such as "grant a t1/0, wait b".
func dealt(actions []PoolAction) string {
	var out []string
	for _, a := range actions {
		text := verbs[a.Do]
		if a.Job != "" {
			text += " " + a.Job
		}
		switch {
		case a.Allocation != AllocationID{}:
			text += fmt.Sprintf(" %s/%d", a.TaskManager, a.Slot)
		case a.TaskManager != "":
			text += " " + a.TaskManager
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

func expectDealt(t *testing.T, what string, actions []PoolAction, want string) {
	t.Helper()
	if got := dealt(actions); got != want {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// pool has TaskManagers t1, t2, … with so many slots each.
func pool(cfg PoolConfig, slots ...int) *Pool {
	p := NewPool(cfg, 1, false)
	for i, n := range slots {
		p.Register(Offer{ID: fmt.Sprint("t", i+1), Slots: make([]int64, n)})
	}
	return p
}

func demand(least, desired int) []Demand {
	return []Demand{{Group: "default", Min: least, Desired: desired}}
}

func ids(actions []PoolAction, do PoolVerb) (out []AllocationID) {
	for _, a := range actions {
		if a.Do == do {
			out = append(out, a.Allocation)
		}
	}
	return out
}

func reason(t *testing.T, p *Pool, job, want string) {
	t.Helper()
	if got := p.Waiting(job); got != want {
		t.Errorf("job %s waits because %q, want %q", job, got, want)
	}
}

func TestJobsWaitWithAReason(t *testing.T) {
	p := pool(PoolConfig{})
	p.Submit("x", demand(4, 4))
	expectDealt(t, "nothing there", p.Balance(1), "wait x")
	reason(t, p, "x", "needs 4 slots, 0 are free of 0")
	p.Register(Offer{ID: "t1", Slots: make([]int64, 6)})
	actions := p.Balance(2)
	expectDealt(t, "six slots", actions, "grant x t1/0, grant x t1/1, grant x t1/2, grant x t1/3")
	p.Use(2, "x", ids(actions, GrantSlot))
	p.Submit("y", demand(4, 4))
	expectDealt(t, "two left", p.Balance(3), "wait y")
	reason(t, p, "y", `needs 4 slots, 2 are free of 6; job "x" holds 4`)
	expectDealt(t, "for the same reason", p.Balance(4), "")
	p.Submit("z", demand(1, 1))
	expectDealt(t, "a small one passes", p.Balance(5), "grant z t1/4, wait y")
	reason(t, p, "y", `needs 4 slots, 1 is free of 6; job "x" holds 4; job "z" holds 1`)
	expectDealt(t, "the end", p.End("x"), "free x t1/0, free x t1/1, free x t1/2, free x t1/3")
	p.Balance(6)
	reason(t, p, "y", `needs 4 slots, 1 is free of 6 and 4 are being cleared; job "z" holds 1`)
	for i, id := range ids(actions, GrantSlot) {
		p.Freed("t1", i, id)
	}
	expectDealt(t, "its turn", p.Balance(7), "grant y t1/0, grant y t1/1, grant y t1/2, grant y t1/3")
	reason(t, p, "y", "")
}

func TestReasonsWithMemory(t *testing.T) {
	p := NewPool(PoolConfig{}, 1, false)
	p.Register(Offer{ID: "t1", Slots: []int64{1 << 30, 4 << 30}})
	p.Submit("x", []Demand{
		{Group: "large", Min: 2, Desired: 2, Memory: 2 << 30}, {Group: "small", Min: 1, Desired: 1, Memory: 1 << 30},
	})
	p.Balance(1)
	reason(t, p, "x", "needs 1 slot of at least 1024 MiB, 2 are free of 2; 2 slots of at least 2048 MiB, 1 is free of 1")
	p.Register(Offer{ID: "t2", Slots: []int64{3 << 30}})
	expectDealt(t, "enough", p.Balance(2), "grant x t1/1, grant x t2/0, grant x t1/0")
}

// TestReclaim: a new job gets its minimum, and its fair share, from those that have more.
func TestReclaim(t *testing.T) {
	p := pool(PoolConfig{ReclaimTimeout: 100}, 3, 3)
	p.Submit("x", demand(3, 10))
	x := p.Balance(1)
	p.Use(1, "x", ids(x, GrantSlot))
	p.Submit("y", demand(2, 3))
	actions := p.Balance(2)
	expectDealt(t, "asked", actions, "reclaim x t2/2, reclaim x t2/1, reclaim x t2/0, wait y")
	reason(t, p, "y", `needs 2 slots, 0 are free of 6; job "x" holds 6 and is asked to give back 3`)
	if n := len(p.Held("x")); n != 3 {
		t.Errorf("x may use %d", n)
	}
	back := ids(actions, ReclaimSlot)
	expectDealt(t, "one comes", p.Return("x", back[:1]), "free x t2/2")
	expectDealt(t, "cleared", p.Freed("t2", 2, back[0]), "")
	expectDealt(t, "not enough", p.Balance(3), "wait y")
	p.Submit("z", demand(1, 1))
	expectDealt(t, "it is kept for y", p.Balance(4), "wait z")
	reason(t, p, "z", `needs 1 slot, 1 is free of 6; job "x" holds 5 and is asked to give back 2; 1 is kept for job "y"`)
	expectDealt(t, "x does not answer", p.Balance(102), "grant z t2/2, wait y")
	p.End("z")
	expectDealt(t, "the others answer", p.Return("x", back[1:]), "free x t2/1, free x t2/0")
}

// TestIdleSlots: what a job does not want any more it keeps for a while, unless others want it.
func TestIdleSlots(t *testing.T) {
	p := pool(PoolConfig{IdleTimeout: 50}, 5)
	p.Submit("x", demand(1, 4))
	x := ids(p.Balance(1), GrantSlot)
	p.Use(10, "x", x[:1])
	expectDealt(t, "it wants them", p.Balance(100), "")
	p.Use(110, "x", x)
	p.Use(120, "x", x[:1])
	p.Submit("x", demand(1, 1))
	expectDealt(t, "for a while", p.Balance(121), "")
	p.Submit("x", demand(1, 2))
	p.Submit("y", demand(2, 2))
	expectDealt(t, "another one wants one", p.Balance(122), "revoke x t1/3, free x t1/3, wait y")
	p.Freed("t1", 3, x[3])
	expectDealt(t, "cleared", p.Balance(123), "grant y t1/3, grant y t1/4")
	if w := p.Wake(); w != 170 {
		t.Errorf("it wakes at %d", w)
	}
	expectDealt(t, "early", p.Balance(169), "")
	expectDealt(t, "the end", p.Balance(170), "revoke x t1/2, free x t1/2")
}

func TestIdleSlotsGoFirst(t *testing.T) {
	p := pool(PoolConfig{}, 4)
	p.Submit("x", demand(1, 4))
	p.Use(1, "x", ids(p.Balance(1), GrantSlot)[:3])
	p.Submit("y", demand(1, 1))
	expectDealt(t, "the idle one", p.Balance(2), "revoke x t1/3, free x t1/3, wait y")
}

func TestDrain(t *testing.T) {
	p := pool(PoolConfig{}, 2, 1)
	p.Submit("x", demand(2, 2))
	x := ids(p.Balance(1), GrantSlot)
	p.Use(1, "x", x)
	p.Drain("t1")
	expectDealt(t, "asked", p.Balance(2), "reclaim x t1/1, reclaim x t1/0")
	reason(t, p, "x", "")
	p.Register(Offer{ID: "t3", Slots: make([]int64, 1)})
	expectDealt(t, "others for them", p.Balance(3), "grant x t2/0, grant x t3/0")
	p.Return("x", x)
	p.Freed("t1", 0, x[0])
	expectDealt(t, "one is left", p.Balance(4), "")
	p.Freed("t1", 1, x[1])
	expectDealt(t, "empty", p.Balance(5), "dismiss t1")
	expectDealt(t, "gone", p.Lose("t1", "it has left"), "")
	expectDealt(t, "once", p.Balance(6), "")
}

// TestReturn: a TaskManager that was lost comes back and still holds what is over.
func TestReturn(t *testing.T) {
	p := pool(PoolConfig{}, 2)
	p.Submit("x", demand(2, 2))
	grants := p.Balance(1)
	expectDealt(t, "lost", p.Lose("t1", "no heartbeat"), "lose x t1/0, lose x t1/1")
	expectDealt(t, "nothing left", p.Balance(2), "wait x")
	back := Offer{ID: "t1", Slots: make([]int64, 2), Holds: []Holding{grants[0].Holding, grants[1].Holding}}
	expectDealt(t, "back", p.Register(back), "free x t1/0, free x t1/1")
	expectDealt(t, "not cleared", p.Balance(3), "wait x")
	p.Freed("t1", 1, grants[0].Allocation) // another allocation
	p.Freed("t1", 0, grants[0].Allocation)
	p.Freed("t1", 1, grants[1].Allocation)
	again := p.Balance(4)
	expectDealt(t, "cleared", again, "grant x t1/0, grant x t1/1")
	if again[0].Allocation == grants[0].Allocation {
		t.Error("an allocation returns")
	}
	back.Holds = []Holding{again[1].Holding}
	expectDealt(t, "connected again, without one", p.Register(back), "lose x t1/0")
}

func TestNewLeaderAdopts(t *testing.T) {
	p := pool(PoolConfig{}, 2)
	p.Submit("x", demand(1, 1))
	p.Submit("y", demand(1, 1))
	grants := p.Balance(1)
	holds := []Holding{grants[0].Holding, grants[1].Holding}

	p = NewPool(PoolConfig{}, 2, true)
	expectDealt(t, "nobody asks yet", p.Register(Offer{ID: "t1", Slots: make([]int64, 2), Holds: holds}), "")
	expectDealt(t, "x is there", p.Submit("x", demand(1, 2)), "adopt x t1/0")
	expectDealt(t, "no grants", p.Balance(1), "")
	expectDealt(t, "y is not", p.Recovered(), "free y t1/1")
	p.Freed("t1", 1, grants[1].Allocation)
	actions := p.Balance(2)
	expectDealt(t, "normal life", actions, "grant x t1/1")
	if got, want := actions[0].Allocation.String(), "2.1"; got != want {
		t.Errorf("the allocation is %s, want %s", got, want)
	}
}

func TestPolicies(t *testing.T) {
	for _, tc := range []struct {
		policy Policy
		want   string
	}{
		{SpreadOut, "grant b t2/0, grant b t3/0, grant b t1/1, grant b t2/1, grant b t3/1"},
		{FillUp, "grant b t1/1, grant b t1/2, grant b t2/0, grant b t2/1, grant b t2/2"},
	} {
		p := pool(PoolConfig{Policy: tc.policy}, 3, 3, 3)
		p.Submit("a", demand(1, 1))
		p.Balance(1)
		p.Submit("b", demand(5, 5))
		expectDealt(t, fmt.Sprint(tc.policy), p.Balance(2), tc.want)
	}
}

// TestHomes: a job that lost its slots gets those where it had some before.
func TestHomes(t *testing.T) {
	p := pool(PoolConfig{Policy: SpreadOut}, 2, 2, 2)
	p.Submit("a", demand(1, 1))
	p.Balance(1) // t1
	p.Submit("b", demand(2, 2))
	b := p.Balance(2)
	expectDealt(t, "before", b, "grant b t2/0, grant b t3/0")
	p.Use(2, "b", ids(b, GrantSlot))
	p.Use(3, "b", nil)
	p.Return("b", ids(b, GrantSlot))
	p.Freed("t2", 0, b[0].Allocation)
	p.Freed("t3", 0, b[1].Allocation)
	p.Submit("c", demand(2, 2))
	p.Submit("b", demand(2, 2))
	expectDealt(t, "after", p.Balance(3), "grant b t2/0, grant b t3/0, grant c t1/1, grant c t2/1")
}

// TestMaxMin: what is left goes to those that have least.
func TestMaxMin(t *testing.T) {
	for _, tc := range []struct {
		slots   int
		demands [][2]int // least and desired
		want    []int
	}{
		{10, [][2]int{{1, 9}, {1, 9}}, []int{5, 5}},
		{10, [][2]int{{1, 9}, {1, 2}, {1, 9}}, []int{4, 2, 4}},
		{10, [][2]int{{6, 9}, {1, 9}, {1, 9}}, []int{6, 2, 2}},
		{10, [][2]int{{6, 9}, {6, 9}, {1, 9}}, []int{6, 0, 4}},
		{11, [][2]int{{1, 9}, {1, 9}}, []int{6, 5}},
		{3, [][2]int{{4, 9}, {4, 9}}, []int{0, 0}},
	} {
		p := pool(PoolConfig{}, tc.slots)
		for i, d := range tc.demands {
			p.Submit(fmt.Sprint(i), demand(d[0], d[1]))
		}
		p.Balance(1)
		var got []int
		for i := range tc.demands {
			got = append(got, len(p.Held(fmt.Sprint(i))))
		}
		if !slices.Equal(got, tc.want) {
			t.Errorf("%d slots, %v: %v, want %v", tc.slots, tc.demands, got, tc.want)
		}
	}
}
