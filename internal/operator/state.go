package operator

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/internal/codec"
)

// State is the state of one subtask of an operator, as a snapshot holds it. All values are encoded
// and belong to the snapshot.
type State struct {
	// Described has the form of each keyed state, by its name.
	Described map[string]Description
	// Schemas has the schemas of what List, Union and Broadcast hold, as far as it has any.
	Schemas map[Items]codec.Schema
	// Keyed is the entries of the keyed states. Sections of one state and key group are applied in
	// their order: a full one, then the deltas on top of it.
	Keyed []Section
	// List items are dealt out among subtasks on restore.
	List map[string][][]byte
	// Union items all go to every subtask on restore.
	Union map[string][][]byte
	// Broadcast is the same on all subtasks.
	Broadcast map[string][]byte
	// InFlight is what an unaligned barrier has overtaken on the channels to the subtask. Only the head
	// of a chain has any. It has an entry for each channel, also where nothing was on the way.
	InFlight []InFlight
	// Finished says that the subtask had processed all of its input.
	Finished bool

	// taken has what an operator has asked for, so that what nobody did can be told.
	takenKeyed map[string]bool
	takenItems map[Items]bool
}

// TakeKeyed tells that an operator has the keyed states of these names.
func (s *State) TakeKeyed(names ...string) {
	if s.takenKeyed == nil {
		s.takenKeyed = map[string]bool{}
	}
	for _, name := range names {
		s.takenKeyed[name] = true
	}
}

// left are the states of users that an operator, once it is open, has not asked for. Operator state
// without a schema is the engine's own, or that of a program that wrote none.
func (s *State) left() (names []string) {
	seen := map[string]bool{}
	for i := range s.Keyed {
		if name := s.Keyed[i].State; !s.takenKeyed[name] && !seen[name] {
			seen[name] = true
			names = append(names, fmt.Sprintf("%q", name))
		}
	}
	for items := range s.Schemas {
		if !s.takenItems[items] && s.holds(items) {
			names = append(names, fmt.Sprintf("%s state %q", items.Kind, items.Name))
		}
	}
	slices.Sort(names)
	return names
}

func (s *State) holds(items Items) bool {
	switch items.Kind {
	case ListItems:
		return len(s.List[items.Name]) > 0
	case UnionItems:
		return len(s.Union[items.Name]) > 0
	default:
		return s.Broadcast[items.Name] != nil
	}
}

// CheckRestored refuses, once the operator is open, restored state that it has not taken up: it would
// not be in the next snapshot.
func (c *Context) CheckRestored() error {
	if c.Restored == nil || c.AllowNonRestored {
		return nil
	}
	left := c.Restored.left()
	if len(left) == 0 {
		return nil
	}
	return fmt.Errorf("the snapshot has state of operator %q (uid %s) that it does not declare: %s; give "+
		"the state its name again, or allow non-restored state", c.Operator, c.UID, strings.Join(left, ", "))
}

// Empty reports whether the state holds nothing.
func (s *State) Empty() bool {
	return len(s.Keyed)+len(s.List)+len(s.Union)+len(s.Broadcast) == 0 && s.InFlightBytes() == 0
}

// InFlightBytes is the size of what is in flight.
func (s *State) InFlightBytes() (n int64) {
	for i := range s.InFlight {
		if f := &s.InFlight[i]; f.Data != nil {
			n += f.Data.Size()
		}
	}
	return n
}

// InFlight is what an unaligned barrier has overtaken on one channel. Entries of one producer are
// in the order in which their batches were sent.
type InFlight struct {
	// Input is the input of the operator that the channel leads to.
	Input int
	// From is the uid of the operator at the other end, and Producer its subtask.
	From     string
	Producer int
	// Watermark is the channel's as of before the batches; Idle says that it did not count.
	Watermark int64
	Idle      bool
	// Combined is the watermark of all channels of the subtask together.
	Combined int64
	// Records is the number of records in Data.
	Records int64
	// Data is the batches, in the encoding of the edge; nil when there are none.
	Data Blob
	// Type is what Data is made of. It is the same for all channels of an input.
	Type FlightType
}

