package jobmanager

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/flott-dev/flott/internal/control"
)

// simTM is a TaskManager.
type simTM struct {
	w       *simWorld
	id      string
	slots   []control.Slot
	leader  *simLeader // as far as it knows
	obeyed  int        // the greatest number of one that it was connected with
	conn    *simConn
	conns   []*simConn                     // all that it ever had
	coming  map[int]*control.Grant         // that are on the way
	heard   func(*control.FromTaskManager) // of the Manager, on this connection
	workers []*simWorker                   // that it has started
	freeing []*control.Free
	mute    bool // it does nothing that it is told
	leaves  bool
	lives   int                      // connections that it ever had, also under its name before
	results map[string]map[int][]int // places by job and deployment
	damaged bool                     // some of them were
}

// join starts a TaskManager.
func (w *simWorld) join() {
	if w.few && w.slots() > 1 {
		return
	}
	w.names++
	tm := &simTM{w: w, id: fmt.Sprint("tm-", w.names), leader: w.leader}
	for range 1 + w.rng.IntN(4) {
		tm.slots = append(tm.slots, control.Slot{Memory: 1 << 30})
	}
	w.tms = append(w.tms, tm)
	tm.connect()
}

// connect registers with the Manager on a new connection.
func (tm *simTM) connect() {
	w := tm.w
	l := tm.dials()
	if !l.answers() {
		tm.conn = &simConn{w: w, of: l, cut: true}
		tm.again(tm.conn)
		return
	}
	m := l.m
	c := &simConn{w: w, of: l}
	t := newTaskManager(m)
	coming := map[int]*control.Grant{}
	t.conn = &toProcess[control.ToTaskManager]{c, func(m *control.ToTaskManager) {
		if m.Grant != nil {
			coming[m.Grant.Slot] = m.Grant
		}
	}, func(m *control.ToTaskManager) {
		if m.Grant != nil {
			delete(coming, m.Grant.Slot)
		}
		if tm.conn == c {
			tm.receive(m)
		}
	}, func() {
		if l == w.leader && !w.down {
			tm.forsake()
		}
	}}
	h := handler[control.FromTaskManager]{m, t.receive, t.lost}
	c.lostUp = h.Lost
	c.lostDown = func() {
		if tm.conn == c {
			tm.again(c)
		}
	}
	w.checkObeys(tm.id, l, &tm.obeyed)
	tm.conn, tm.coming, tm.heard, tm.freeing = c, coming, h.Receive, nil
	w.conns, tm.conns = append(w.conns, c), append(tm.conns, c)
	tm.lives++
	r := &control.Register{ID: tm.id, Host: "host", Slots: slices.Clone(tm.slots), Results: sortedKeys(tm.results)}
	for _, wk := range tm.workers {
		if wk.alive {
			r.Workers = append(r.Workers, wk.name)
		}
	}
	w.note("%s registers: %+v %v", tm.id, r.Slots, r.Workers)
	tm.send(&control.FromTaskManager{Register: r})
	if tm.leaves {
		tm.send(&control.FromTaskManager{Leave: &control.Leave{}})
	}
}

// follow has the TaskManager hear that another JobManager leads.
func (tm *simTM) follow(l *simLeader) {
	if tm.leader.number >= l.number || !slices.Contains(tm.w.tms, tm) {
		return
	}
	tm.leader = l
	if c := tm.conn; c != nil && c.of != l {
		c.sever(errors.New("another JobManager leads"))
	}
}

// dials is the JobManager that it, or a worker of it, tries to connect with: now and then an earlier one, by an address
// that is no longer right.
func (tm *simTM) dials() *simLeader {
	w := tm.w
	if len(w.leaders) > 1 && w.rng.IntN(4) == 0 {
		return w.leaders[0]
	}
	return tm.leader
}

// again connects again, after a while, if c is still the last connection.
func (tm *simTM) again(c *simConn) {
	w := tm.w
	w.clock.AfterFunc(time.Duration(w.rng.IntN(1000))*time.Millisecond, func() {
		if tm.conn == c && slices.Contains(w.tms, tm) {
			w.count["TaskManagers that return"]++
			tm.mute = false
			tm.connect()
		}
	})
}

func (tm *simTM) send(m *control.FromTaskManager) {
	if c, heard := tm.conn, tm.heard; !c.cut {
		c.up = append(c.up, func() { heard(m) })
	}
}

func (tm *simTM) receive(m *control.ToTaskManager) {
	w := tm.w
	if tm.mute && m.Grant == nil {
		return
	}
	switch {
	case m.Grant != nil:
		w.count["grants"]++
		g := m.Grant
		w.note("%s: slot %d is granted to %.8s… by %v", tm.id, g.Slot, g.Job[24:], g.Allocation)
		s := &tm.slots[g.Slot]
		if s.Holder != "" {
			w.fail("slot %d of %s is granted to %s, and held by %s", g.Slot, tm.id, g.Job, s.Holder)
		}
		s.Holder, s.Group, s.Allocation = g.Job, g.Group, g.Allocation
	case m.Free != nil:
		tm.free(m.Free)
	case m.StartWorker != nil:
		tm.start(m.StartWorker)
	case m.StopWorker != nil:
		tm.stop(m.StopWorker)
	case m.Discard != nil:
		tm.discard(m.Discard)
	case m.Dismiss != nil:
		if slices.ContainsFunc(tm.slots, func(s control.Slot) bool { return s.Holder != "" }) {
			w.fail("%s is dismissed and has slots that are held", tm.id)
		}
		w.count["TaskManagers that leave"]++
		tm.die()
	}
}

