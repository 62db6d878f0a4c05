package task

import (
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/exchange"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/spill"
)

// Inlet pushes untyped batches into a typed input of the head of the chain.
type Inlet struct {
	Push func(b batch.Any) bool
	// Mark pushes a batch that holds nothing but a watermark.
	Mark func(t int64) bool
}

// Listener hears of what a task did. Its methods are called on the task's goroutine and must not
// block.
type Listener interface {
	// Upload begins the task's part of a checkpoint and returns where its keyed state goes.
	Upload(t *Task, checkpoint int64) Upload
	// Snapshotted delivers the states of the task's nodes, in the order of Config.Nodes, once all of
	// it has been given to the upload.
	Snapshotted(t *Task, checkpoint int64, states []*operator.Snapshot, err error)
	// Ended tells that the task has processed all of its input, or has failed.
	Ended(t *Task, err error)
}

// Upload takes the keyed state of a task's part of a checkpoint. Its methods do not block.
type Upload interface {
	// Room reports whether Put may be called. If not, the task is woken when there is room again.
	Room() bool
	// Put takes data, which belongs to the upload from then on, and returns what stands for it.
	Put(data []byte) operator.Blob
	// PutTree takes a tree, and stores its files.
	PutTree(c *operator.Captured)
	// Discard ends an upload whose snapshot is given up.
	Discard()
}

// Gate is the input side of a task: an exchange.Gate, or in batch mode an exchange.BatchGate.
type Gate interface {
	// Poll returns the next event. One without batch and control element is to be asked again.
	Poll() (exchange.Event, bool)
	Empty() bool
	Watermark() int64
	BytesIn() int64
	Abort(checkpoint int64)
	Discard()
}

// Config is what a task is made of.
type Config struct {
	Name     string
	Subtask  int
	Nodes    []operator.Node // in topological order, the head first
	Contexts []*operator.Context
	Gate     Gate    // nil for a source
	Inlets   []Inlet // of the head, one for each input
	Clock    clock.Clock
	Listener Listener
	// AlignedTimeout is how long after its making an aligned barrier becomes unaligned; 0 is never.
	AlignedTimeout time.Duration
	// Restore, when it is not nil, restores what was in flight to the task. It returns functions that
	// push batches into the chain, to be called before any input is taken.
	Restore func() (pushes []func(), err error)
	// Stall, when it is not nil, is asked whether to leave the input alone, unless a barrier of it has
	// to come in turn: a hook of tests, which makes input pile up.
	Stall func() bool
}

// Task is one subtask.
type Task struct {
	cfg      Config
	gate     *exchange.Gate // Config.Gate, unless in batch mode
	poller   operator.Poller
	head     operator.LoopHead // the head of the chain, if it is that of a loop
	flushers []operator.Flusher
	wakeup   chan struct{}

	mu struct {
		sync.Mutex
		mail []func()
	}
	inbox []func()

	controls  []order // to be delivered
	controlAt int     // next node for controls[0]
	timers    timerHeap
	disarm    func()
	armed     int64
	now       int64 // nanoseconds, read once a step
	ended     bool
	inputOver bool
	triggered operator.Control // the last barrier that was asked for
	suspended int64            // the barrier after which nothing is done, 0 for none
	snapped   int64
	outerEnd  bool     // of a loop: all input from outside has come
	report    *report  // a snapshot that is not complete
	late      []late   // barriers that wait for it
	wrote     int64    // when writeShare returned, with more to write
	restored  []func() // pushes of what was in flight within the chain
	reported  SnapshotStats
	overdrawn bool  // writers take more than there is room for
	stop      error // set by Cancel
	stats     Stats
	timing    timing
}

// order is a control element for all nodes from the node first on, or a function to be run between
// control elements.
type order struct {
	control operator.Control
	first   int
	run     func()
}

var errCancelled = errors.New("cancelled")

