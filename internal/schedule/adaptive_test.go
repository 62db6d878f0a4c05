package schedule

import (
	"fmt"
	"strings"
	"testing"
)

// flinks has Flink's defaults.
func flinks(mode SchedulerMode) AdaptiveConfig {
	return AdaptiveConfig{
		Mode: mode, WaitTimeout: 300 * second, StartStabilization: 10 * second,
		RescaleStabilization: 60 * second, Cooldown: 30 * second,
	}
}

// pipeline is a source of one subtask, and two vertices that are alike, in one group.
func pipeline() []VertexBounds {
	return []VertexBounds{
		{Name: "source", Group: "default", Parallelism: 1, MaxParallelism: 128, Alike: 0},
		{Name: "map", Group: "default", Parallelism: 6, MaxParallelism: 128, Alike: 1},
		{Name: "window", Group: "default", Parallelism: 6, MaxParallelism: 8, Lower: 2, Alike: 1},
	}
}

// script drives a job: slots and their number, asked and theirs, tick, deployed, restart, and upper.
type script struct {
	*testing.T
	a     *Adaptive
	now   int64
	slots int
	asked int
}

// at lets something happen at a second, and says what the job does.
func (s *script) at(sec int64, event string, n int, want string) {
	s.Helper()
	s.now = sec * second
	if w := s.a.Wake(); w > 0 && w < s.now {
		s.Errorf("%d s: it should have woken at %g s", sec, float64(w)/1e9)
	}
	var actions []AdaptiveAction
	switch event {
	case "slots":
		s.slots = n
		actions = s.a.Slots(s.now, map[string]int{"default": s.slots}, map[string]int{"default": s.asked})
	case "replaced":
		s.a.SlotLost()
		actions = s.a.Slots(s.now, map[string]int{"default": s.slots}, nil)
	case "asked":
		s.asked, s.slots = n, s.slots-n
		actions = s.a.Slots(s.now, map[string]int{"default": s.slots}, map[string]int{"default": s.asked})
	case "returned":
		s.asked = 0
		actions = s.a.Slots(s.now, map[string]int{"default": s.slots}, nil)
	case "upper":
		v := pipeline()
		v[1].Upper, v[2].Upper = n, n
		s.a.Bounds(s.now, v)
		actions = s.a.Tick(s.now)
	case "tick":
		actions = s.a.Tick(s.now)
	case "deployed":
		s.a.Deployed(s.now)
		actions = s.a.Tick(s.now)
	case "restart":
		actions = s.a.Restart(s.now)
	}
	names := map[AdaptiveVerb]string{
		StartJob: "start", RescaleJob: "rescale", SuspendJob: "suspend", FailJob: "fail",
	}
	var out []string
	for _, a := range actions {
		text := names[a.Do]
		if a.Parallelism != nil {
			text += fmt.Sprint(a.Parallelism)
		}
		out = append(out, text+" "+a.Reason)
	}
	if got := strings.Join(out, "; "); got != want {
		s.Errorf("%d s, %s %d: %q, want %q", sec, event, n, got, want)
	}
}

func scripted(t *testing.T, cfg AdaptiveConfig) *script {
	return &script{T: t, a: NewAdaptive(cfg, pipeline(), 0)}
}

func TestDefaultSchedulerWaitsForAll(t *testing.T) {
	s := scripted(t, flinks(DefaultScheduler))
	if d := s.a.Demands(); len(d) != 1 || d[0] != (Demand{Group: "default", Min: 6, Desired: 6}) {
		t.Errorf("it wants %v", d)
	}
	s.at(1, "slots", 5, "")
	s.at(300, "tick", 0, "fail not enough slots within 300s (slot.request.timeout): 5 slots, 6 wanted")
	s.at(301, "slots", 6, "start[1 6 6] all slots are there: 6 slots, 6 wanted")
	s.at(302, "deployed", 0, "")
	s.at(303, "slots", 5, "suspend slots are lost, and those left are not enough: 5 slots, 6 wanted")
	s.at(304, "slots", 6, "start[1 6 6] all slots are there: 6 slots, 6 wanted")
}

func TestAdaptiveStarts(t *testing.T) {
	s := scripted(t, flinks(AdaptiveScheduler))
	if d := s.a.Demands(); len(d) != 1 || d[0] != (Demand{Group: "default", Min: 2, Desired: 6}) {
		t.Errorf("it wants %v", d)
	}
	s.at(1, "slots", 1, "")
	s.at(2, "slots", 3, "")
	s.at(5, "slots", 4, "")
	s.at(12, "tick", 0, "start[1 4 4] there are enough slots: 4 slots, 6 wanted, at least 2")
	all := scripted(t, flinks(AdaptiveScheduler))
	all.at(1, "slots", 3, "")
	all.at(2, "slots", 1, "")
	all.at(11, "slots", 3, "") // counted anew
	all.at(12, "slots", 6, "start[1 6 6] all slots are there: 6 slots, 6 wanted, at least 2")
}

