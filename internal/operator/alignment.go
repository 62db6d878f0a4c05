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

// AlignmentGroups are the groups of a job, or of the part of it that runs in this process: then Tell and
// Set connect it with the others. It is safe for concurrent use.
type AlignmentGroups struct {
	// Tell, if it is not nil, hears of every watermark that a source here reports. It must be set before
	// the first Report, and not block.
	Tell func(Aligned)

	mu struct {
		sync.Mutex
		groups map[string]map[member]int64
	}
}

type member struct {
	uid     string
	subtask int
}

// Join returns the group of a name as a subtask of the source of the given uid sees it. Until that has
// reported, it holds the group at the smallest watermark.
func (a *AlignmentGroups) Join(name, uid string, subtask int) AlignmentGroup {
	a.Set(Aligned{name, uid, subtask, math.MinInt64})
	return joined{a, name, uid}
}

// Aligned is what a subtask of a source has reported to its group.
type Aligned struct {
	Group, UID string
	Subtask    int
	Watermark  int64
}

// Expect joins on behalf of the members of other, which are in another process, unless they have reported
// already.
func (a *AlignmentGroups) Expect(other *AlignmentGroups) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for name, members := range other.mu.groups {
		for m := range members {
			if _, ok := a.mu.groups[name][m]; !ok {
				a.setLocked(name, m, math.MinInt64)
			}
		}
	}
}

// Set tells of the watermark of a subtask, in this process or in another.
func (a *AlignmentGroups) Set(w Aligned) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.setLocked(w.Group, member{w.UID, w.Subtask}, w.Watermark)
}

func (a *AlignmentGroups) setLocked(group string, m member, watermark int64) {
	if a.mu.groups == nil {
		a.mu.groups = map[string]map[member]int64{}
	}
	g := a.mu.groups[group]
	if g == nil {
		g = map[member]int64{}
		a.mu.groups[group] = g
	}
	g[m] = watermark
}

// Clear forgets all members: those that are to go on join again.
func (a *AlignmentGroups) Clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	clear(a.mu.groups)
}

type joined struct {
	groups    *AlignmentGroups
	name, uid string
}

func (j joined) Report(subtask int, watermark int64) int64 {
	if tell := j.groups.Tell; tell != nil {
		tell(Aligned{j.name, j.uid, subtask, watermark})
	}
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
