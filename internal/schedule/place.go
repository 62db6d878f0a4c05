package schedule

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
)

// PlaceVertex is a task of a job, whose subtasks are placed.
type PlaceVertex struct {
	Name, Group string
	Parallelism int
	// Before is where its subtasks ran before, a TaskManager for each, at the parallelism of then; nil
	// if it is new.
	Before []string
}

// EdgeKind says which subtasks an edge connects.
type EdgeKind uint8

// The kinds of edges.
const (
	AllToAll  EdgeKind = iota
	OneToOne           // subtask i with subtask i
	Loop               // the same, back to the head of a loop: they must share a slot
	Pointwise          // each with its share of the others
)

// PlaceEdge is an edge between two vertices, by their indices.
type PlaceEdge struct {
	From, To int
	Kind     EdgeKind
}

// Place puts the subtasks of a job into its slots: places[v][i] is the index in slots of subtask i of
// vertex v. A slot takes at most one subtask of each vertex of its group.
//
// Subtask i of p owns the share from i/p to (i+1)/p of all keys, and pointwise edges connect equal
// shares. So the slots of a group stand for the keys, in an order in which those of a TaskManager are
// neighbours, and every vertex is laid out along them:
//
//	slots        0   1   2   3   4   5        (0–2 on one TaskManager, 3–5 on the other)
//	6 subtasks   0   1   2   3   4   5
//	2 subtasks   0           1
//	2 subtasks       0           1            (the slots with the fewest subtasks)
//
// Vertices that are connected one to one are laid out as one. Which slot then gets which share is
// chosen by where most of the keys' state was before.
func Place(vertices []PlaceVertex, edges []PlaceEdge, slots []Holding) (places [][]int, err error) {
	groups, err := placeGroups(vertices, edges, slots)
	if err != nil {
		return nil, err
	}
	places = make([][]int, len(vertices))
	for _, g := range groups {
		for _, set := range g.sets {
			positions := g.lightest(vertices[set[0]].Parallelism, len(set))
			for _, v := range set {
				places[v] = slices.Clone(positions)
			}
		}
		at := g.settle(vertices, slots, places)
		for _, set := range g.sets {
			for _, v := range set {
				for i, position := range places[v] {
					places[v][i] = at[position]
				}
			}
		}
	}
	return places, nil
}

// placeGroup is a slot-sharing group.
type placeGroup struct {
	sets  [][]int // vertices that are placed alike, those of highest parallelism first
	slots []int   // indices, in order
	loads []int   // subtasks at each position
}

func placeGroups(vertices []PlaceVertex, edges []PlaceEdge, slots []Holding) ([]*placeGroup, error) {
	var groups []*placeGroup
	byName := map[string]*placeGroup{}
	set := Regions(len(vertices), func(yield func(a, b int)) {
		for _, e := range edges {
			if alike(vertices[e.From], vertices[e.To]) && e.Kind != AllToAll {
				yield(e.From, e.To)
			}
		}
	})
	sets := map[int]int{} // of a region, its index in its group
	for v, of := range vertices {
		g := byName[of.Group]
		if g == nil {
			g = &placeGroup{}
			byName[of.Group] = g
			groups = append(groups, g)
		}
		i, ok := sets[set[v]]
		if !ok {
			i = len(g.sets)
			sets[set[v]] = i
			g.sets = append(g.sets, nil)
		}
		g.sets[i] = append(g.sets[i], v)
	}
	for i, s := range slots {
		if g := byName[s.Group]; g != nil {
			g.slots = append(g.slots, i)
		}
	}
	for _, g := range groups {
		slices.SortFunc(g.slots, func(a, b int) int {
			x, y := slots[a], slots[b]
			return cmp.Or(cmp.Compare(x.TaskManager, y.TaskManager), cmp.Compare(x.Slot, y.Slot))
		})
		slices.SortStableFunc(g.sets, func(a, b []int) int {
			return cmp.Or(cmp.Compare(vertices[b[0]].Parallelism, vertices[a[0]].Parallelism), len(b)-len(a))
		})
		g.loads = make([]int, len(g.slots))
	}
	var errs []error
	for _, e := range edges {
		if from, to := vertices[e.From], vertices[e.To]; e.Kind == Loop && !alike(from, to) {
			errs = append(errs, fmt.Errorf("the loop from %q to %q must have one parallelism and one "+
				"slot-sharing group", from.Name, to.Name))
		}
	}
	for _, v := range vertices {
		if n := len(byName[v.Group].slots); n < v.Parallelism {
			errs = append(errs, fmt.Errorf("%q needs %d slots, its group %q has %d",
				v.Name, v.Parallelism, v.Group, n))
		}
	}
	return groups, errors.Join(errs...)
}

