package taskmanager

import (
	"cmp"
	"context"
	"errors"
	"net"
	"path/filepath"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/result"
	"github.com/flott-dev/flott/internal/wire"
)

// results keeps the results of stages, and serves them.
type results struct {
	dir     *result.Dir
	address string
	peers   *wire.Peers

	mu struct {
		sync.Mutex
		servers map[string]*result.Server // by worker
	}
}

func openResults(o *Options) (*results, error) {
	r := &results{}
	r.mu.servers = map[string]*result.Server{}
	var err error
	if r.dir, err = result.OpenDir(filepath.Join(o.Dir, "results")); err != nil {
		return nil, err
	}
	l, err := net.Listen("tcp", net.JoinHostPort(cmp.Or(o.Host, "127.0.0.1"), "0"))
	if err != nil {
		return nil, errors.Join(err, r.dir.Close())
	}
	r.address = l.Addr().String()
	p := wire.PeersOptions{Options: o.Wire, Up: r.up, Down: r.down}
	p.Name = o.ID
	p.Rejected = func(err error) { o.Log.Warn("flott: a worker gets no results", "error", err) }
	if r.peers, err = wire.NewPeers(l, p); err != nil {
		return nil, errors.Join(err, l.Close(), r.dir.Close())
	}
	return r, nil
}

// up serves a worker.
func (r *results) up(c *wire.Conn) {
	s, err := result.Serve(r.dir, c)
	if err != nil {
		return // the connection has ended
	}
	r.mu.Lock()
	r.mu.servers[c.Peer()] = s
	r.mu.Unlock()
}

// down waits for what was being sent to a worker. It ends, as the connection has.
func (r *results) down(name string, _ error) {
	r.mu.Lock()
	s := r.mu.servers[name]
	delete(r.mu.servers, name)
	r.mu.Unlock()
	if s != nil {
		s.Wait()
	}
}

func (r *results) discard(d *control.Discard) error {
	if d.Deployment == 0 {
		return r.dir.Remove(d.Job)
	}
	return r.dir.Discard(d.Job, d.Deployment)
}

// close ends all connections and removes all results.
func (r *results) close() error {
	ctx, stop := context.WithTimeout(context.Background(), time.Second)
	defer stop()
	_ = r.peers.Close(ctx) // the workers have ended
	return r.dir.Close()
}