// New returns a task. Open must be called on the task's goroutine before the first Step; Run does.
func New(cfg Config) *Task {
	t := &Task{cfg: cfg, wakeup: make(chan struct{}, 1)}
	t.timing.base = cfg.Clock.Now()
	if p, ok := cfg.Nodes[0].(operator.Poller); ok && cfg.Gate == nil {
		t.poller = p
	}
	t.head, _ = cfg.Nodes[0].(operator.LoopHead)
	for _, n := range cfg.Nodes {
		if f, ok := n.(operator.Flusher); ok {
			t.flushers = append(t.flushers, f)
		}
	}
	t.readClock()
	if t.gate, _ = cfg.Gate.(*exchange.Gate); t.gate != nil {
		t.gate.Configure(t.Now, int64(cfg.AlignedTimeout))
	}
	return t
}

// Name is the name of the task's chain.
func (t *Task) Name() string { return t.cfg.Name }

// Subtask is the task's number among the parallel ones.
func (t *Task) Subtask() int { return t.cfg.Subtask }

// Now is the task's clock in nanoseconds as of this step.
func (t *Task) Now() int64 { return t.now }

// Wake makes a parked task look for work.
func (t *Task) Wake() {
	select {
	case t.wakeup <- struct{}{}:
	default:
	}
}

// Mail runs f on the task's goroutine, soon. Any goroutine may call it.
func (t *Task) Mail(f func()) {
	t.mu.Lock()
	t.mu.mail = append(t.mu.mail, f)
	t.mu.Unlock()
	t.Wake()
}

// WakeAt asks for a processing-time call of node at a time in nanoseconds.
func (t *Task) WakeAt(node int, nanos int64) { t.timers.add(timerEntry{nanos, node}) }

// Cancel makes the task end with cause, at its next step.
func (t *Task) Cancel(cause error) {
	t.Mail(func() {
		if t.stop == nil {
			t.stop = cause
		}
	})
}

// Trigger starts a checkpoint: a source passes a barrier on, and so does the head of a loop that has
// nothing but the loop's records left; a task that has ended delivers its state, others wait for the
// barrier.
func (t *Task) Trigger(checkpoint int64, flags operator.Flags) {
	barrier := operator.Control{Kind: operator.Barrier, ID: checkpoint, Flags: flags}
	t.Mail(func() {
		barrier.Created = t.now
		t.triggered = barrier
		switch {
		case t.ended:
			t.snapshot(barrier)
		case t.inputOver: // nothing may follow the end of the input: see end
		case t.poller != nil || t.outerEnd:
			t.queue(order{control: barrier})
		case t.gate != nil:
			t.gate.Ask(barrier)
		}
	})
}

// Deliver runs f on the task's goroutine, in order with the barriers of Trigger. Any goroutine may
// call it.
func (t *Task) Deliver(f func()) { t.Mail(func() { t.queue(order{run: f}) }) }

// Send queues a control element for the nodes after node; Context.Send is made of it.
func (t *Task) Send(node int, c operator.Control) { t.queue(order{control: c, first: node + 1}) }

func (t *Task) queue(o order) {
	t.controls = append(t.controls, o)
	if o.isUnaligned() {
		t.overdraw(true)
	}
}

// Tell reports the end of a checkpoint to the nodes that listen.
func (t *Task) Tell(checkpoint int64, completed bool) {
	t.Mail(func() {
		if !completed && t.cfg.Gate != nil {
			t.cfg.Gate.Abort(checkpoint)
		}
		if r := t.report; !completed && r != nil && r.checkpoint == checkpoint {
			t.dropReport()
		}
		if !completed && t.suspended == checkpoint {
			t.suspended = 0
		}
		if err := t.tell(checkpoint, completed); err != nil {
			panic(err)
		}
	})
}

func (t *Task) tell(checkpoint int64, completed bool) error {
	for i, n := range t.cfg.Nodes {
		listeners := t.cfg.Contexts[i].Listeners
		if l, ok := n.(operator.CheckpointListener); ok {
			listeners = append([]operator.CheckpointListener{l}, listeners...)
		}
		for _, l := range listeners {
			if !completed {
				l.Aborted(checkpoint)
			} else if err := l.Completed(checkpoint); err != nil {
				return t.cfg.Contexts[i].NewError(err, nil)
			}
		}
	}
	return nil
}

