// Package fault has the seeded bugs: mistakes that somebody could make, which the simulation must find.
//
// A build with the tag seededbugs has them, one at a time; in others Seeded is constantly false and
// costs nothing.
//
// Data flow: code asks Seeded where it would go wrong; the tests of internal/sim,
// internal/schedule and internal/jobmanager choose the bug.
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
	LeakIntoTree          // what is written after a barrier is in the tree of its snapshot
	Bugs                  // the number of those that internal/sim finds
)

// The bugs in dealing out slots, which the simulation of internal/schedule finds.
const (
	DoubleBook      Bug = Bugs + 1 + iota // a slot is granted before it is cleared
	ReuseAllocation                       // an allocation id returns
	GrantDraining                         // slots of a TaskManager that drains are granted
	GrantInParts                          // a job gets less than its minimum
	TakeMinimum                           // a job is asked for slots of its minimum
	RevokeUsed                            // a slot that is used is taken at once
	AdoptGone                             // a TaskManager that returns keeps allocations that are over
	KeepUnreported                        // a TaskManager that starts anew still holds what it held
	ForgetEnded                           // a job that ends keeps its slots
	IgnoreMemory                          // a slot with too little memory is granted
	LatestFirst                           // jobs get their minimum in the wrong order
	KeepExtras                            // nobody is asked to give slots back
	WaitForOverdue                        // slots that are never given back are counted on
	StaleReason                           // a job that waits is not told that the reason has changed
	StartBelow                            // a job starts with less than its lower bounds
	NeverMore                             // a job that runs does not use slots that come
	KeepAsked                             // a job does not give back what it is asked for
	MissLoss                              // a loss for which there is a spare goes unseen
	NoDeadZone                            // a vertex that is near enough to its target is rescaled
	ObservedRates                         // what comes is taken to be what is processed
	NotHeldBack                           // what cannot be processed behind a vertex counts for it
	SlotBugs                              // one more than the last
)

// The bugs in the execution of a job, which the simulation of internal/schedule finds.
const (
	RescaleCounts    Bug = SlotBugs + 1 + iota // a change of the parallelism counts as a failure
	RescaleFromOld                             // no checkpoint is taken before it
	RescaleTooSoon                             // it does not wait for savepoints
	RescaleUnheard                             // a request that another one replaces has no answer
	KeepLayout                                 // the job restarts with the parallelism it had
	KeepCoordinators                           // coordinators of before go on
	LoseAsked                                  // who has waited for a snapshot is not told of a failure
	ExecutionBugs                              // one more than the last
)

// The bugs in the JobManager, which the simulation of internal/jobmanager finds.
const (
	StartTooSoon         Bug = ExecutionBugs + 1 + iota // a worker starts while the one before it may run
	FreeTooSoon                                         // slots are given back while workers run
	KeepLostSeat                                        // a slot that is lost still counts as the job's
	KeepLostSpare                                       // the same for a slot that is not used yet
	BarrierTooSoon                                      // a barrier is sent before all workers have room for it
	MissGoneTasks                                       // what ran in a worker that is gone does not end
	MissGoneCoordinators                                // coordinators in a worker that is gone do not end
	KeepWaiting                                         // a deployment that waits is not withdrawn
	KillNothing                                         // what hangs is not killed
	NoStartTimeout                                      // a worker that never reports is waited for
	NoAnswerTimeout                                     // a TaskManager that never answers is waited for
	KeepWorkers                                         // workers of before a registration are not stopped
	KeepRegistration                                    // the registration before counts, too
	DeployBefore                                        // a deployment is sent before its workers report
	LoseDeployed                                        // the last worker's word that a deployment runs is ignored
	ClearTooSoon                                        // a job starts again while workers of before run
	KeepOpen                                            // adopted workers are not told what has become of checkpoints
	ReuseNumbers                                        // checkpoints of an adopted job have numbers of before
	StartUnrecorded                                     // a worker starts before that is recorded
	DiscardFirst                                        // checkpoints are deleted before the job's end is recorded
	StopUnrecorded                                      // the savepoint that a job is stopped with is not recorded
	BoundsUnrecorded                                    // the bounds of a job are acknowledged and not recorded
	CancelUnrecorded                                    // a cancellation is acknowledged and not recorded
	CommitUnrecorded                                    // a job commits at its end before that is recorded
	KeepResults                                         // results of a job that has ended are kept
	ShareSeat                                           // a seat takes two subtasks of a vertex
	TakeUnconfirmed                                     // a leader takes checkpoints over without asking whether it leads
	AcceptDeposed                                       // a leader whose term is over takes connections
	ManagerBugs                                         // one more than the last
)

