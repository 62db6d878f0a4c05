package schedule

import (
	"fmt"
	"testing"
)

// BenchmarkPool has TaskManagers of one slot each register, and a job that takes slots as they come;
// Balance is called after each of them, or once after all.
func BenchmarkPool(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		for _, each := range []bool{false, true} {
			b.Run(fmt.Sprintf("managers=%d/each=%v", n, each), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, granted := filled(n, each); len(granted) != n {
						b.Fatalf("%d slots are granted", len(granted))
					}
				}
			})
		}
	}
}

// BenchmarkManyJobs deals ten slots of each of n TaskManagers out to 100 jobs that would take all, and
// has one more come, for which all others are asked.
func BenchmarkManyJobs(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("managers=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p := NewPool(PoolConfig{Policy: SpreadOut}, 1, false)
				for i := range n {
					p.Register(Offer{ID: fmt.Sprint("t", i), Slots: make([]int64, 10)})
				}
				for j := range 100 {
					p.Submit(fmt.Sprint("j", j), demand(1, 10*n))
				}
				if granted := ids(p.Balance(1), GrantSlot); len(granted) != 10*n {
					b.Fatalf("%d slots are granted", len(granted))
				}
				for j := range 100 {
					var held []AllocationID
					for _, h := range p.Held(fmt.Sprint("j", j)) {
						held = append(held, h.Allocation)
					}
					p.Use(1, fmt.Sprint("j", j), held)
				}
				p.Submit("late", demand(1, 10*n))
				if asked := ids(p.Balance(2), ReclaimSlot); len(asked) == 0 && n > 10 {
					b.Fatal("nobody is asked")
				}
			}
		})
	}
}

// filled is a pool of n TaskManagers of one slot each, and what it has granted to a job.
func filled(n int, each bool) (p *Pool, granted []PoolAction) {
	p = NewPool(PoolConfig{Policy: SpreadOut}, 1, false)
	p.Submit("job", demand(1, n))
	for i := range n {
		p.Register(Offer{ID: fmt.Sprint("t", i), Slots: make([]int64, 1)})
		if each || i == n-1 {
			for _, a := range p.Balance(int64(i)) {
				if a.Do == GrantSlot {
					granted = append(granted, a)
				}
			}
		}
	}
	return p, granted
}

// BenchmarkDeploy deals the slots of n TaskManagers out to a job and places ten vertices of n subtasks
// there: a source, a chain of eight exchanges of all kinds, a sink. In restart they have been there
// before, in another order.
func BenchmarkDeploy(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		for _, restart := range []bool{false, true} {
			b.Run(fmt.Sprintf("managers=%d/restart=%v", n, restart), func(b *testing.B) {
				vertices, edges := tenVertices(n, restart)
				b.ReportAllocs()
				for b.Loop() {
					p, _ := filled(n, false)
					if _, err := Place(vertices, edges, p.Held("job")); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func tenVertices(n int, restart bool) (vertices []PlaceVertex, edges []PlaceEdge) {
	for v := range 10 {
		x := PlaceVertex{Name: fmt.Sprint(v), Group: "default", Parallelism: n}
		for i := range n {
			if restart {
				x.Before = append(x.Before, fmt.Sprint("t", n-1-i))
			}
		}
		vertices = append(vertices, x)
		if v > 0 {
			edges = append(edges, PlaceEdge{From: v - 1, To: v, Kind: []EdgeKind{AllToAll, OneToOne, Pointwise}[v%3]})
		}
	}
	return vertices, edges
}
