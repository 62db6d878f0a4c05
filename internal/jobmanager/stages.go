package jobmanager

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/schedule"
)

// stages is what a fleet has besides for a job that runs in stages. Such a job begins with as few slots as it has:
// a slot takes one subtask of each vertex at a time, and the next one when that has processed its input.
type stages struct {
	f      *fleet
	begin  int // the generation of coordinators that starts with what is deployed next, 0 for none
	taken  map[use]bool
	load   []int                    // subtasks in each seat
	made   []result                 // by place: the last that it has made, or is making
	places map[int]map[string][]int // of each deployment that may have results, by TaskManager
	used   map[string]bool          // TaskManagers where a worker has ended, and may have left results
}

// use is a subtask of a vertex in a seat.
type use struct{ seat, vertex int }

// result is where the results of a subtask are.
type result struct {
	deployment  int // 0 for none
	taskManager string
}

func newStages(f *fleet) *stages {
	f.seatOf = slices.Repeat([]int{-1}, f.tasks)
	return &stages{
		f: f, taken: map[use]bool{}, made: make([]result, f.tasks), places: map[int]map[string][]int{},
		used: map[string]bool{},
	}
}

// atLeast lowers what is demanded to what a single region needs: one slot, or as many as a loop and what leads into
// it have subtasks.
func (s *stages) atLeast(demands []schedule.Demand) {
	g := s.f.job.Graph
	together := make([]bool, len(g.Vertices))
	for i, v := range g.Vertices {
		together[i] = together[i] || v.Loop
		for _, in := range v.In {
			if in.Pipelined {
				together[i], together[in.From] = true, true
			}
		}
	}
	for i := range demands {
		demands[i].Min = 1
		for j, v := range g.Vertices {
			if together[j] && v.SlotGroup == demands[i].Group {
				demands[i].Min = max(demands[i].Min, v.Parallelism)
			}
		}
	}
}

// split has each deployment wait for itself.
func (s *stages) split(d schedule.Deploy) schedule.Deploy {
	if d.Coordinators != 0 {
		s.begin, d.Coordinators = d.Coordinators, 0
	}
	for _, n := range d.Deployments[1:] {
		s.f.queue = append(s.f.queue, schedule.Deploy{Deployments: []schedule.Deployment{n}, Parallelism: d.Parallelism})
	}
	d.Deployments = d.Deployments[:1]
	return d
}

// pump deploys what waits and has seats and workers.
func (s *stages) pump() {
	f := s.f
	if f.recovery != nil {
		return
	}
	full := map[int]bool{} // vertices of which no further subtask finds a seat
	for i := 0; i < len(f.queue) && !f.ended; {
		d := f.queue[i]
		vertex := f.vertexOf(d.Deployments[0].Tasks[0])
		if full[vertex] && f.seatOf[d.Deployments[0].Tasks[0]] < 0 || !s.seat(d.Deployments[0]) {
			full[vertex] = true
			i++
			continue
		}
		if !f.staffed(d) {
			i++
			continue
		}
		f.queue = slices.Delete(f.queue, i, i+1)
		d.Coordinators, s.begin = s.begin, 0
		f.deploy(d)
	}
}

// seat finds seats for all tasks of a deployment, or for none.
func (s *stages) seat(d schedule.Deployment) bool {
	f := s.f
	for len(s.load) < len(f.seats) {
		s.load = append(s.load, 0)
	}
	for _, place := range d.Tasks {
		if at := f.seatOf[place]; at >= 0 && s.usable(at) {
			continue
		}
		f.vacate(place)
		at := s.find(place)
		if at < 0 {
			for _, place := range d.Tasks {
				f.vacate(place)
			}
			return false
		}
		f.seatOf[place] = at
		s.taken[use{at, f.vertexOf(place)}] = true
		s.load[at]++
	}
	return true
}

// find finds a seat for a task: the one with the fewest, and of those one where the result is that it reads, if that
// is a single one. It returns -1 for none.
func (s *stages) find(place int) int {
	f := s.f
	vertex, best := f.vertexOf(place), -1
	near := s.near(place)
	for i, seat := range f.seats {
		taken := s.taken[use{i, vertex}] && !fault.Seeded(fault.ShareSeat)
		if seat.Group != f.job.Graph.Vertices[vertex].SlotGroup || taken || !s.usable(i) {
			continue
		}
		if best < 0 || s.load[i] < s.load[best] ||
			s.load[i] == s.load[best] && seat.TaskManager == near && f.seats[best].TaskManager != near {
			best = i
		}
	}
	return best
}

// usable reports whether there is a slot for the seat.
func (s *stages) usable(seat int) bool { return s.f.seats[seat].TaskManager != "" }

