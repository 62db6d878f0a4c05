package taskmanager

import (
	"context"
	"maps"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/exposition"
)

// Metrics gathers those of a TaskManager and of its workers. The zero value is ready to use.
type Metrics struct {
	mu struct {
		sync.Mutex
		id     string
		slots  int
		askers map[string]*exposition.Asker // by worker
	}
}

// Figures is what the TaskManager's own metrics are read of.
type Figures struct{ Slots, Workers, Silent int }

// ManagerMetrics are those of a TaskManager besides those of its process.
var ManagerMetrics = []exposition.Metric[Figures]{
	exposition.Always("Status.Slots", "slots that it offers", func(f *Figures) int { return f.Slots }),
	exposition.Always("Status.Workers", "workers that run", func(f *Figures) int { return f.Workers }),
	exposition.Always("Status.WorkersSilent", "workers that have not answered this scrape in time: their metrics are not in it", func(f *Figures) int { return f.Silent }),
}

// AnswerTimeout is how long a scrape waits for workers.
const AnswerTimeout = time.Second

// Gather asks all workers at once. Those that do not answer in time are left out.
func (m *Metrics) Gather(ctx context.Context) []exposition.Scope {
	ctx, stop := context.WithTimeout(ctx, AnswerTimeout)
	defer stop()
	return m.gather(ctx)
}

func (m *Metrics) gather(ctx context.Context) []exposition.Scope {
	m.mu.Lock()
	names := slices.Sorted(maps.Keys(m.mu.askers))
	askers := make([]*exposition.Asker, len(names))
	for i, name := range names {
		askers[i] = m.mu.askers[name]
	}
	f := Figures{Slots: m.mu.slots, Workers: len(names)}
	labels := []exposition.Label{exposition.Host(), {Name: "tm_id", Value: m.mu.id}}
	m.mu.Unlock()
	answers, answered := make([][]exposition.Scope, len(names)), make([]bool, len(names))
	var wg sync.WaitGroup
	for i, a := range askers {
		wg.Go(func() { answers[i], answered[i] = a.Ask(ctx) })
	}
	wg.Wait()
	for _, ok := range answered {
		if !ok {
			f.Silent++
		}
	}
	own := append(exposition.Process(), exposition.Read(ManagerMetrics, &f)...)
	all := []exposition.Scope{{Name: exposition.TaskManagerScope, Labels: labels, Values: own}}
	for _, scopes := range answers {
		all = append(all, scopes...)
	}
	return all
}

func (m *Metrics) begin(id string, slots int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.id, m.mu.slots = id, slots
}

// pair is the end of a connection for a worker that is about to start; ended is to be called when it has ended.
func (m *Metrics) pair(worker string) (theirs *os.File, ended func(), err error) {
	ours, theirs, err := exposition.Pair()
	if err != nil {
		return nil, nil, err
	}
	return theirs, m.add(worker, ours), nil
}

// add has a worker asked, until end is called.
func (m *Metrics) add(worker string, c net.Conn) (end func()) {
	a := exposition.NewAsker(c)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.mu.askers == nil {
		m.mu.askers = map[string]*exposition.Asker{}
	}
	m.mu.askers[worker] = a
	return func() {
		m.mu.Lock()
		delete(m.mu.askers, worker)
		m.mu.Unlock()
		a.Close()
	}
}