// FlightType is the schemas of what was in flight to an input.
type FlightType struct {
	// Record is that of a record; its kind is KindInvalid when it is not known, as in snapshots of before
	// it was kept.
	Record codec.Schema
	// Key is that of the key by which the records were dealt out; KindInvalid for none.
	Key codec.Schema
}

// WindowKey is the name of the key's schema where the state belongs to a key and a window, which is no
// name of a Go type. Its fields are key, start and end. References within the schema of the key count
// from there.
const WindowKey = "key and window"

// Description is what can be known of a keyed state without the job's code.
type Description struct {
	// Kind is "value", "list", "map", "timer" and so on: it says how entries are laid out.
	Kind string
	// Key is the schema of the operator's key, or of a WindowKey with it.
	Key codec.Schema
	// Namespace is the schema of what stands between key and value, such as a window or the key of a
	// map's entry; its kind is KindInvalid when there is none.
	Namespace codec.Schema
	// Value is the schema of the value of an entry.
	Value codec.Schema
}

// Items names operator state.
type Items struct {
	Kind ItemKind
	Name string
}

// ItemKind is where a State has operator state.
type ItemKind byte

// The kinds; the numbers are part of the format of checkpoints.
const (
	ListItems ItemKind = iota
	UnionItems
	BroadcastItems
)

// String returns list, union or broadcast.
func (k ItemKind) String() string { return [...]string{"list", "union", "broadcast"}[k%3] }

// Decoding returns the function that decodes a value of restored operator state: c's own, or one that
// converts values of an older type.
func Decoding[T any](ctx *Context, items Items, c *codec.Codec[T],
) (func(src []byte, v *T) (rest []byte, err error), error) {
	if ctx.Restored.takenItems == nil {
		ctx.Restored.takenItems = map[Items]bool{}
	}
	ctx.Restored.takenItems[items] = true
	was, ok := ctx.Restored.Schemas[items]
	if !ok {
		return c.Decode, nil
	}
	decode, err := c.DecodeFrom(was)
	if err != nil {
		return nil, fmt.Errorf("%s state %q: %w; a field with a new name begins with zero, "+
			"and what the old one had is dropped", items.Kind, items.Name, err)
	}
	return decode, nil
}

// Section is the entries of one key group of a keyed state, or what has changed in them.
type Section struct {
	State string
	Group int
	// Delta says that the section holds changes to what the sections before it hold.
	Delta bool
	Data  Blob
}

// Blob is encoded state, in memory or where checkpoints are stored.
type Blob interface {
	// Load returns the bytes, which the caller must not change.
	Load() ([]byte, error)
	// Size is the number of bytes that Load returns.
	Size() int64
}

// Bytes is a Blob in memory.
type Bytes []byte

// Load returns the bytes.
func (b Bytes) Load() ([]byte, error) { return b, nil }

// Size is their number.
func (b Bytes) Size() int64 { return int64(len(b)) }

// Snapshot collects the state of one subtask of an operator at a barrier.
//
// What is small is added at once. A keyed state of any size is only frozen: a Frozen writes it while
// the operator goes on.
type Snapshot struct {
	Checkpoint int64
	// Full asks for all entries rather than for what has changed since the last checkpoint that is
	// known to be complete: for a savepoint, and for the first checkpoint of a job that was restored
	// from a snapshot it does not own.
	Full bool
	// Since is a checkpoint that is complete, on top of which the states named in Deltas are written:
	// their sections of Since still hold, except those of a key group that has a full section here.
	Since  int64
	Deltas []string
	State  State
	Frozen []Frozen
}

