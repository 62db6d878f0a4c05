package checkpoint

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/flott-dev/flott/internal/fault"
	"github.com/flott-dev/flott/internal/operator"
)

// Config says when checkpoints are taken. Times are in nanoseconds.
type Config struct {
	// Interval is the time between the beginnings of two periodic checkpoints; 0 takes none.
	Interval int64
	// Timeout is how long a checkpoint may take; 0 means for ever.
	Timeout int64
	// MinPause is the least time between the end of a checkpoint and the beginning of the next
	// periodic one.
	MinPause int64
	// MaxConcurrent is how many checkpoints may be under way; 0 means 1.
	MaxConcurrent int
	// TolerableFailures is how many periodic checkpoints in a row may fail before the job does.
	TolerableFailures int
	// SizeMax is how large a checkpoint may be, in bytes, where it is kept in memory; 0 means any size.
	SizeMax int64
	// Flags are those of periodic checkpoints.
	Flags operator.Flags
	// History is of how many checkpoints the statistics are kept; 0 means 10.
	History int
}

// Verb says what the driver of a Coordinator is to do.
type Verb uint8

// The verbs.
const (
	// Trigger sends the barriers of a checkpoint.
	Trigger Verb = iota + 1
	// Publish makes a checkpoint, all parts of which are there, durable, and answers by Published.
	Publish
	// Complete tells everybody that a checkpoint is complete.
	Complete
	// Abort tells everybody that a checkpoint was given up.
	Abort
	// Fail fails the job.
	Fail
)

// Action is something that the driver of a Coordinator is to do.
type Action struct {
	Do      Verb
	Pending *Pending
	Err     error // of Abort and Fail
}

// Coordinator collects the checkpoints of one job. It is a state machine: its driver tells it what
// has happened and when, in nanoseconds, and carries out the actions it returns, in their order.
type Coordinator struct {
	cfg       Config
	job       string
	parts     []Part
	stopped   bool // nothing begins
	last      bool // nothing begins by itself
	held      bool // the same
	lastID    int64
	pending   []*Pending
	completed []*Snapshot // that later ones may stand on, in order
	began     int64       // when the last periodic one began
	ended     int64       // when the last one ended
	failures  int         // in a row
	history   History
}

// NewCoordinator returns the coordinator of a job that starts now, and runs when Run says so. The numbers
// of its checkpoints follow lastID.
func NewCoordinator(cfg Config, job string, lastID, now int64) *Coordinator {
	cfg.MaxConcurrent = max(1, cfg.MaxConcurrent)
	if cfg.MinPause > 0 {
		cfg.MaxConcurrent = 1
	}
	c := &Coordinator{cfg: cfg, job: job, began: now, ended: now - cfg.MinPause, stopped: true}
	c.history.keep = cmp.Or(cfg.History, 10)
	c.lastID = lastID
	return c
}

// Restored tells that all of the job has been restored from s, nil for nothing.
func (c *Coordinator) Restored(s *Snapshot) {
	c.completed = nil
	if s != nil {
		c.completed = []*Snapshot{s}
	}
}

// Run tells that the tasks and coordinators of the job run, which are its parts.
func (c *Coordinator) Run(parts []Part, now int64) {
	c.parts, c.stopped, c.last, c.held = parts, false, false, false
	c.began = now
}

// Halt tells that a part of the job has failed or that the job ends: all checkpoints that are under
// way are given up, and none begins until Run.
func (c *Coordinator) Halt(now int64, cause error) (actions []Action) {
	c.stopped = true
	for _, p := range slices.Clone(c.pending) {
		if !p.publishing {
			actions = append(actions, c.abort(p, now, cause)...)
		}
	}
	return actions
}

// Last tells that all parts have ended: what is under way is given up, and no checkpoint begins by
// itself any more.
func (c *Coordinator) Last(now int64) []Action {
	actions := c.Halt(now, errEnded)
	c.stopped, c.last = false, true
	return actions
}

// Publishing reports whether a checkpoint is being made durable.
func (c *Coordinator) Publishing() bool {
	return slices.ContainsFunc(c.pending, func(p *Pending) bool { return p.publishing })
}

