//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"github.com/flott-dev/flott/client"
)

// strike is what a fault has done.
type strike struct {
	fault fault
	hit   string
	after bool // the job was not well when it struck
	// running is the time until all tasks ran again, healthy until they had taken a checkpoint; 0 where nobody waited for it.
	running, healthy time.Duration
}

// run is a run of the job with faults.
type run struct {
	options
	cluster *cluster
	job     job
	rng     *rand.Rand
	deck    []fault // those of this round that have not struck yet
	strikes []strike
	unwell  bool // nobody has waited until the job was well again
	// What was there in the end.
	restarts, checkpoints, lines int
	took                         time.Duration
}

// eventsOf is how many events the job needs to last until all faults have struck.
func (r *run) eventsOf() int64 {
	seconds := 20.0
	for range r.hits {
		seconds += 3
	}
	for _, f := range r.faults {
		seconds += float64(r.hits) / float64(len(r.faults)) * f.lasts.Seconds() * 2
	}
	return int64(seconds * slowPerSecond)
}

// do runs the job, once in this process and once on a cluster with faults, and compares.
func (r *run) do(ctx context.Context) (err error) {
	began := time.Now()
	defer func() { r.took = time.Since(began) }()
	gate := filepath.Join(r.dir, "gate")
	r.job = job{dir: filepath.Join(r.dir, "disk"), events: r.eventsOf(), gate: gate}
	var n *network
	if needs(r.faults, func(f fault) bool { return f.network }) {
		if n, err = newNetwork(); err != nil {
			return fmt.Errorf("%w: %w", errMachine, err)
		}
		defer n.close()
	}
	if needs(r.faults, func(f fault) bool { return f.disk }) {
		if err := mountDisk(r.job.dir); err != nil {
			return fmt.Errorf("%w: %w", errMachine, err)
		}
		defer func() { err = errors.Join(err, command("umount", r.job.dir)) }()
	}
	if r.cluster, err = newCluster(r.dir, r.flott, n); err != nil {
		return err
	}
	defer r.cluster.killAll()
	if err := r.cluster.submit(ctx, r.job); err != nil {
		return err
	}
	if _, err := r.cluster.healthy(ctx); err != nil {
		return err
	}
	for len(r.strikes) < r.hits {
		if err := r.strike(ctx); err != nil {
			return fmt.Errorf("strike %d: %w", len(r.strikes)+1, err)
		}
	}
	if _, err := r.cluster.healthy(ctx); err != nil {
		return err
	}
	if err := os.WriteFile(gate, nil, 0o600); err != nil {
		return err
	}
	if err := r.finish(ctx); err != nil {
		return err
	}
	return errors.Join(r.compare(ctx), leftovers(r.cluster, r.job))
}

// next deals the faults out, all of them in each round.
func (r *run) next() fault {
	if len(r.deck) == 0 {
		for _, i := range r.rng.Perm(len(r.faults)) {
			r.deck = append(r.deck, r.faults[i])
		}
	}
	f := r.deck[0]
	r.deck = r.deck[1:]
	return f
}

// strike has a fault strike at some instant, and waits until the job is well again; sometimes only until it is undone.
func (r *run) strike(ctx context.Context) error {
	c, f := r.cluster, r.next()
	time.Sleep(time.Duration(r.rng.IntN(600)) * time.Millisecond)
	s := strike{fault: f, after: r.unwell}
	c.well = !r.unwell
	r.unwell = f.lasts == 0 && r.rng.IntN(3) == 0
	before, err := c.health(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	hit, heal, err := f.strike(c, r.rng)
	if err != nil {
		return fmt.Errorf("%s: %w", f.name, err)
	}
	s.hit = hit
	recovered := make(chan error, 1)
	if r.unwell || s.after { // its failure may be one with another: there is nothing to measure
		recovered <- nil
	} else {
		go func() { // it may run again before the fault is undone
			_, err := c.await(ctx, "the job runs again", func(h health) bool { return h.running && (f.harmless || h.restarts > before.restarts) })
			s.running = time.Since(began)
			recovered <- err
		}()
	}
	time.Sleep(f.lasts)
	err = errors.Join(heal(), <-recovered)
	if err == nil && !r.unwell {
		var after health
		after, err = c.healthy(ctx)
		s.healthy = time.Since(began)
		if err == nil && f.unnoticed && !s.after && after.restarts > before.restarts {
			err = fmt.Errorf("the job has restarted %d times", after.restarts-before.restarts)
		}
	}
	if err != nil {
		return fmt.Errorf("%s, %s: %w", f.name, s.hit, err)
	}
	r.strikes = append(r.strikes, s)
	fmt.Printf("%4d  %-22s  %-43s  %s\n", len(r.strikes), f.name, s.hit, s.outcome())
	return nil
}

// outcome says what came of a strike.
func (s *strike) outcome() string {
	checkpoint := fmt.Sprintf("has two checkpoints after %v", s.healthy.Round(time.Millisecond))
	switch {
	case s.healthy == 0:
		return "the next follows at once"
	case s.after || s.fault.harmless:
		return checkpoint
	}
	return fmt.Sprintf("runs after %v, %s", s.running.Round(time.Millisecond), checkpoint)
}

// alone reports whether it is known how long the job took to run again after the strike alone.
func (s *strike) alone() bool { return !s.after && s.healthy > 0 }

// finish lets the job come to its end, and the cluster.
func (r *run) finish(ctx context.Context) error {
	c := r.cluster
	if err := c.client.Wait(ctx, c.jobID); err != nil {
		return err
	}
	h, err := c.health(ctx)
	if err != nil {
		return err
	}
	r.restarts, r.checkpoints = h.restarts, h.completed
	if h.state != client.Finished {
		return fmt.Errorf("the job has ended as %s", h.state)
	}
	if err := c.slotsAreFree(ctx); err != nil {
		return err
	}
	return c.stop()
}

// slotsAreFree waits until no slot has a holder.
func (c *cluster) slotsAreFree(ctx context.Context) error {
	for late := time.Now().Add(awaitTimeout); ; time.Sleep(pollInterval) {
		o, err := c.client.Overview(ctx)
		if err != nil {
			return err
		}
		if o.TaskManagers == taskManagers && o.Slots == taskManagers*slots && o.FreeSlots == o.Slots {
			return nil
		}
		if time.Now().After(late) {
			return fmt.Errorf("slots are leaked: %+v", o)
		}
	}
}

func needs(all []fault, what func(fault) bool) bool {
	for _, f := range all {
		if what(f) {
			return true
		}
	}
	return false
}