// open opens the nodes from the last to the first, so that a node's consumers are ready before it.
func (t *Task) open() (err error) {
	defer t.recovered(&err)
	for i := len(t.cfg.Nodes) - 1; i >= 0; i-- {
		if err := t.cfg.Nodes[i].Open(t.cfg.Contexts[i]); err != nil {
			return t.cfg.Contexts[i].NewError(err, nil)
		}
	}
	for _, ctx := range t.cfg.Contexts { // an operator shares its own with the writers behind it
		if err := ctx.CheckRestored(); err != nil {
			return ctx.NewError(err, nil)
		}
	}
	if t.cfg.Restore != nil {
		if t.restored, err = t.cfg.Restore(); err != nil {
			return t.cfg.Contexts[0].NewError(err, nil)
		}
	}
	return nil
}

// recovered turns a panic into err.
func (t *Task) recovered(err *error) {
	r := recover()
	if r == nil {
		return
	}
	if e, ok := r.(*operator.Error); ok {
		*err = e
		return
	}
	cause, ok := r.(error)
	if !ok || isRuntime(r) {
		cause = fmt.Errorf("panic: %v", r)
	}
	node, record := t.culprit()
	if disk := (*spill.Error)(nil); errors.As(cause, &disk) {
		*err = t.cfg.Contexts[node].NewError(cause, nil)
		return
	}
	e := t.cfg.Contexts[node].NewError(cause, record)
	e.Stack = string(debug.Stack())
	*err = e
}

func isRuntime(r any) bool {
	_, ok := r.(interface{ RuntimeError() })
	return ok
}

// culprit is the node that was processing a record: of a chain, the last one that has one.
func (t *Task) culprit() (int, any) {
	for i := len(t.cfg.Nodes) - 1; i >= 0; i-- {
		if c, ok := t.cfg.Nodes[i].(interface{ Current() any }); ok {
			if r := c.Current(); r != nil {
				return i, r
			}
		}
	}
	return 0, nil
}

// Step does one piece of work.
func (t *Task) Step() (s operator.Status, err error) {
	defer t.recovered(&err)
	return t.step()
}

func (t *Task) step() (operator.Status, error) {
	t.readClock()
	t.runMail()
	if t.stop != nil {
		return operator.Ended, t.stop
	}
	if !t.isLate() { // which would have to be taken first
		t.hasten()
	}
	writing := t.writeShare()
	if t.takeLate() {
		return operator.Progressed, nil
	}
	s, err := t.work()
	if writing && (s == operator.Waiting || s == operator.Blocked) {
		return operator.Progressed, err
	}
	return s, err
}

// work does one piece of work on the input.
func (t *Task) work() (operator.Status, error) {
	if t.ended || t.isSuspended() || t.isLate() {
		return operator.Waiting, nil
	}
	if !t.resume() {
		return operator.Blocked, nil
	}
	if len(t.restored) > 0 {
		push := t.restored[0]
		t.restored = t.restored[1:]
		push()
		return operator.Progressed, nil
	}
	for _, c := range t.cfg.Contexts {
		c.RunBetween()
	}
	if len(t.controls) > 0 {
		return t.deliver(), nil
	}
	if t.timers.due(t.now) {
		return t.runTimers(), nil
	}
	if t.inputOver {
		t.end()
		return operator.Progressed, nil
	}
	s := t.input()
	if s != operator.Progressed {
		return s, nil
	}
	for _, f := range t.flushers {
		if h := f.Held(); h != 0 && f.Timeout() >= 0 && t.now-h >= f.Timeout() {
			f.Flush()
		}
	}
	return s, nil
}

func (t *Task) readClock() { t.now = t.cfg.Clock.Now().UnixNano() }

func (t *Task) runMail() {
	t.mu.Lock()
	t.inbox, t.mu.mail = t.mu.mail, t.inbox[:0]
	t.mu.Unlock()
	for i, f := range t.inbox {
		t.inbox[i] = nil
		f()
	}
}

// resume continues pending work from the end of the chain to its head.
func (t *Task) resume() bool {
	for i := len(t.cfg.Nodes) - 1; i >= 0; i-- {
		if !t.cfg.Nodes[i].Resume() {
			return false
		}
	}
	return true
}

