package ops

import (
	"math/rand/v2"
	"slices"
	"testing"
)

func reports(t *testing.T, c *LoopCoordinator, number int64, records ...int64) []LoopCommand {
	t.Helper()
	for i, n := range records {
		cmds := c.Step(LoopReport{Subtask: i, Number: number, Records: n})
		if i == len(records)-1 {
			return cmds
		}
		if len(cmds) > 0 {
			t.Fatalf("commands before all reported: %v", cmds)
		}
	}
	return nil
}

func TestLoopCoordinatorWaves(t *testing.T) {
	c := NewLoopCoordinator(LoopProtocol{}, 2)
	for _, step := range []struct {
		records []int64
		want    LoopCommand
	}{
		{[]int64{5, 0}, LoopCommand{Next: 1}},
		{[]int64{0, 1}, LoopCommand{Next: 2}},
		{[]int64{0, 0}, LoopCommand{Next: 3, Drained: true}},
		{[]int64{0, 7}, LoopCommand{Next: 4}},
		{[]int64{0, 0}, LoopCommand{Next: 5, Finish: true}},
	} {
		cmds := reports(t, c, step.want.Next-1, step.records...)
		for i := range 2 {
			want := step.want
			want.Subtask = i
			if cmds[i] != want {
				t.Errorf("wave %d: %+v, want %+v", step.want.Next-1, cmds[i], want)
			}
		}
	}
}

func TestLoopCoordinatorRounds(t *testing.T) {
	p := LoopProtocol{Rounds: true, Max: 3}
	c := NewLoopCoordinator(p, 2)
	if cmds := reports(t, c, 0, 1, 0); cmds[1].Next != 1 || cmds[1].Finish {
		t.Error(cmds)
	}
	if cmds := reports(t, c, 1, 1, 0); cmds[1].Next != 2 || cmds[1].Finish {
		t.Error(cmds)
	}
	if cmds := reports(t, c, 2, 1, 0); !cmds[0].Finish || !cmds[1].Finish {
		t.Error("it goes on beyond the largest number of rounds")
	}
	c = NewLoopCoordinator(p, 2)
	if cmds := reports(t, c, 0, 0, 0); !cmds[0].Finish {
		t.Error("it goes on without records")
	}
	p.Criterion = true
	c = NewLoopCoordinator(p, 2)
	if cmds := reports(t, c, 0, 5, 5); !cmds[0].Finish {
		t.Error("it goes on without criterion records")
	}
}

// TestLoopCoordinatorRestored has heads in neighbouring rounds, whose messages come in any order.
func TestLoopCoordinatorRestored(t *testing.T) {
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 0))
		const heads = 3
		c := NewLoopCoordinator(LoopProtocol{Rounds: true, Max: 10}, heads)
		at := make([]int64, heads)
		var queue []LoopReport
		for i := range at {
			at[i] = 4 + rng.Int64N(2)
			if i == 0 {
				at[i] = 5
			}
			queue = append(queue, LoopReport{Subtask: i, Number: at[i], Joined: true})
		}
		done := make([]bool, heads)
		joined := make([]bool, heads)
		for len(queue) > 0 {
			k := rng.IntN(len(queue))
			r := queue[k]
			queue = slices.Delete(queue, k, k+1)
			cmds := c.Step(r)
			if r.Joined && !joined[r.Subtask] {
				joined[r.Subtask] = true
				queue = append(queue, LoopReport{Subtask: r.Subtask, Number: r.Number, Records: 1})
			}
			for _, cmd := range cmds {
				if cmd.Finish {
					done[cmd.Subtask] = true
					continue
				}
				if cmd.Next != at[cmd.Subtask]+1 {
					t.Fatalf("seed %d: head %d in round %d is sent to %d", seed, cmd.Subtask,
						at[cmd.Subtask], cmd.Next)
				}
				at[cmd.Subtask] = cmd.Next
				queue = append(queue, LoopReport{Subtask: cmd.Subtask, Number: cmd.Next, Records: 1})
			}
		}
		for i := range done {
			if !done[i] || at[i] != 9 {
				t.Fatalf("seed %d: head %d stopped in round %d", seed, i, at[i])
			}
		}
	}
}
