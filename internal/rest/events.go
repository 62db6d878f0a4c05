package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/restapi"
)

// keepAlive is how often a viewer hears something in any case.
const keepAlive = 15 * time.Second

// part is one thing that a feed tells, under its name.
type part struct {
	kind restapi.EventKind
	body any
}

// feeds are what viewers follow, each once for all of them.
type feeds struct {
	mu struct {
		sync.Mutex
		all map[string]*feed
	}
}

// feed looks at something once an interval, as long as somebody follows it, and keeps the last event of each kind.
type feed struct {
	read    func(now time.Time) ([]part, error)
	viewers int // of feeds.mu
	end     context.CancelFunc
	ended   chan struct{}

	mu struct {
		sync.Mutex
		last    []event // in the order in which they are to be sent
		version int     // counts what has changed
		gone    bool    // there is nothing more to come
		changed chan struct{}
	}
}

// event is the last one of its kind.
type event struct {
	kind    restapi.EventKind
	data    []byte
	now     int64 // milliseconds since 1970
	version int
}

// join follows what has a key, which read reads.
func (f *feeds) join(ctx context.Context, key string, interval time.Duration, read func(time.Time) ([]part, error)) *feed {
	f.mu.Lock()
	defer f.mu.Unlock()
	if got := f.mu.all[key]; got != nil {
		got.viewers++
		return got
	}
	of := &feed{read: read, viewers: 1, ended: make(chan struct{})}
	of.mu.changed = make(chan struct{})
	ctx, of.end = context.WithCancel(ctx)
	if f.mu.all == nil {
		f.mu.all = map[string]*feed{}
	}
	f.mu.all[key] = of
	go of.run(ctx, interval)
	return of
}

// leave ends what nobody follows any more.
func (f *feeds) leave(key string, of *feed) {
	f.mu.Lock()
	of.viewers--
	last := of.viewers == 0
	if last {
		delete(f.mu.all, key)
	}
	f.mu.Unlock()
	if last {
		of.end()
		<-of.ended
	}
}

func (f *feed) run(ctx context.Context, interval time.Duration) {
	defer close(f.ended)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for f.look(time.Now()) {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// look notes what has changed, and reports whether there may be more.
func (f *feed) look(now time.Time) bool {
	parts, err := f.read(now)
	if err != nil {
		parts = []part{{restapi.GoneEvent, restapi.Errors{Errors: []string{err.Error()}}}}
	}
	events := make([]event, len(parts))
	for i, p := range parts {
		data, err := json.Marshal(p.body)
		if err != nil {
			panic(err) // our own types only
		}
		events[i] = event{p.kind, data, now.UnixMilli(), 0}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	version := f.mu.version
	for i := range events {
		e := &events[i]
		e.version = version + 1
		for _, old := range f.mu.last {
			if old.kind == e.kind && bytes.Equal(old.data, e.data) {
				*e = old
			}
		}
		if e.version > version {
			f.mu.version = version + 1
		}
	}
	f.mu.last, f.mu.gone = events, err != nil
	if f.mu.version > version {
		close(f.mu.changed)
		f.mu.changed = make(chan struct{})
	}
	return err == nil
}

// since is what has changed since a version, and what is closed when there is more.
func (f *feed) since(version int) (events []event, now int, gone bool, changed <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, e := range f.mu.last {
		if e.version > version {
			events = append(events, e)
		}
	}
	return events, f.mu.version, f.mu.gone, f.mu.changed
}

// follow sends a viewer the events of a feed until one of both has ended. A viewer that does not keep up misses those in
// between; one that takes nothing for WriteTimeout is left.
func (s *Server) follow(w http.ResponseWriter, r *http.Request, key string, read func(time.Time) ([]part, error)) error {
	w.Header().Set("Content-Type", "text/event-stream; charset=UTF-8")
	w.Header().Set("X-Accel-Buffering", "no") // proxies
	if r.Method == http.MethodHead {
		return nil
	}
	f := s.feeds.join(s.ctx, key, s.o.EventInterval, read)
	defer s.feeds.leave(key, f)
	out, c := slowWriter{w, s.o.WriteTimeout}, http.NewResponseController(w)
	alive := time.NewTicker(keepAlive)
	defer alive.Stop()
	var b bytes.Buffer
	for version := 0; ; {
		events, now, gone, changed := f.since(version)
		version = now
		for _, e := range events {
			fmt.Fprintf(&b, "id: %d\nevent: %s\ndata: %s\n\n", e.now, e.kind, e.data) // JSON has no line ends
		}
		if _, err := out.Write(b.Bytes()); err != nil || c.Flush() != nil || gone {
			return nil // who does not read is gone
		}
		b.Reset()
		select {
		case <-changed:
		case <-alive.C:
			fmt.Fprintf(&b, "id: %d\n: alive\n\n", time.Now().UnixMilli())
		case <-r.Context().Done():
			return nil
		case <-s.ctx.Done():
			return nil
		}
	}
}

// errNotThere is why a vertex is not followed any more.
var errNotThere = errors.New("the job has no such vertex any more")

func (s *Server) clusterEvents(w http.ResponseWriter, r *http.Request) error {
	return s.follow(w, r, "", func(time.Time) ([]part, error) {
		return []part{{restapi.ClusterEvent, s.clusterState()}, {restapi.JobsEvent, s.jobLines()}}, nil
	})
}

func (s *Server) jobEvents(w http.ResponseWriter, r *http.Request) error {
	v, err := s.view(r)
	if err != nil {
		return err
	}
	m := meter{}
	return s.follow(w, r, v.ID, func(now time.Time) ([]part, error) {
		v, err := s.m.View(v.ID)
		if err != nil {
			return nil, err
		}
		m.read(v)
		parts := []part{
			{restapi.JobEvent, jobAlone(v)},
			{restapi.PlanEvent, planVertices(v)},
			{restapi.VerticesEvent, m.vertices(v)},
			{restapi.ScalingEvent, scalingOf(v)},
			{restapi.DiagnosisEvent, diagnosisOf(v, now)},
			{restapi.ExceptionsEvent, exceptionsOf(v, exceptionsMost)},
		}
		if !v.Settings.Batch {
			parts = append(parts, part{restapi.CheckpointsEvent, checkpointsOf(v)})
		}
		return parts, nil
	})
}

func (s *Server) vertexEvents(w http.ResponseWriter, r *http.Request) error {
	v, err := s.view(r)
	if err != nil {
		return err
	}
	x, err := s.vertexView(r)
	if err != nil {
		return err
	}
	id, m := vertexID(&x.Vertex), meter{}
	return s.follow(w, r, v.ID+"/"+id, func(time.Time) ([]part, error) {
		v, err := s.m.View(v.ID)
		if err != nil {
			return nil, err
		}
		m.read(v)
		for i := range v.Vertices {
			if vertexID(&v.Vertices[i].Vertex) == id {
				return []part{{restapi.SubtasksEvent, m.subtasks(v, i)}, {restapi.HotKeysEvent, hotKeysOf(v, i)}}, nil
			}
		}
		return nil, errNotThere
	})
}