// Wake is the time at which Tick must be called, 0 for never.
func (c *Coordinator) Wake() int64 {
	at := int64(0)
	add := func(t int64) {
		if at == 0 || t < at {
			at = t
		}
	}
	if c.cfg.Timeout > 0 {
		for _, p := range c.pending {
			if !p.publishing {
				add(p.Stats.Triggered + c.cfg.Timeout)
			}
		}
	}
	if c.mayBegin() {
		add(c.nextPeriodic())
	}
	return at
}

func (c *Coordinator) mayBegin() bool {
	return !c.stopped && !c.last && !c.held && c.cfg.Interval > 0 && len(c.pending) < c.cfg.MaxConcurrent
}

func (c *Coordinator) nextPeriodic() int64 {
	return max(c.began+c.cfg.Interval, c.ended+c.cfg.MinPause)
}

// Tick does what is due.
func (c *Coordinator) Tick(now int64) (actions []Action) {
	if c.cfg.Timeout > 0 {
		for _, p := range slices.Clone(c.pending) {
			if !p.publishing && now-p.Stats.Triggered >= c.cfg.Timeout {
				err := fmt.Errorf("not complete after %s (execution.checkpointing.timeout): %s",
					seconds(c.cfg.Timeout), p.waitsFor())
				actions = append(actions, c.fail(p, now, err)...)
			}
		}
	}
	if c.mayBegin() && now >= c.nextPeriodic() {
		c.began = now
		actions = append(actions, c.begin(now, Request{Flags: c.cfg.Flags}, true))
	}
	return actions
}

var (
	errEnded  = errors.New("the input has ended")
	errHalted = errors.New("the job is not running")
)

// ErrBusy is why a snapshot that was asked for does not begin while others are under way or wait. It may be
// asked for again.
var ErrBusy = errors.New("another snapshot is under way")

// Request is a snapshot that somebody asks for.
type Request struct {
	Flags operator.Flags
	// InMemory keeps it from the storage of checkpoints.
	InMemory bool
	// Directory is where a savepoint goes.
	Directory string
	// End hears of its end: where it is stored, or why there is none.
	End func(s *Snapshot, location string, err error)
}

// Hold has no checkpoint begin by itself, or ends that, as Run does.
func (c *Coordinator) Hold(on bool) { c.held = on }

// Stopped reports whether no snapshot can begin until Run.
func (c *Coordinator) Stopped() bool { return c.stopped }

// Room reports whether a snapshot can begin.
func (c *Coordinator) Room() bool { return !c.stopped && len(c.pending) < c.cfg.MaxConcurrent }

// Begin starts a snapshot that somebody has asked for.
func (c *Coordinator) Begin(now int64, r Request) ([]Action, error) {
	if c.stopped {
		return nil, errHalted
	}
	if len(c.pending) >= c.cfg.MaxConcurrent {
		return nil, ErrBusy
	}
	return []Action{c.begin(now, r, false)}, nil
}

func (c *Coordinator) begin(now int64, r Request, periodic bool) Action {
	c.lastID++
	p := &Pending{
		Request: r, Periodic: periodic, standsOn: c.newest(),
		snapshot: &Snapshot{
			ID: c.lastID, Job: c.job, Taken: now / 1e6, Operators: map[string]*OperatorState{},
			Native: r.Flags.Has(operator.Native),
		},
		missing: map[Part]bool{},
		Stats: Stats{
			ID: c.lastID, Triggered: now, Savepoint: r.Flags.Has(operator.Savepoint) || r.InMemory,
			Flags: r.Flags, Status: InProgress, Parts: len(c.parts),
		},
	}
	for _, part := range c.parts {
		p.missing[part] = true
	}
	c.pending = append(c.pending, p)
	return Action{Do: Trigger, Pending: p}
}

// Pending is the checkpoint of a number, nil when it is not under way.
func (c *Coordinator) Pending(id int64) *Pending {
	for _, p := range c.pending {
		if p.ID() == id {
			return p
		}
	}
	return nil
}

// Delivery is the state of a task: of each operator of its chain.
type Delivery struct {
	ID        int64 // of the checkpoint
	Part      Part
	Operators []Operator
	States    []*operator.Snapshot
	// Rest is, for each operator, what is stored of its state besides keyed state; nil if nothing is.
	Rest  []operator.Blob
	Stats SubtaskStats
}

