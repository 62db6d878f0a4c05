package operator

// ControlKind tells control elements apart.
type ControlKind uint8

// The control elements. A batch never straddles one.
const (
	// Barrier separates the records of two checkpoints; ID is the checkpoint's number.
	Barrier ControlKind = iota + 1
	// EndOfInput follows the last record of input Input; -1 stands for all inputs.
	EndOfInput
	// Idle says that the producer sends no watermarks for now and is not waited for.
	Idle
	// Active ends Idle.
	Active
	// Probe measures latency; ID is the time it was made, in nanoseconds.
	Probe
	// EndOfKey follows the last record of a key in batch mode.
	EndOfKey
	// Epoch ends a round of an iteration; ID is the round's number and Input the loop's.
	Epoch
	// Wave goes once through a loop, to tell whether it is empty; ID is its number and Input the
	// loop's.
	Wave
)

// Control is a control element.
type Control struct {
	Kind  ControlKind
	Flags Flags // of a Barrier
	Input int
	ID    int64
	// Created is when a Barrier was made at its source, in nanoseconds; 0 when nobody knows.
	Created int64
}

// Flags say what kind of snapshot a barrier asks for.
type Flags uint8

// The flags.
const (
	// Full asks for all state, without reference to earlier checkpoints.
	Full Flags = 1 << iota
	// Savepoint marks a snapshot that belongs to who asked for it: later checkpoints do not stand on
	// it.
	Savepoint
	// Suspend has sources emit nothing after the barrier, until the snapshot is given up.
	Suspend
	// Unaligned lets the barrier overtake what is on the way.
	Unaligned
	// Native asks for keyed state on disk as the files of its store, see Tree.
	Native
)

// Has reports whether all of g are set.
func (f Flags) Has(g Flags) bool { return f&g == g }

// MaySwitch reports whether a barrier may become unaligned: one that is, cannot, and a savepoint is to
// be restored by any job.
func (f Flags) MaySwitch() bool { return f&(Unaligned|Savepoint) == 0 }

// Node is one operator in a chain, one instance for each subtask.
type Node interface {
	// Open prepares the operator and restores its state from ctx. It is called once, first.
	Open(ctx *Context) error
	// Receiver is the batch.Receiver of the given input, to be asserted to its element type.
	Receiver(input int) any
	// Connect adds a consumer to the output named tag; "" is the main output. It is called before
	// Open.
	Connect(tag string, receiver any) error
	// Resume continues pending work. It reports whether none is left.
	Resume() bool
	// Control handles a control element. What it emits may exceed the room of its outputs.
	Control(c Control)
	// Snapshot writes the operator's state.
	Snapshot(w *Snapshot) error
	// Close releases what Open took. It is called on every exit, also after a failed Open.
	Close() error
}

// Status is what a Poller reports.
type Status uint8

// The results of a poll.
const (
	// Progressed means that something was done and that there may be more.
	Progressed Status = iota
	// Waiting means that there is nothing now; the task is woken later.
	Waiting
	// Blocked means that the outputs have no room.
	Blocked
	// Ended means that the source has emitted its last record.
	Ended
)

// Poller is a Node that makes records by itself: a source or the head of a loop.
type Poller interface {
	Node
	// Poll makes at most one batch and pushes it on.
	Poll() Status
}

// LoopHead is the Node where a loop begins, the first of its task. It merges input 0, which comes
// from outside, with the feedback inputs behind it.
type LoopHead interface {
	Node
	// InputEnded tells that all input from outside has come. The end does not pass the head by
	// itself: the head sends it (Context.Send) when the loop is empty.
	InputEnded()
	// Returned tells that an Epoch or a Wave has come back on all feedback channels.
	Returned(c Control)
	// SnapshotRest adds to the state of a checkpoint what has come back since Snapshot. It is called
	// when the checkpoint's barrier has come back on all feedback channels.
	SnapshotRest(w *Snapshot) error
}

// Preparer is a Node that works before a barrier is passed on, such as a sink that makes its
// committables.
type Preparer interface {
	Prepare(checkpoint int64) error
}

// FinalCheckpoint is the number under which a job's successful end is told to checkpoint listeners.
const FinalCheckpoint = int64(1)<<62 - 1

// CheckpointListener is told about the end of checkpoints it took part in.
type CheckpointListener interface {
	Completed(checkpoint int64) error
	Aborted(checkpoint int64)
}

// TimeListener is a Node that works at processing times.
type TimeListener interface {
	// ProcessingTime tells that the time now (milliseconds) has come, which the node asked for by
	// Context.WakeAt. It reports false when it was suspended for lack of room.
	ProcessingTime(now int64) bool
}

// Flusher is a Node that holds records back to fill batches: an exchange writer.
type Flusher interface {
	// Flush ships what is held back.
	Flush()
	// Held tells since when records are held back, by the task's clock in nanoseconds; 0 is never.
	Held() int64
	// Timeout is the longest time to hold records back, in nanoseconds; negative means for ever.
	Timeout() int64
}

// Overdrawer is a Node that can take what its consumers have no room for: an exchange writer. While an
// unaligned barrier waits for the chain, the task lets it.
type Overdrawer interface {
	// Overdraw begins or ends taking more than there is room for, within a bound.
	Overdraw(on bool)
}
