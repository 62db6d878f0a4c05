package operator

import (
	"math"
	"sync"
)

// AlignmentGroup finds the least watermark of the sources of a group.
type AlignmentGroup interface {
	// Report tells the watermark of a subtask of the caller's source and returns the least one of
	// the group; math.MaxInt64 does not count.
	Report(subtask int, watermark int64) (least int64)
}

// AlignmentGroups are the groups of a job. It is safe for concurrent use.
type AlignmentGroups struct {
	mu struct {
		sync.Mutex
		groups map[string]map[member]int64
	}
}

type member struct {
	uid     string
	subtask int
}

// Join returns the group of a name as a source of the given uid sees it. Until a subtask has
// reported, it holds the group at the smallest watermark.
func (a *AlignmentGroups) Join(name, uid string, parallelism int) AlignmentGroup {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.mu.groups == nil {
		a.mu.groups = map[string]map[member]int64{}
	}
	g := a.mu.groups[name]
	if g == nil {
		g = map[member]int64{}
		a.mu.groups[name] = g
	}
	for i := range parallelism {
		g[member{uid, i}] = math.MinInt64
	}
	return joined{a, name, uid}
}

type joined struct {
	groups    *AlignmentGroups
	name, uid string
}

func (j joined) Report(subtask int, watermark int64) int64 {
	j.groups.mu.Lock()
	defer j.groups.mu.Unlock()
	g := j.groups.mu.groups[j.name]
	g[member{j.uid, subtask}] = watermark
	least := int64(math.MaxInt64)
	for _, w := range g {
		least = min(least, w)
	}
	return least
}