// alike reports whether two vertices that are connected one to one can be placed alike.
func alike(a, b PlaceVertex) bool { return a.Group == b.Group && a.Parallelism == b.Parallelism }

// lightest takes n positions, those with the fewest subtasks, and puts so many subtasks on each. Of
// those that have equally many it takes some at equal distances.
func (g *placeGroup) lightest(n, weight int) (positions []int) {
	var count []int // positions by their load
	for _, load := range g.loads {
		for len(count) <= load {
			count = append(count, 0)
		}
		count[load]++
	}
	limit, rest := 0, n // all with a load below limit, and rest of those with it
	for limit < len(count) && rest > count[limit] {
		rest -= count[limit]
		limit++
	}
	seen := 0
	for k, load := range g.loads {
		take := load < limit
		if load == limit {
			// The i-th of m is taken when i*rest/m has grown up to the next whole number.
			take = seen*rest%count[limit] < rest
			seen++
		}
		if take {
			positions = append(positions, k)
			g.loads[k] += weight
		}
	}
	return positions
}

// vote is a share of the keys' state that a TaskManager has of those that belong to a position.
type vote struct {
	position, manager int
	weight            int64
}

// settle chooses the slot of each position: where most of its state is, the strongest votes first;
// the rest in order.
func (g *placeGroup) settle(vertices []PlaceVertex, slots []Holding, places [][]int) (at []int) {
	managers := map[string]int{}
	var open [][]int // free slots of each TaskManager
	for _, i := range g.slots {
		id := slots[i].TaskManager
		if _, ok := managers[id]; !ok {
			managers[id] = len(open)
			open = append(open, nil)
		}
		open[managers[id]] = append(open[managers[id]], i)
	}
	at = make([]int, len(g.slots))
	for k := range at {
		at[k] = -1
	}
	for _, v := range g.votes(vertices, places, managers) {
		if at[v.position] < 0 && len(open[v.manager]) > 0 {
			at[v.position] = open[v.manager][0]
			open[v.manager] = open[v.manager][1:]
		}
	}
	rest := slices.Concat(open...)
	for k := range at {
		if at[k] < 0 {
			at[k], rest = rest[0], rest[1:]
		}
	}
	return at
}

// votes sums, for each position, what the TaskManagers have of its keys, the largest first.
func (g *placeGroup) votes(vertices []PlaceVertex, places [][]int, managers map[string]int) []vote {
	of := make([][]vote, len(g.slots))
	for _, set := range g.sets {
		for _, v := range set {
			p, q := vertices[v].Parallelism, len(vertices[v].Before)
			for i, k := range places[v] {
				for j := i * q / p; j*p < (i+1)*q; j++ {
					m, ok := managers[vertices[v].Before[j]]
					if !ok {
						continue
					}
					overlap := int64(min((i+1)*q, (j+1)*p) - max(i*q, j*p)) // of p*q
					of[k] = addVote(of[k], vote{k, m, overlap << 30 / int64(p*q)})
				}
			}
		}
	}
	all := slices.Concat(of...)
	slices.SortFunc(all, func(a, b vote) int {
		return cmp.Or(cmp.Compare(b.weight, a.weight), a.position-b.position, a.manager-b.manager)
	})
	return all
}

func addVote(votes []vote, v vote) []vote {
	for i := range votes {
		if votes[i].manager == v.manager {
			votes[i].weight += v.weight
			return votes
		}
	}
	return append(votes, v)
}