// The bugs in running a job in stages, which the simulation of internal/schedule finds.
const (
	BeginTooSoon    Bug = ManagerBugs + 1 + iota // a stage begins before what it reads is complete
	CommitStage                                  // sinks commit before all of the job is done
	DiscardRead                                  // results are discarded while somebody may read them
	KeepLostResults                              // results that are lost are not made again
	RunSettled                                   // what is done runs again when its worker ends
	KeepConsumers                                // what has read results that are made again does not run again
	KeepSplitsRead                               // subtasks keep their splits when the enumerator is made anew
	StageBugs                                    // one more than the last
)

var names = [StageBugs]string{
	"none", "skip graves", "skip pre-image", "confirm aborted", "keep replaced", "delta without base",
	"commit at publish", "skip commit again", "forget prepared", "lose splits back", "barrier first",
	"skip alignment", "skip flights", "skip loop log", "skip timers", "skip broadcast",
	"skip in-flight calls", "miss one part", "ignore upload error", "restart anew", "drop overflow",
	"skip fired",
	"leak into tree",
	DoubleBook: "double book", ReuseAllocation: "reuse allocation", GrantDraining: "grant draining",
	GrantInParts: "grant in parts", TakeMinimum: "take minimum", RevokeUsed: "revoke used",
	AdoptGone: "adopt gone", KeepUnreported: "keep unreported", ForgetEnded: "forget ended",
	IgnoreMemory: "ignore memory", LatestFirst: "latest first", KeepExtras: "keep extras",
	WaitForOverdue: "wait for overdue", StaleReason: "stale reason",
	StartBelow: "start below", NeverMore: "never more", KeepAsked: "keep asked",
	MissLoss: "miss loss", NoDeadZone: "no dead zone", ObservedRates: "observed rates", NotHeldBack: "not held back",
	RescaleCounts: "rescale counts", RescaleFromOld: "rescale from old", RescaleTooSoon: "rescale too soon",
	RescaleUnheard: "rescale unheard", KeepLayout: "keep layout", KeepCoordinators: "keep coordinators",
	LoseAsked:    "lose asked",
	StartTooSoon: "start too soon", FreeTooSoon: "free too soon", KeepLostSeat: "keep lost seat",
	KeepLostSpare: "keep lost spare", BarrierTooSoon: "barrier too soon", MissGoneTasks: "miss gone tasks",
	MissGoneCoordinators: "miss gone coordinators", KeepWaiting: "keep waiting", KillNothing: "kill nothing",
	NoStartTimeout: "no start timeout", NoAnswerTimeout: "no answer timeout", KeepWorkers: "keep workers",
	KeepRegistration: "keep registration", DeployBefore: "deploy before",
	LoseDeployed: "lose deployed", ClearTooSoon: "clear too soon", KeepOpen: "keep open",
	ReuseNumbers: "reuse numbers", StartUnrecorded: "start unrecorded", DiscardFirst: "discard first",
	StopUnrecorded: "stop unrecorded", BoundsUnrecorded: "bounds unrecorded", CancelUnrecorded: "cancel unrecorded",
	CommitUnrecorded: "commit unrecorded",
	KeepResults:      "keep results", ShareSeat: "share seat",
	TakeUnconfirmed: "take unconfirmed", AcceptDeposed: "accept deposed",
	BeginTooSoon: "begin too soon", CommitStage: "commit stage", DiscardRead: "discard read",
	KeepLostResults: "keep lost results", RunSettled: "run settled", KeepConsumers: "keep consumers",
	KeepSplitsRead: "keep splits read",
}

// String names the bug.
func (b Bug) String() string { return names[b] }