// deliver carries out controls[0], from where it stopped.
func (t *Task) deliver() operator.Status {
	o := t.controls[0]
	if o.run != nil {
		t.dropControl()
		o.run()
		return operator.Progressed
	}
	t.controlAt = max(t.controlAt, o.first)
	for t.controlAt < len(t.cfg.Nodes) {
		i := t.controlAt
		t.controlAt++
		t.control(i, o.control)
		if !t.resume() {
			return operator.Blocked
		}
	}
	t.dropControl()
	switch c := o.control; {
	case c.Kind == operator.Barrier:
		t.snapshot(c)
		if c.Flags.Has(operator.Suspend) {
			t.suspended = c.ID
		}
	case c.Kind == operator.EndOfInput && c.Input < 0:
		t.inputOver = true
		t.controls = nil // what was asked for after the end: a checkpoint takes the ended task
	}
	return operator.Progressed
}

func (t *Task) control(node int, c operator.Control) {
	n := t.cfg.Nodes[node]
	if p, ok := n.(operator.Preparer); ok && c.Kind == operator.Barrier {
		if err := p.Prepare(c.ID); err != nil {
			panic(t.cfg.Contexts[node].NewError(err, nil))
		}
	}
	n.Control(c)
}

func (t *Task) dropControl() {
	t.controlAt = 0
	t.controls = t.controls[1:]
	if len(t.controls) == 0 {
		t.controls = nil
	}
	if t.overdrawn {
		t.settleOverdraw()
	}
}

func (t *Task) end() {
	t.ended = true
	t.stats.ended.Store(true)
	t.closeLoop() // the loop is empty, so nothing more would come before the barrier
	if t.triggered.ID > t.snapped {
		t.snapshot(t.triggered)
	}
	t.cfg.Listener.Ended(t, nil)
}

// returned handles a control element that has been through the loop.
func (t *Task) returned(c operator.Control) {
	switch {
	case c.Kind != operator.Barrier:
		t.head.Returned(c)
	case t.report != nil && t.report.checkpoint == c.ID:
		t.closeLoop()
	}
}

// endOutside handles the end of a loop's input from outside. Its sources send no more barriers, so
// a checkpoint that has not reached the head begins here.
func (t *Task) endOutside() {
	t.outerEnd = true
	if t.triggered.ID > t.snapped {
		t.queue(order{control: t.triggered})
	}
	t.head.InputEnded()
}

// input takes one batch or control element.
func (t *Task) input() operator.Status {
	if t.poller != nil {
		s := t.poller.Poll()
		if s == operator.Ended {
			t.queue(order{control: operator.Control{Kind: operator.EndOfInput, Input: -1}})
			return operator.Progressed
		}
		return s
	}
	if t.cfg.Stall != nil && t.gate != nil && t.gate.Overtakes() && t.cfg.Stall() {
		return operator.Blocked
	}
	e, ok := t.cfg.Gate.Poll()
	if !ok {
		return operator.Waiting
	}
	if e.Batch != nil {
		t.stats.batch(e.Batch.Len())
		t.cfg.Inlets[e.Input].Push(e.Batch)
		return operator.Progressed
	}
	if e.Control.Kind == exchange.Watermark {
		t.cfg.Inlets[0].Mark(e.Control.ID)
		return operator.Progressed
	}
	switch {
	case e.Control.Kind == 0:
	case e.Returned:
		t.returned(e.Control)
	case t.head != nil && e.Control.Kind == operator.EndOfInput:
		if e.Control.Input < 0 {
			t.endOutside()
		}
	default:
		t.queue(order{control: e.Control})
	}
	return operator.Progressed
}

func (t *Task) runTimers() operator.Status {
	millis := t.now / int64(time.Millisecond)
	for t.timers.due(t.now) {
		e := t.timers[0]
		t.timers.removeUntil(e.node, t.now)
		if !t.cfg.Nodes[e.node].(operator.TimeListener).ProcessingTime(millis) {
			t.timers.add(e)
			return operator.Blocked
		}
	}
	return operator.Progressed
}