// Frozen is a keyed state as it was at a barrier. Its methods are called on the goroutine of the
// subtask, between batches.
type Frozen interface {
	// Step passes some more sections to emit, about a millisecond's worth. It reports whether all have
	// been passed.
	Step(emit func(Section)) (done bool)
	// Discard lets go of what has not been passed.
	Discard()
}

// Keyed adds the entries of one key group.
func (s *Snapshot) Keyed(name string, keyGroup int, data []byte) {
	s.State.Keyed = append(s.State.Keyed, Section{State: name, Group: keyGroup, Data: Bytes(data)})
}

// Finish writes what is frozen, at once.
func (s *Snapshot) Finish() {
	for _, f := range s.Frozen {
		for !f.Step(s.Add) {
		}
	}
	s.Frozen = nil
}

// Add adds a section.
func (s *Snapshot) Add(section Section) { s.State.Keyed = append(s.State.Keyed, section) }

// Describe adds the form of a keyed state.
func (s *Snapshot) Describe(name string, d Description) {
	if s.State.Described == nil {
		s.State.Described = map[string]Description{}
	}
	s.State.Described[name] = d
}

// DescribeItems tells the schema of what operator state holds.
func (s *Snapshot) DescribeItems(kind ItemKind, name string, schema codec.Schema) {
	if s.State.Schemas == nil {
		s.State.Schemas = map[Items]codec.Schema{}
	}
	s.State.Schemas[Items{kind, name}] = schema
}

// List adds items that are dealt out on restore.
func (s *Snapshot) List(name string, items ...[]byte) {
	if s.State.List == nil {
		s.State.List = map[string][][]byte{}
	}
	s.State.List[name] = append(s.State.List[name], items...)
}

// Union adds items that every subtask gets on restore.
func (s *Snapshot) Union(name string, items ...[]byte) {
	if s.State.Union == nil {
		s.State.Union = map[string][][]byte{}
	}
	s.State.Union[name] = append(s.State.Union[name], items...)
}

// Broadcast sets state that is the same on every subtask.
func (s *Snapshot) Broadcast(name string, data []byte) {
	if s.State.Broadcast == nil {
		s.State.Broadcast = map[string][]byte{}
	}
	s.State.Broadcast[name] = data
}

// Redistribute deals the state of an operator's old subtasks out to subtask of parallelism new
// ones. Where the parallelism is the old one, each gets its own list items back: a subtask may be
// restored while the others go on.
func Redistribute(old []*State, maxParallelism, parallelism, subtask int) *State {
	first, last := KeyGroupRange(maxParallelism, parallelism, subtask)
	s := &Snapshot{}
	var dealt int
	for _, o := range old {
		if o == nil {
			continue
		}
		for _, section := range o.Keyed {
			if section.Group >= first && section.Group <= last {
				s.State.Keyed = append(s.State.Keyed, section)
			}
		}
		for name, d := range o.Described {
			s.Describe(name, d)
		}
		for items, schema := range o.Schemas {
			s.DescribeItems(items.Kind, items.Name, schema)
		}
		for name, items := range o.Union {
			s.Union(name, items...)
		}
	}
	for i := range old { // all are the same; from different ones, to spread the reading
		if o := old[(subtask+i)%len(old)]; o != nil && o.Broadcast != nil {
			s.State.Broadcast = maps.Clone(o.Broadcast)
			break
		}
	}
	if len(old) == parallelism {
		if o := old[subtask]; o != nil {
			s.State.List = maps.Clone(o.List)
		}
		return &s.State
	}
	for _, name := range listNames(old) {
		for _, o := range old {
			if o == nil {
				continue
			}
			for _, item := range o.List[name] {
				if dealt%parallelism == subtask {
					s.List(name, item)
				}
				dealt++
			}
		}
	}
	return &s.State
}

func listNames(old []*State) []string {
	var names []string
	seen := map[string]bool{}
	for _, o := range old {
		if o == nil {
			continue
		}
		for _, n := range sortedKeys(o.List) {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	return names
}
