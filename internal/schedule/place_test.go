package schedule

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// slotsOf are the slots that a job holds: n on each of the TaskManagers.
func slotsOf(group string, n int, managers ...string) (slots []Holding) {
	for _, m := range managers {
		for i := range n {
			slots = append(slots, Holding{
				TaskManager: m, Slot: i, Group: group, Allocation: AllocationID{1, int64(len(slots) + 1)},
			})
		}
	}
	return slots
}

// placed writes places as TaskManager/slot, a line for each vertex.
func placed(places [][]int, slots []Holding) string {
	var lines []string
	for _, of := range places {
		var line []string
		for _, i := range of {
			line = append(line, fmt.Sprintf("%s/%d", slots[i].TaskManager, slots[i].Slot))
		}
		lines = append(lines, strings.Join(line, " "))
	}
	return strings.Join(lines, "\n")
}

func vertex(name string, parallelism int, before ...string) PlaceVertex {
	return PlaceVertex{Name: name, Group: "default", Parallelism: parallelism, Before: before}
}

func TestPlace(t *testing.T) {
	slots := slotsOf("default", 2, "a", "b")
	for _, tc := range []struct {
		name     string
		vertices []PlaceVertex
		edges    []PlaceEdge
		want     string
	}{
		{"in order", []PlaceVertex{vertex("x", 4)}, nil, "a/0 a/1 b/0 b/1"},
		{
			"half as many stay near those that they read from",
			[]PlaceVertex{vertex("x", 4), vertex("y", 2)},
			[]PlaceEdge{{0, 1, Pointwise}},
			"a/0 a/1 b/0 b/1\na/0 b/0",
		},
		{
			"small ones go where there is least",
			[]PlaceVertex{vertex("x", 4), vertex("y", 2), vertex("z", 1), vertex("u", 1)},
			nil,
			"a/0 a/1 b/0 b/1\na/0 b/0\na/1\nb/1",
		},
		{
			"one to one, and loops, share a slot",
			[]PlaceVertex{vertex("x", 2), vertex("y", 2), vertex("z", 2), vertex("u", 2)},
			[]PlaceEdge{{0, 1, OneToOne}, {1, 0, Loop}, {1, 2, AllToAll}, {2, 3, Pointwise}},
			"a/0 b/0\na/0 b/0\na/1 b/1\na/1 b/1",
		},
		{
			"where it was before",
			[]PlaceVertex{vertex("x", 4, "b", "b", "a", "gone")},
			nil,
			"b/0 b/1 a/0 a/1",
		},
		{
			"shares of another parallelism", // two thirds of the keys of the second were a's, and of the third
			[]PlaceVertex{vertex("x", 4, "b", "a", "gone")},
			nil,
			"b/0 a/0 a/1 b/1",
		},
	} {
		places, err := Place(tc.vertices, tc.edges, slots)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if got := placed(places, slots); got != tc.want {
			t.Errorf("%s:\n%s\nwant\n%s", tc.name, got, tc.want)
		}
	}
}

func TestPlaceRefuses(t *testing.T) {
	slots := slotsOf("default", 2, "a")
	vertices := []PlaceVertex{vertex("x", 3), vertex("y", 1), {Name: "z", Group: "other", Parallelism: 1}}
	_, err := Place(vertices, []PlaceEdge{{0, 1, Loop}}, slots)
	want := `the loop from "x" to "y" must have one parallelism and one slot-sharing group
"x" needs 3 slots, its group "default" has 2
"z" needs 1 slots, its group "other" has 0`
	if err == nil || err.Error() != want {
		t.Errorf("the error is\n%v\nwant\n%s", err, want)
	}
}