// Deliver takes the state of a task. Repeated and late deliveries change nothing.
func (c *Coordinator) Deliver(now int64, d Delivery) []Action {
	p := c.Pending(d.ID)
	if p == nil || !p.missing[d.Part] {
		return nil
	}
	stats := d.Stats
	stats.Chain, stats.Subtask, stats.Acknowledged = d.Part.Chain, d.Part.Subtask, now
	for i, of := range d.Operators {
		s := d.States[i]
		o := p.operator(of)
		rest := int64(0)
		if d.Rest != nil && d.Rest[i] != nil {
			for len(o.Rest) <= d.Part.Subtask {
				o.Rest = append(o.Rest, nil)
			}
			o.Rest[d.Part.Subtask] = d.Rest[i]
			rest = d.Rest[i].Size()
		}
		stats.Size += size(&s.State) + rest
		if s.Since != 0 {
			since, err := c.since(s.Since, of.UID, d.Part.Subtask)
			if err != nil {
				return c.Decline(now, d.ID, err)
			}
			resolve(s, since)
		}
		stats.FullSize += size(&s.State) + known(&s.State) + rest
		o.Subtasks[d.Part.Subtask] = &s.State
	}
	p.Stats.add(stats)
	if most := c.cfg.SizeMax; most > 0 && p.Stats.FullSize > most && !p.Outlived() && p.Directory == "" {
		return c.Decline(now, d.ID, fmt.Errorf("its state has more than %d bytes, which is the limit for "+
			"checkpoints in memory; set a checkpoint directory (execution.checkpointing.dir)", most))
	}
	return c.ack(p, d.Part)
}

func (c *Coordinator) since(id int64, uid string, subtask int) (*operator.State, error) {
	for _, s := range c.completed {
		if s.ID != id {
			continue
		}
		if o := s.Operators[uid]; o != nil && subtask < len(o.Subtasks) {
			return o.Subtasks[subtask], nil
		}
	}
	return nil, fmt.Errorf("it stands on checkpoint %d, which is gone", id)
}

// DeliverCoordinator takes the state of an operator's coordinator.
func (c *Coordinator) DeliverCoordinator(id int64, of Operator, state []byte) []Action {
	p := c.Pending(id)
	part := Part{Subtask: -1, UID: of.UID}
	if p == nil || !p.missing[part] {
		return nil
	}
	p.operator(of).Coordinator = state
	return c.ack(p, part)
}

func (c *Coordinator) ack(p *Pending, part Part) []Action {
	delete(p.missing, part)
	if len(p.missing) > 0 && !(fault.Seeded(fault.MissOnePart) && len(p.missing) == 1) {
		return nil
	}
	p.ready = true
	return c.publishReady()
}

// publishReady publishes what is complete: of the job's own checkpoints one at a time, so that an older
// one never becomes the newest.
func (c *Coordinator) publishReady() (actions []Action) {
	busy := slices.ContainsFunc(c.pending, func(p *Pending) bool { return p.publishing && !p.Outlived() })
	for _, p := range c.pending {
		if !p.ready || p.publishing || busy && !p.Outlived() {
			continue
		}
		p.publishing = true
		busy = busy || !p.Outlived()
		actions = append(actions, Action{Do: Publish, Pending: p})
	}
	return actions
}

// Decline tells that a part could not take its part of a checkpoint.
func (c *Coordinator) Decline(now, id int64, err error) []Action {
	p := c.Pending(id)
	if p == nil || p.publishing {
		return nil
	}
	return c.fail(p, now, err)
}

// Withdraw gives a checkpoint up that nobody waits for any more.
func (c *Coordinator) Withdraw(now, id int64, err error) []Action {
	p := c.Pending(id)
	if p == nil || p.publishing {
		return nil
	}
	return c.abort(p, now, err)
}

