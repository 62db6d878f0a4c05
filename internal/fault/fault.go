// Package fault has the seeded bugs: mistakes that somebody could make, which the simulation must find.
//
// A build with the tag seededbugs has them, one at a time; in others Seeded is constantly false and
// costs nothing.
//
// Data flow: code asks Seeded where it would go wrong; the test of internal/sim chooses the bug.
package fault

// Bug is a seeded bug.
type Bug uint8

// The bugs.
const (
	None              Bug = iota
	SkipGraves            // a delta does not say what was deleted
	SkipPreImage          // what changes while it is being written is written as changed
	ConfirmAborted        // what an aborted checkpoint held counts as stored
	KeepReplaced          // sections that a full one replaces still hold
	DeltaWithoutBase      // a delta is restored without what it stands on
	CommitAtPublish       // sinks commit before the checkpoint is durable
	SkipCommitAgain       // what was prepared is not committed after a restore
	ForgetPrepared        // what is prepared is not part of the state
	LoseSplitsBack        // splits of a reader that failed are lost
	BarrierFirst          // readers take their state before the enumerator does
	SkipAlignment         // a gate does not wait for the other barriers
	SkipFlights           // what an unaligned barrier has overtaken is not part of the state
	SkipLoopLog           // what is on its way back to a loop's head is not part of the state
	SkipTimers            // timers are not restored
	SkipBroadcast         // broadcast state is not restored
	SkipInFlightCalls     // asynchronous calls are not part of the state
	MissOnePart           // a checkpoint is complete without its last part
	IgnoreUploadError     // a part whose upload has failed counts as stored
	RestartAnew           // a restart does not restore
	DropOverflow          // restored batches of a loop are dropped
	SkipFired             // a delta does not say what has fired
	Bugs                  // their number
)

var names = [Bugs]string{
	"none", "skip graves", "skip pre-image", "confirm aborted", "keep replaced", "delta without base",
	"commit at publish", "skip commit again", "forget prepared", "lose splits back", "barrier first",
	"skip alignment", "skip flights", "skip loop log", "skip timers", "skip broadcast",
	"skip in-flight calls", "miss one part", "ignore upload error", "restart anew", "drop overflow",
	"skip fired",
}

// String names the bug.
func (b Bug) String() string { return names[b] }