// free clears a slot, when the workers that were killed before have ended.
func (tm *simTM) free(m *control.Free) {
	w := tm.w
	holder := tm.slots[m.Slot].Holder
	if slices.ContainsFunc(tm.workers, func(wk *simWorker) bool { return wk.alive && wk.killed && wk.job.ID == holder }) {
		tm.freeing = append(tm.freeing, m)
		return
	}
	w.note("%s: slot %d is freed (%v)", tm.id, m.Slot, m.Allocation)
	if s := &tm.slots[m.Slot]; s.Allocation == m.Allocation && s.Holder != "" {
		*s = control.Slot{Memory: s.Memory}
		tm.checkSlots()
	}
	tm.send(&control.FromTaskManager{Freed: &control.Freed{Slot: m.Slot, Allocation: m.Allocation}})
}

// start starts a worker, which may fail.
func (tm *simTM) start(m *control.StartWorker) {
	w := tm.w
	w.count["workers"]++
	wk := &simWorker{
		w: w, tm: tm, name: m.Name, epoch: tm.conn.of.number, alive: true, tasks: map[int]*simTask{}, opened: map[int64]bool{}, ended: map[int64]bool{},
	}
	for _, j := range w.jobs {
		if j.ID == m.Job.ID {
			wk.job = j
		}
	}
	wk.job.workers = append(wk.job.workers, wk)
	wk.job.forgotten(w, wk.epoch)
	wk.job.repeated(w, wk.epoch)
	if wk.job.orphaned {
		wk.job.orphaned = false
		w.count["jobs that start again"]++
	}
	tm.workers = append(tm.workers, wk)
	w.note("%s starts %s", tm.id, m.Name)
	switch n := w.rng.IntN(100); {
	case w.calm || n > 10:
		wk.soon(wk.connect)
	case n > 3:
		w.count["workers that do not start"]++
		wk.soon(func() { wk.die("it cannot be executed") })
	default:
		w.count["workers that hang"]++ // it never reports
	}
}

// stop ends a worker.
func (tm *simTM) stop(m *control.StopWorker) {
	for _, wk := range tm.workers {
		if wk.name != m.Name || !wk.alive {
			continue
		}
		if m.Grace == 0 {
			wk.kill()
			return
		}
		tm.w.clock.AfterFunc(time.Duration(m.Grace), wk.kill)
		return
	}
	tm.send(&control.FromTaskManager{WorkerEnded: &control.WorkerEnded{Name: m.Name, Reason: "there is no such worker"}})
}

// forsake notes that the JobManager gives up what runs there.
func (tm *simTM) forsake() {
	for _, wk := range tm.workers {
		wk.forsaken = true
	}
}

// die ends the TaskManager, and with it its workers.
func (tm *simTM) die() {
	w := tm.w
	w.note("%s dies", tm.id)
	w.tms = slices.DeleteFunc(w.tms, func(o *simTM) bool { return o == tm })
	for _, c := range tm.conns {
		c.vanish(errors.New("connection reset"))
	}
	for _, wk := range tm.workers {
		wk.die("")
	}
}

// disturb does something to one of the TaskManagers.
func (w *simWorld) disturb(tms []*simTM) {
	if len(tms) == 0 {
		return
	}
	tm := tms[w.rng.IntN(len(tms))]
	switch n := w.rng.IntN(12); {
	case n < 3:
		w.count["TaskManagers that die"]++
		tm.die()
		if w.rng.IntN(3) == 0 { // it is started again under its name
			again := &simTM{w: w, leader: w.leader, id: tm.id, lives: tm.lives, slots: make([]control.Slot, len(tm.slots))}
			for i := range again.slots {
				again.slots[i].Memory = 1 << 30
			}
			w.tms = append(w.tms, again)
			again.connect()
		}
	case n < 7:
		w.count["TaskManagers that are cut off"]++
		w.note("%s is cut off", tm.id)
		tm.forsake()
		tm.conn.sever(errors.New("timeout"))
	case n < 9:
		w.count["TaskManagers that do not answer"]++
		w.note("%s does nothing any more", tm.id)
		tm.mute = true
	case n == 9 && !tm.leaves:
		w.note("%s wants to leave", tm.id)
		tm.leaves = true
		tm.send(&control.FromTaskManager{Leave: &control.Leave{}})
	case n == 11:
		tm.damage()
	case n == 10: // a connection that nobody has seen the end of
		if tm.conn.connected() {
			w.note("%s connects again", tm.id)
			tm.forsake()
			tm.connect()
		}
	}
}

// known reports whether the Manager counts on the connection that the TaskManager has.
func (tm *simTM) known() bool {
	if tm.w.down {
		return false
	}
	t := tm.w.m.tms[tm.id]
	return t != nil && t.conn.(*toProcess[control.ToTaskManager]).simConn == tm.conn
}

// checkSlots checks that what runs there has its slots.
func (tm *simTM) checkSlots() {
	type vertex struct {
		job *simJob
		v   int
	}
	running := map[vertex]int{}
	for _, wk := range tm.workers {
		if wk.alive {
			for _, t := range wk.tasks {
				if wk.job.Stages && t.ended {
					continue // its slot is another task's
				}
				running[vertex{wk.job, t.part.Chain}]++
			}
		}
	}
	for x, n := range running {
		held := 0
		for i, s := range tm.slots {
			holder, group := s.Holder, s.Group
			if g := tm.coming[i]; g != nil { // it is the job's already, and checked to be free when it arrives
				holder, group = g.Job, g.Group
			}
			if holder == x.job.ID && group == x.job.Graph.Vertices[x.v].SlotGroup {
				held++
			}
		}
		if n > held {
			tm.w.fail("%s has %d slots in %s, in which %d subtasks of vertex %d run", x.job.Name, held, tm.id, n, x.v)
		}
	}
}