// Published tells that a checkpoint is durable, or why it is not.
func (c *Coordinator) Published(now, id int64, err error) (actions []Action) {
	p := c.Pending(id)
	if p == nil {
		return nil
	}
	if err != nil {
		return append(c.fail(p, now, err), c.publishReady()...)
	}
	for _, older := range slices.Clone(c.pending) {
		if older.ID() < id && !older.publishing && !older.Outlived() && !p.Outlived() {
			cause := fmt.Errorf("checkpoint %d was complete before", id)
			actions = append(actions, c.abort(older, now, cause)...)
		}
	}
	c.remove(p, now)
	c.failures = 0
	if !p.Outlived() {
		c.completed = append(c.completed, p.snapshot)
		c.completed = c.completed[c.unneeded():]
	}
	p.Stats.finish(now, nil)
	p.Stats.Location = p.Location
	c.history.end(p.Stats)
	p.finish(nil)
	return append(append(actions, Action{Do: Complete, Pending: p}), c.publishReady()...)
}

// unneeded is how many completed checkpoints nothing can stand on any more: all but the newest, and
// those that were the newest when one that is under way began.
func (c *Coordinator) unneeded() int {
	oldest := c.newest()
	for _, p := range c.pending {
		oldest = min(oldest, p.standsOn)
	}
	return slices.IndexFunc(c.completed, func(s *Snapshot) bool { return s.ID >= oldest })
}

func (c *Coordinator) newest() int64 {
	if s := c.Latest(); s != nil {
		return s.ID
	}
	return 0
}

// Latest is the newest completed checkpoint, nil when there is none.
func (c *Coordinator) Latest() *Snapshot {
	if n := len(c.completed); n > 0 {
		return c.completed[n-1]
	}
	return nil
}

// Standing are the completed checkpoints that later ones may stand on: what they name must be kept.
func (c *Coordinator) Standing() []*Snapshot { return c.completed }

// fail gives up a checkpoint that has failed by itself, which counts.
func (c *Coordinator) fail(p *Pending, now int64, cause error) []Action {
	actions := c.abort(p, now, cause)
	if !p.Periodic {
		return actions
	}
	if c.failures++; c.failures > c.cfg.TolerableFailures {
		err := fmt.Errorf("%w (%d checkpoints in a row have failed; tolerable-failed-checkpoints is %d)",
			actions[0].Err, c.failures, c.cfg.TolerableFailures)
		c.failures = 0
		actions = append(actions, Action{Do: Fail, Pending: p, Err: err})
	}
	return actions
}

func (c *Coordinator) abort(p *Pending, now int64, cause error) []Action {
	c.remove(p, now)
	err := fmt.Errorf("checkpoint %d: %w", p.ID(), cause)
	p.Stats.finish(now, err)
	c.history.end(p.Stats)
	p.finish(err)
	return []Action{{Do: Abort, Pending: p, Err: err}}
}

func (c *Coordinator) remove(p *Pending, now int64) {
	c.pending = slices.DeleteFunc(c.pending, func(o *Pending) bool { return o == p })
	c.ended = now
}

// History is the statistics of the checkpoints that have ended, and of those under way.
func (c *Coordinator) History() History {
	h := c.history.clone()
	for _, p := range c.pending {
		h.Checkpoints = append(h.Checkpoints, p.Stats.clone())
	}
	return h
}

func (p *Pending) finish(err error) {
	if p.End == nil {
		return
	}
	if err != nil {
		p.End(nil, "", err)
		return
	}
	p.End(p.snapshot, p.Location, nil)
}

// waitsFor names some of the parts that have not delivered their state.
func (p *Pending) waitsFor() string {
	parts := make([]Part, 0, len(p.missing))
	for part := range p.missing {
		parts = append(parts, part)
	}
	slices.SortFunc(parts, func(a, b Part) int {
		return cmp.Or(cmp.Compare(a.Chain, b.Chain), cmp.Compare(a.Subtask, b.Subtask), cmp.Compare(a.UID, b.UID))
	})
	const most = 3
	text := fmt.Sprintf("%d of %d parts have not delivered their state", len(parts), p.Stats.Parts)
	for i, part := range parts[:min(most, len(parts))] {
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		text += sep + part.String()
	}
	return text
}

// String names the part.
func (p Part) String() string {
	if p.Subtask < 0 {
		return fmt.Sprintf("the coordinator of %s", p.UID)
	}
	return fmt.Sprintf("task %d subtask %d", p.Chain, p.Subtask+1)
}

func seconds(nanos int64) string { return fmt.Sprintf("%gs", float64(nanos)/1e9) }