func TestAdaptiveUsesMoreSlots(t *testing.T) {
	s := scripted(t, flinks(AdaptiveScheduler))
	s.at(1, "slots", 2, "")
	s.at(11, "tick", 0, "start[1 2 2] there are enough slots: 2 slots, 6 wanted, at least 2")
	s.at(12, "deployed", 0, "")
	s.at(20, "slots", 3, "")
	s.at(50, "slots", 4, "") // the time is counted from the first
	s.at(80, "tick", 0, "rescale[1 4 4] there are more slots: 4 slots, 6 wanted, at least 2")
	s.at(81, "slots", 6, "") // not while it is being deployed
	s.at(82, "deployed", 0, "")
	s.at(112, "tick", 0, "rescale[1 6 6] there are more slots: 6 slots, 6 wanted, at least 2") // after the cooldown
	s.at(113, "deployed", 0, "")
	if w := s.a.Wake(); w != 0 {
		t.Errorf("it wakes at %d", w)
	}
}

func TestMinIncrease(t *testing.T) {
	cfg := flinks(AdaptiveScheduler)
	cfg.MinIncrease = 4
	s := scripted(t, cfg)
	s.at(1, "slots", 2, "")
	s.at(11, "tick", 0, "start[1 2 2] there are enough slots: 2 slots, 6 wanted, at least 2")
	s.at(12, "deployed", 0, "")
	s.at(20, "slots", 3, "")
	if w := s.a.Wake(); w != 0 {
		t.Errorf("it wakes at %d", w)
	}
	s.at(200, "slots", 4, "rescale[1 4 4] there are more slots: 4 slots, 6 wanted, at least 2")
}

func TestAdaptiveLosesSlots(t *testing.T) {
	s := scripted(t, flinks(AdaptiveScheduler))
	s.at(1, "slots", 6, "start[1 6 6] all slots are there: 6 slots, 6 wanted, at least 2")
	s.at(2, "deployed", 0, "")
	s.at(3, "slots", 3, "rescale[1 3 3] slots are lost: 3 slots, 6 wanted, at least 2")
	s.at(3, "slots", 2, "rescale[1 2 2] slots are lost: 2 slots, 6 wanted, at least 2") // even while it is deployed
	s.at(4, "deployed", 0, "")
	s.at(5, "slots", 1, "suspend slots are lost, and those left are not enough: 1 slot, 6 wanted, at least 2")
	s.at(6, "slots", 2, "start[1 2 2] there are enough slots again: 2 slots, 6 wanted, at least 2")
	s.at(7, "deployed", 0, "")
	s.at(8, "replaced", 1, "rescale[1 2 2] slots are lost: 2 slots, 6 wanted, at least 2")
	s.at(8, "deployed", 0, "")
	s.at(8, "slots", 4, "")
	s.at(9, "restart", 0, "start[1 4 4] there are enough slots again: 4 slots, 6 wanted, at least 2")
}

func TestAdaptiveIsAskedForSlots(t *testing.T) {
	s := scripted(t, flinks(AdaptiveScheduler))
	s.at(1, "slots", 6, "start[1 6 6] all slots are there: 6 slots, 6 wanted, at least 2")
	s.at(2, "deployed", 0, "")
	s.at(3, "asked", 2, "rescale[1 4 4] slots are asked back: 4 slots, 6 wanted, at least 2")
	s.at(4, "slots", 4, "")
	s.at(5, "returned", 0, "")
	s.at(6, "deployed", 0, "")
	s.at(7, "asked", 3, "") // one would be left
	s.at(8, "slots", 4, "rescale[1 4 4] slots are asked back: 4 slots, 6 wanted, at least 2")
}

func TestBoundsAreAnOrder(t *testing.T) {
	s := scripted(t, flinks(AdaptiveScheduler))
	s.at(1, "slots", 6, "start[1 6 6] all slots are there: 6 slots, 6 wanted, at least 2")
	s.at(2, "deployed", 0, "")
	s.at(3, "upper", 4, "rescale[1 4 4] the bounds have changed: 6 slots, 4 wanted, at least 2")
	s.at(4, "deployed", 0, "")
	s.at(5, "upper", 100, "") // at most 8, the maximum parallelism
	s.at(6, "slots", 8, "rescale[1 8 8] the bounds have changed: 8 slots, 8 wanted, at least 2")
	s.at(7, "deployed", 0, "")
	s.at(8, "slots", 7, "rescale[1 7 7] slots are lost: 7 slots, 8 wanted, at least 2")
	s.at(9, "deployed", 0, "")
	s.at(10, "upper", 3, "rescale[1 3 3] the bounds have changed: 7 slots, 3 wanted, at least 2")
}

func TestReactiveTakesAll(t *testing.T) {
	s := scripted(t, AdaptiveConfig{Mode: ReactiveScheduler})
	if d := s.a.Demands(); len(d) != 1 || d[0] != (Demand{Group: "default", Min: 2, Desired: 128}) {
		t.Errorf("it wants %v", d)
	}
	s.at(1, "slots", 10, "start[10 8 8] there are enough slots: 10 slots, 128 wanted, at least 2")
	s.at(2, "deployed", 0, "")
	s.at(3, "slots", 20, "rescale[20 8 8] there are more slots: 20 slots, 128 wanted, at least 2")
}

func TestAdopt(t *testing.T) {
	s := scripted(t, flinks(AdaptiveScheduler))
	s.a.Adopt(0, []int{1, 4, 4})
	s.at(1, "slots", 4, "")
	s.at(2, "slots", 3, "rescale[1 3 3] slots are lost: 3 slots, 6 wanted, at least 2")
	s = scripted(t, flinks(AdaptiveScheduler))
	s.a.Adopt(0, []int{1, 4, 4})
	s.at(1, "slots", 6, "")
	s.at(30, "tick", 0, "rescale[1 6 6] there are more slots: 6 slots, 6 wanted, at least 2")
}
