package worker

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/result"
	"github.com/flott-dev/flott/internal/wire"
)

// Stages is what tasks of a job in batch mode need that runs in stages.
type Stages struct {
	// Job is its id.
	Job string
	// Dir is where results go that are made here. TaskManager, whose machine this is, owns them.
	Dir, TaskManager string
}

// Stored is where the results of a task are.
type Stored struct {
	// Deployment has made them.
	Deployment int
	// TaskManager has them. Client leads to it; nil if it is that of this worker.
	TaskManager string
	Client      *result.Client
}

// makeResults connects an edge that is a blocking exchange: producers write results, consumers read those
// of earlier deployments.
func (b *builder) makeResults(e *graph.Edge) error {
	edge := e.Type.(exchange.EdgeType)
	if !edge.Encodes() {
		return exchange.CheckRemote(e, false)
	}
	stages, number := b.host.opts.Stages, b.host.edgeNumber(e)
	producers, consumers := e.From.Parallelism, e.To.Parallelism
	about := func(producer, deployment int, at string) result.Error {
		return result.Error{
			Result: fmt.Sprintf("%q (subtask %d) for %q", e.From.Name, producer+1, e.To.Name), TaskManager: at,
			ID: result.ID{Deployment: deployment, Edge: number, Subtask: producer},
		}
	}
	from := b.chain[e.From]
	b.channels[e] = make([][]*exchange.Channel, producers)
	for p, s := range b.subtasks[from] {
		if s != nil {
			first, last := e.Strategy.Targets(p, producers, consumers)
			w := result.NewWriter(stages.Dir, about(p, b.region.Number, stages.TaskManager), last-first+1)
			b.channels[e][p] = exchange.NewResult(edge, w)
		}
	}
	sorted := e.Strategy == graph.Keyed && e.To.KeySchema != "" && edge.Sorts()
	for c, s := range b.subtasks[b.chain[e.To]] {
		if s == nil {
			continue
		}
		gate := b.blocking[s.Chain][c]
		for p := range producers {
			first, last := e.Strategy.Targets(p, producers, consumers)
			if c < first || c > last {
				continue
			}
			at, ok := b.host.layout.Results[b.host.placeOf(from, p)]
			if !ok {
				return fmt.Errorf("the result of %q (subtask %d) is not known", e.From.Name, p+1)
			}
			what := about(p, at.Deployment, at.TaskManager)
			source := result.Local(stages.Dir, what, c-first)
			if at.Client != nil {
				source = at.Client.Fetch(stages.Job, what, c-first)
			}
			gate.AddResult(e.Input, edge, sorted, e.Strategy == graph.Broadcast, source)
		}
	}
	return nil
}

// edgeNumber is the number of an edge between chains.
func (h *Host) edgeNumber(e *graph.Edge) int {
	n := 0
	for _, c := range h.plan.Chains {
		for _, in := range c.Head().In {
			if in == e {
				return n
			}
			n++
		}
	}
	return -1
}

// placeOf is the place of a subtask.
func (h *Host) placeOf(c *graph.Chain, subtask int) int {
	place := subtask
	for _, before := range h.plan.Chains {
		if before == c {
			break
		}
		place += before.Head().Parallelism
	}
	return place
}

// forgetStages gives up the memory of deployments whose tasks have ended, in a job that runs in stages.
func (h *Host) forgetStages() {
	if h.opts.Stages == nil {
		return
	}
	for region, r := range h.deployments {
		if n := len(r.tasks); n == 0 || h.built[r.Number] || int(r.closed.Load()) < n {
			continue // without tasks here, those elsewhere have their coordinators here
		}
		delete(h.deployments, region)
		h.mu.Lock()
		tasks := append([]*Subtask(nil), h.mu.tasks...) // readers keep the old one
		for _, s := range r.tasks {
			if tasks[s.place] == s {
				tasks[s.place] = nil
			}
		}
		h.mu.tasks = tasks
		h.mu.Unlock()
	}
}

// lostResults is the deployment whose results err says are missing or damaged, 0 for none.
func lostResults(err error) int {
	if e := (*result.Error)(nil); errors.As(err, &e) && e.Lost {
		return e.ID.Deployment
	}
	return 0
}

// managersConnected is connected for the TaskManagers that have results.
func (a *agent) managersConnected(d *control.Deploy) bool {
	all := true
	for _, m := range d.Managers {
		if a.isHere(m) || a.clientOf(m.Name) != nil || a.down[m.Name] != nil {
			continue
		}
		all = false
		a.mails.Lock()
		a.mails.managers[m.Name] = true
		a.mails.Unlock()
		a.peers.Connect(m.Name, m.Address)
	}
	return all
}

// isHere reports whether a TaskManager is that of this worker.
func (a *agent) isHere(m control.Peer) bool {
	return a.o.Stages != nil && a.o.Stages.TaskManager == m.Name
}

func (a *agent) clientOf(manager string) *result.Client {
	a.mails.Lock()
	defer a.mails.Unlock()
	return a.mails.clients[manager]
}

// managerUp takes a new connection if it is with a TaskManager.
func (a *agent) managerUp(c *wire.Conn) bool {
	a.mails.Lock()
	manager := a.mails.managers[c.Peer()]
	a.mails.Unlock()
	if !manager {
		return false
	}
	client, err := result.NewClient(c)
	if err != nil {
		return true // it has ended, and peerLost follows
	}
	a.mails.Lock()
	a.mails.clients[c.Peer()] = client
	a.mails.Unlock()
	a.actor.Post(func() {
		delete(a.down, c.Peer())
		a.pump()
	})
	return true
}

// results says where what a deployment reads is. The error names the TaskManager that there is no connection with.
func (a *agent) results(d *control.Deploy) (map[int]Stored, error) {
	for _, m := range d.Managers {
		if err := a.down[m.Name]; err != nil && a.clientOf(m.Name) == nil && !a.isHere(m) {
			delete(a.down, m.Name) // the next deployment tries again
			return nil, fmt.Errorf("results of earlier stages at TaskManager %s: %w", m.Name, err)
		}
	}
	all := make(map[int]Stored, len(d.Results))
	for _, r := range d.Results {
		m := d.Managers[r.Manager]
		all[r.Place] = Stored{Deployment: r.Deployment, TaskManager: m.Name, Client: a.clientOf(m.Name)}
	}
	return all, nil
}