// TestPlaceRandom: jobs of any shape in any slots. No slot has two subtasks of a vertex, or one of
// another group; those that belong together are together; no slot has more subtasks than another but
// by what must be placed alike; placing again changes nothing; when a TaskManager is replaced all
// others keep what they had.
func TestPlaceRandom(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 2))
		if err := placeRandom(r); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func placeRandom(r *rand.Rand) error {
	var vertices []PlaceVertex
	var edges []PlaceEdge
	managers, each := 1+r.IntN(5), 1+r.IntN(3)
	n := managers * each
	for v := range 1 + r.IntN(8) {
		group := fmt.Sprint("g", r.IntN(2))
		vertices = append(vertices, PlaceVertex{Name: fmt.Sprint(v), Group: group, Parallelism: 1 + r.IntN(n)})
		if v == 0 {
			continue
		}
		e := PlaceEdge{From: r.IntN(v), To: v, Kind: EdgeKind(r.IntN(4))}
		if e.Kind == OneToOne || e.Kind == Loop {
			vertices[v].Parallelism = vertices[e.From].Parallelism
			if e.Kind == Loop || r.IntN(2) == 0 {
				vertices[v].Group = vertices[e.From].Group
			}
		}
		edges = append(edges, e)
	}
	var slots []Holding
	for m := range managers {
		slots = append(slots, slotsOf("g0", each, fmt.Sprint("t", m))...)
		slots = append(slots, slotsOf("g1", each, fmt.Sprint("t", m))...)
	}
	r.Shuffle(len(slots), func(a, b int) { slots[a], slots[b] = slots[b], slots[a] })
	places, err := Place(vertices, edges, slots)
	if err != nil {
		return err
	}
	if err := checkPlaces(vertices, edges, slots, places); err != nil {
		return err
	}
	return replace(vertices, edges, slots, places)
}

func checkPlaces(vertices []PlaceVertex, edges []PlaceEdge, slots []Holding, places [][]int) error {
	loads := make([]int, len(slots))
	for v, of := range places {
		if len(of) != vertices[v].Parallelism {
			return fmt.Errorf("vertex %d has %d places", v, len(of))
		}
		for i, s := range of {
			loads[s]++
			if slots[s].Group != vertices[v].Group || slices.Contains(of[:i], s) {
				return fmt.Errorf("vertex %d is placed in %v", v, of)
			}
		}
	}
	alikes := 1
	weight := map[string]int{}
	for _, e := range edges {
		if e.Kind != AllToAll && alike(vertices[e.From], vertices[e.To]) {
			weight[vertices[e.From].Group]++
			if !slices.Equal(places[e.From], places[e.To]) {
				return fmt.Errorf("edge %v: %v, %v", e, places[e.From], places[e.To])
			}
		}
	}
	for _, w := range weight {
		alikes = max(alikes, w+1)
	}
	for a := range slots {
		for b := range slots {
			if slots[a].Group == slots[b].Group && loads[a] > loads[b]+alikes {
				return fmt.Errorf("one slot has %d subtasks, another %d", loads[a], loads[b])
			}
		}
	}
	return nil
}

// replace places again: in the same slots, and with another TaskManager in the place of the first.
func replace(vertices []PlaceVertex, edges []PlaceEdge, slots []Holding, places [][]int) error {
	for v, of := range places {
		vertices[v].Before = nil
		for _, s := range of {
			vertices[v].Before = append(vertices[v].Before, slots[s].TaskManager)
		}
	}
	for _, other := range []string{"t0", "a new one"} {
		moved := slices.Clone(slots)
		for i := range moved {
			if moved[i].TaskManager == "t0" {
				moved[i].TaskManager = other
			}
		}
		again, err := Place(vertices, edges, moved)
		if err != nil {
			return err
		}
		for v, of := range again {
			for i, s := range of {
				if before := vertices[v].Before[i]; before != "t0" && moved[s].TaskManager != before {
					return fmt.Errorf("t0 becomes %s: subtask %d of vertex %d moves from %s to %s",
						other, i, v, before, moved[s].TaskManager)
				}
			}
		}
	}
	return nil
}
