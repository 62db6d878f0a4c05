package graph

import (
	"time"

	"github.com/flott-dev/flott/internal/operator"
)

// Strategy says which channels a row goes to.
type Strategy uint8

// The strategies.
const (
	Auto      Strategy = iota // forward where the parallelism is equal, else rebalance
	Forward                   // to the subtask with the same number
	Keyed                     // to the owner of the key's group
	Rebalance                 // in turn to all subtasks
	Rescale                   // in turn to the subtasks of the own share
	Shuffle                   // at random, evenly
	Broadcast                 // to all subtasks
	Global                    // to the first subtask
	Custom                    // where a user's function says
	Feedback                  // to the head of a loop, to the subtask with the same number
)

var strategyNames = [...]string{
	"AUTO", "FORWARD", "HASH", "REBALANCE", "RESCALE", "SHUFFLE", "BROADCAST", "GLOBAL", "CUSTOM",
	"FEEDBACK",
}

// String is the strategy's name as graphs show it.
func (s Strategy) String() string { return strategyNames[s] }

// DefaultBufferTimeout is how long records are held back to fill a batch.
const DefaultBufferTimeout = 5 * time.Millisecond

// Node is an operator of a job.
type Node struct {
	ID   int
	Kind string // what it does: "Map", "Source", "Window", …
	Name string // what the user calls it; Kind by default
	UID  string // identity of its state across versions of the job; derived when not set

	Parallelism    int // 0 takes the job's
	MaxParallelism int // 0 takes the job's
	SlotGroup      string
	// Fixed says that the parallelism is part of what the operator does and is never changed: that of
	// windows over all records is 1, for example.
	Fixed         bool
	Own           bool // its parallelism is not the job's: Compile sets it
	StartChain    bool // do not chain to the input
	NoChain       bool // do not chain to the inputs nor to the outputs
	BufferTimeout *time.Duration

	// New makes the operator of one subtask.
	New func() operator.Node
	// Source describes the source, nil for other operators. Its type is the executor's.
	Source any
	// Bounded says that a source ends.
	Bounded bool
	// KeySchema is the schema of the key, "" for an operator that is not keyed. What changes it
	// changes the meaning of the operator's state.
	KeySchema string
	// OutSchema is the schema of the main output's records.
	OutSchema string
	// States lists the declared states as "name: kind schema".
	States []string
	// Sides are the tags of the side outputs that are read; their type is the builder's.
	Sides []any
	// Loop is, at the head of a loop, the protocol by which its subtasks agree; its type is the
	// executor's. It is nil for other operators.
	Loop any
	// InLoop is the ID of the loop's head, for the head itself and for the operators of the body; 0
	// for others.
	InLoop int
	// ByKey says that in batch mode the operator wants one key at a time: for each input the
	// executor's sorter.
	ByKey any

	In  []*Edge
	Out []*Edge

	shared bool // its parallelism is the job's
	errs   []error
}

// Fail records a mistake made while the node was built; Compile reports it.
func (n *Node) Fail(err error) { n.errs = append(n.errs, err) }

// Edge connects an output of one node to an input of another.
type Edge struct {
	From, To *Node
	Tag      string // output of From; "" is the main one
	Input    int    // input of To
	Strategy Strategy
	// Aligned says that no barrier overtakes what is on the edge.
	Aligned bool
	// Type knows the element type; its type is the executor's.
	Type any
}

// Chainable reports whether both ends may run in one task.
func (e *Edge) Chainable() bool {
	f, t := e.From, e.To
	return e.Strategy == Forward && f.Parallelism == t.Parallelism && f.SlotGroup == t.SlotGroup &&
		len(t.In) == 1 && !t.StartChain && !t.NoChain && !f.NoChain && t.Loop == nil
}

// Graph is the plan of a job.
type Graph struct {
	Nodes []*Node

	Parallelism    int // of nodes that set none
	MaxParallelism int // 0: derived from the largest parallelism
	BufferTimeout  time.Duration
	Params         map[string]string
	State          StateBackend
	Final          bool // operators give their results when their input has ended, and take no snapshots
}

// StateBackend says where keyed state lies.
type StateBackend struct {
	Name  string // "" for the default
	Bytes int64  // memory in front of the disk, for the whole process; 0 for the default
}

// Add adds a node of a kind.
func (g *Graph) Add(kind string) *Node {
	n := &Node{ID: len(g.Nodes) + 1, Kind: kind, Name: kind}
	g.Nodes = append(g.Nodes, n)
	return n
}

// Connect adds an edge.
func (g *Graph) Connect(e *Edge) {
	e.From.Out = append(e.From.Out, e)
	e.To.In = append(e.To.In, e)
}

// Chain is the operators of one task, in topological order; the first is the head.
type Chain struct {
	ID    int
	Nodes []*Node
}

// Head is the first operator.
func (c *Chain) Head() *Node { return c.Nodes[0] }

// Name is the names of the operators.
func (c *Chain) Name() string {
	name := c.Nodes[0].Name
	for _, n := range c.Nodes[1:] {
		name += " -> " + n.Name
	}
	return name
}