// grow gives a worker the memory of slots that have come since it was started, and returns how much it has then, 0
// if that is what it had.
func (s *stages) grow(w *member) int64 {
	tm := s.f.m.tms[w.taskManager]
	if tm == nil || w.memory == 0 {
		return 0
	}
	memory := s.f.memoryOn(tm.ID)
	if memory <= w.memory {
		return 0
	}
	w.memory = memory
	tm.send(&control.ToTaskManager{SetMemory: &control.SetMemory{Name: w.peer.Name, Memory: memory}})
	return memory
}

// near is the TaskManager that has what a task reads, if that is of one other task only.
func (s *stages) near(place int) string {
	reads := s.reads(place)
	if len(reads) != 1 {
		return ""
	}
	return s.made[reads[0]].taskManager
}

// reads are the places whose results a task reads.
func (s *stages) reads(place int) (places []int) {
	f := s.f
	vertex := f.vertexOf(place)
	to, subtask := f.job.Graph.Vertices[vertex], place-f.first[vertex]
	for _, in := range to.In {
		producers := f.job.Graph.Vertices[in.From].Parallelism
		for p := 0; p < producers && !in.Pipelined; p++ {
			if low, high := in.Strategy.Targets(p, producers, to.Parallelism); low <= subtask && subtask <= high {
				places = append(places, f.first[in.From]+p)
			}
		}
	}
	return places
}

// deploying notes where results are made, and says where those are that are read.
func (s *stages) deploying(m *control.Deploy) {
	managers := map[string]int{}
	for _, n := range m.Deployments {
		at := map[string][]int{}
		for _, place := range n.Tasks {
			tm := s.f.seats[s.f.seatOf[place]].TaskManager
			at[tm] = append(at[tm], place)
			s.made[place] = result{n.Number, tm}
		}
		s.places[n.Number] = at
	}
	seen := map[int]bool{}
	for _, n := range m.Deployments {
		for _, place := range n.Tasks {
			for _, from := range s.reads(place) {
				if seen[from] {
					continue
				}
				seen[from] = true
				of := s.made[from]
				i, ok := managers[of.taskManager]
				if !ok {
					i = len(m.Managers)
					managers[of.taskManager] = i
					peer := control.Peer{Name: of.taskManager}
					if tm := s.f.m.tms[of.taskManager]; tm != nil {
						peer.Address = tm.Address
					}
					m.Managers = append(m.Managers, peer)
				}
				m.Results = append(m.Results, control.Result{Place: from, Deployment: of.deployment, Manager: i})
			}
		}
	}
}

// discard has the TaskManagers remove what a deployment has made.
func (s *stages) discard(deployment int) {
	for _, id := range sortedKeys(s.places[deployment]) {
		s.tell(id, deployment)
	}
	delete(s.places, deployment)
}

// discardAll has the TaskManagers remove all that the job has made.
func (s *stages) discardAll() {
	for _, id := range sortedKeys(s.used) {
		s.tell(id, 0)
	}
}

func (s *stages) tell(taskManager string, deployment int) {
	if tm := s.f.m.tms[taskManager]; tm != nil {
		tm.send(&control.ToTaskManager{Discard: &control.Discard{Job: s.f.job.ID, Deployment: deployment}})
	}
}

// Discard removes the results of a deployment.
func (f *fleet) Discard(deployment int) {
	f.m.actor.Post(func() { f.stages.discard(deployment) })
}

// chief is the seat beside which coordinators run that are started with a deployment.
func (f *fleet) chief(d schedule.Deploy) int {
	if f.stages == nil {
		return 0
	}
	return f.seatOf[d.Deployments[0].Tasks[0]]
}

// vertexOf is the vertex of the task at a place.
func (f *fleet) vertexOf(place int) int {
	i, ok := slices.BinarySearch(f.first, place)
	if !ok {
		i--
	}
	return i
}

// taskEnded gives the seat of a task to another one.
func (f *fleet) taskEnded(number, place int) {
	if r := f.runs[number]; f.stages != nil && r != nil && r.open[place] != nil {
		f.vacate(place)
		f.pump()
	}
}

// vacate gives up the seat of a task, in a job that runs in stages.
func (f *fleet) vacate(place int) {
	if f.stages == nil || f.seatOf[place] < 0 {
		return
	}
	seat := f.seatOf[place]
	f.seatOf[place] = -1
	delete(f.stages.taken, use{seat, f.vertexOf(place)})
	f.stages.load[seat]--
}

// resultsLost tells jobs of the results that a TaskManager had, which is gone.
func (m *Manager) resultsLost(taskManager string, err error) {
	for _, id := range m.order {
		f := m.jobs[id].fleet
		if f == nil || f.stages == nil || f.ended || f.listener == nil {
			continue
		}
		for _, number := range sortedKeys(f.stages.places) {
			if at := f.stages.places[number]; at[taskManager] != nil {
				f.listener.ResultsLost(number, fmt.Errorf("the results at TaskManager %s are lost: %w", taskManager, err))
			}
		}
	}
}
