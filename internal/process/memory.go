package process

import (
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// Memory limits what a child and its descendants use.
type Memory struct {
	// Limit in bytes; 0: none. The garbage collector of the child aims at less (GOMEMLIMIT), so that it
	// works harder before the limit kills.
	Limit int64
	// Group is the directory of a cgroup that may be divided, as of systemd's Delegate=yes; empty: the
	// one that the caller is in.
	Group string
	// WatchOnly leaves cgroups alone.
	WatchOnly bool
}

const (
	memoryMin  = 16 << 20
	reserveMin = 8 << 20
	reserveMax = 512 << 20
)

func (m Memory) validate() error {
	if m.Limit != 0 && m.Limit < memoryMin {
		return fmt.Errorf("limit of %d bytes of memory: a process needs %s", m.Limit, bytesText(memoryMin))
	}
	return nil
}

// GoLimit is what GOMEMLIMIT is set to for a limit in bytes: debug.SetMemoryLimit takes it when a child is told
// of another limit.
func GoLimit(limit int64) int64 { return Memory{Limit: limit}.goLimit() }

// goLimit leaves a tenth for what the runtime does not count: the program itself, memory of other
// libraries, and what is allocated while the collector is at work.
func (m Memory) goLimit() int64 {
	return m.Limit - min(max(m.Limit/10, reserveMin), reserveMax)
}

// Enforcement is what holds a limit of memory.
type Enforcement string

// Enforcements, the best first.
const (
	// GroupV2 is a cgroup of version 2: the kernel kills the child and its descendants at the limit.
	GroupV2 Enforcement = "cgroup v2"
	// GroupV1 is one of version 1: the kernel kills one of them, this package the rest.
	GroupV1 Enforcement = "cgroup v1"
	// Watched is this process, which looks at the child's memory four times a second, at that
	// of its descendants not, and kills it when it stays above.
	Watched Enforcement = "watch"
	// Unlimited is nothing.
	Unlimited Enforcement = "none"
)

// hold holds the limit of one process.
type hold struct {
	how   Enforcement
	why   string // not better
	clock clock.Clock
	group *group // nil without a cgroup

	mu struct {
		sync.Mutex
		over  bool   // the process has ended
		stop  func() // of the timer
		watch watch
	}
}

// newHold chooses the enforcement.
func newHold(c Command) *hold {
	h := &hold{how: Unlimited, clock: c.Clock}
	h.mu.watch.limit = c.Memory.Limit
	if c.Memory.Limit == 0 {
		return h
	}
	h.how, h.why = watchHere, whyNoWatch
	if c.Memory.WatchOnly {
		h.why = "cgroups are not wanted"
		return h
	}
	g, err := newGroup(c.Memory)
	if err != nil {
		h.why = err.Error()
		return h
	}
	h.group, h.how, h.why = g, g.how(), ""
	return h
}

// start starts the child in its cgroup, if it has one.
func (h *hold) start(child *exec.Cmd) error {
	if h.group == nil {
		return child.Start()
	}
	return h.group.start(child)
}

// refuse gives the cgroup up, because of what a start in it has come to; false if there is none.
func (h *hold) refuse(err error) bool {
	if h.group == nil {
		return false
	}
	h.group.remove()
	h.group, h.how, h.why = nil, watchHere, err.Error()
	return true
}

// oomKilled reports whether the kernel has killed at the limit.
func (h *hold) oomKilled() bool { return h.group != nil && h.group.oomKills() > 0 }

// peak is the most memory used at a time, in bytes; 0 if no cgroup tells.
func (h *hold) peak() int64 {
	if h.group == nil {
		return 0
	}
	return h.group.peak()
}

// release is called when the process has ended.
func (h *hold) release() {
	if h.group != nil {
		h.group.remove()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.mu.over = true
	if h.mu.stop != nil {
		h.mu.stop()
	}
}

const watchEvery = 250 * time.Millisecond

// watch begins to look at the memory of p, if that is the enforcement.
func (h *hold) watch(p *Process) {
	if h.how == Watched {
		h.arm(p)
	}
}

func (h *hold) arm(p *Process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.mu.over {
		h.mu.stop = h.clock.AfterFunc(watchEvery, func() { h.look(p) })
	}
}

func (h *hold) look(p *Process) {
	own, err := ownMemory(p.id.PID)
	if err != nil || !p.id.Alive() {
		return // it has ended
	}
	h.mu.Lock()
	kill, limit := h.mu.watch.sample(own), h.mu.watch.limit
	h.mu.Unlock()
	if kill {
		p.kill(fmt.Sprintf("it used %s of memory, limit %s (%s)", bytesText(own), bytesText(limit), h.how))
		return
	}
	h.arm(p)
}

// change sets another limit.
func (h *hold) change(limit int64) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.mu.watch.limit == 0 || h.mu.over {
		return nil
	}
	h.mu.watch.limit = limit
	if h.group != nil {
		return h.group.limit(limit)
	}
	return nil
}

// limit is the limit now; 0: none.
func (h *hold) limit() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.mu.watch.limit
}

// watch decides when a process has been above its limit for too long.
type watch struct {
	limit int64
	above int // samples in a row
}

// watchSamples above the limit are one second; a peak between two collections is shorter.
const watchSamples = 4

// sample reports whether the process is to be killed: it was above the limit four times in a row, or is
// above twice the limit.
func (w *watch) sample(bytes int64) bool {
	if bytes <= w.limit {
		w.above = 0
		return false
	}
	w.above++
	return w.above >= watchSamples || bytes > 2*w.limit
}
