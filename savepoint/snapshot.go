package savepoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/storage"
)

// Snapshot is an opened checkpoint or savepoint.
type Snapshot struct {
	// Path is where it was opened.
	Path string
	// ID is its number, Job the job's name.
	ID  int64
	Job string
	// Savepoint says that it is one, and not a checkpoint.
	Savepoint bool
	// Taken is when it was begun.
	Taken time.Time
	// Operators are sorted by uid.
	Operators []*Operator

	from *checkpoint.Snapshot
}

// Operator is what a snapshot has of an operator.
type Operator struct {
	UID, Name                   string
	Parallelism, MaxParallelism int
	// Finished is how many of its subtasks had processed all of their input.
	Finished int
	// CoordinatorBytes is the size of what a source's coordinator keeps, such as splits that are not
	// assigned yet.
	CoordinatorBytes int64
	// InFlightBytes and InFlightRecords are what an unaligned barrier has overtaken.
	InFlightBytes, InFlightRecords int64
	// States are the keyed states, sorted by name.
	States []*State
	// Lists are list, union and broadcast states, sorted by kind and name. The splits of a source are
	// a list.
	Lists []OperatorState

	from    *checkpoint.OperatorState
	codecs  *codec.Registry
	retires bool // it belongs to a job, which may delete it
}

// OperatorState is a state that belongs to an operator rather than to keys.
type OperatorState struct {
	Name string
	// Kind is "list", "union" or "broadcast".
	Kind string
	// Items is the number of items of all subtasks; that of a broadcast state is 1.
	Items int
	Bytes int64
}

// State is a keyed state of an operator.
type State struct {
	Name string
	// Kind is "value", "list", "map", "ordered", "timer" or "slice" (the contents of a slice of time, for
	// windows).
	Kind string
	// TTL says that its entries expire, Windowed that they belong to a key and a window.
	TTL, Windowed bool
	// Key, Namespace and Value are schemas as text. Namespace is that of a map's keys, else "".
	Key, Namespace, Value string
	// Bytes is the size of its sections, before compression; Sections is how many there are.
	Bytes    int64
	Sections int

	op     *Operator
	layout layout
	bad    error // why it cannot be read
	groups []group
	at     map[int]int // index of a key group in groups
}

// Open opens the snapshot at path: the directory of a savepoint or checkpoint (chk-…), the checkpoint
// directory of a job, which stands for its latest checkpoint, or the directory above it if there
// is one job. It may be a directory or a URI, as launch.RestoreFrom takes it.
//
// The job may go on meanwhile. If it deletes the checkpoint while that is opened, the next one is taken;
// a read later on may fail then. What is read later loads as long as ctx holds.
func Open(ctx context.Context, path string, options ...Option) (*Snapshot, error) {
	codecs := &codec.Registry{}
	for _, o := range options {
		o(codecs)
	}
	from, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	s := &Snapshot{
		Path: path, ID: from.ID, Job: from.Job, Savepoint: from.Kind == checkpoint.Savepoint,
		Taken: time.UnixMilli(from.Taken).UTC(), from: from,
	}
	for _, uid := range slices.Sorted(maps.Keys(from.Operators)) {
		o := operatorOf(uid, from.Operators[uid])
		o.codecs, o.retires = codecs, !s.Savepoint
		s.Operators = append(s.Operators, o)
	}
	return s, nil
}

// Option is a setting of Open.
type Option func(codecs *codec.Registry)

// WithCodec says how values of type T were encoded, as stream.WithCodec has said it to the job: with the
// same name. Read, Get, Items and what changes state need it for types that hold a T; rows show the
// bytes of a T, see Opaque.
func WithCodec[T any](name string, encode func(dst []byte, v *T) []byte,
	decode func(src []byte, v *T) (rest []byte, err error),
) Option {
	return func(codecs *codec.Registry) { codec.Register(codecs, name, encode, decode) }
}

// triesMax bounds how often a checkpoint that is gone is replaced by the job's next one.
const triesMax = 5

func open(ctx context.Context, location string) (*checkpoint.Snapshot, error) {
	dir, err := blob.Open(ctx, location)
	if err != nil {
		return nil, err
	}
	base := path.Base(strings.TrimSuffix(dir.URI(), "/"))
	if strings.HasPrefix(base, "savepoint-") || strings.HasPrefix(base, "chk-") || base == "_metadata" ||
		strings.HasPrefix(base, "manifest-") {
		return storage.Open(ctx, location, nil)
	}
	for try := 1; ; try++ {
		s, err := storage.OpenLatest(ctx, dir)
		switch {
		case err == nil:
			return s, nil
		case errors.Is(err, storage.ErrNone):
			return below(ctx, dir, location)
		case try == triesMax || ctx.Err() != nil:
			return nil, err
		}
	}
}

// below opens what lies in a directory that is not a job's: a savepoint, or one job.
func below(ctx context.Context, dir blob.Store, location string) (*checkpoint.Snapshot, error) {
	list, err := dir.List(ctx, "")
	if err != nil {
		return nil, err
	}
	var jobs []string
	for _, i := range list {
		if i.Name == "_metadata" {
			return storage.Open(ctx, location, nil)
		}
		if job, ok := strings.CutSuffix(i.Name, "/pointer"); ok && !strings.Contains(job, "/") {
			jobs = append(jobs, job)
		}
	}
	switch {
	case len(jobs) == 1:
		return storage.OpenLatest(ctx, blob.Sub(dir, jobs[0]))
	case len(jobs) > 1:
		return nil, fmt.Errorf("%s has the checkpoints of %d jobs; name one of the directories %s", location,
			len(jobs), strings.Join(jobs, ", "))
	case len(list) == 0:
		return nil, fmt.Errorf("%s does not exist or is empty; name the directory of a savepoint, of a "+
			"checkpoint (chk-…) or of a job", location)
	}
	return nil, fmt.Errorf("%s is neither a savepoint nor a checkpoint, nor the checkpoint directory of a job; "+
		"name the directory that has _metadata, manifest-… or pointer in it", location)
}

func operatorOf(uid string, from *checkpoint.OperatorState) *Operator {
	o := &Operator{
		UID: uid, Name: from.Name, Parallelism: len(from.Subtasks), MaxParallelism: from.MaxParallelism,
		CoordinatorBytes: int64(len(from.Coordinator)), from: from,
	}
	states := map[string]*State{}
	lists := map[[2]string]*OperatorState{}
	for _, sub := range from.Subtasks {
		if sub == nil {
			continue
		}
		if sub.Finished {
			o.Finished++
		}
		o.InFlightBytes += sub.InFlightBytes()
		for i := range sub.InFlight {
			o.InFlightRecords += sub.InFlight[i].Records
		}
		for name, d := range sub.Described {
			if states[name] == nil {
				states[name] = stateOf(o, name, d)
			}
		}
		for i := range sub.Keyed {
			addSection(o, states, &sub.Keyed[i])
		}
		addLists(lists, sub)
	}
	for _, name := range slices.Sorted(maps.Keys(states)) {
		st := states[name]
		slices.SortFunc(st.groups, func(a, b group) int { return cmp.Compare(a.number, b.number) })
		for i := range st.groups {
			st.at[st.groups[i].number] = i
		}
		o.States = append(o.States, st)
	}
	for _, l := range lists {
		o.Lists = append(o.Lists, *l)
	}
	slices.SortFunc(o.Lists, func(a, b OperatorState) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return o
}

func stateOf(o *Operator, name string, d operator.Description) *State {
	st := &State{Name: name, op: o, at: map[int]int{}}
	st.layout, st.bad = layoutOf(d)
	l := &st.layout
	st.Kind, st.TTL, st.Windowed = l.kind, l.ttl, l.windowed
	st.Key, st.Value = l.key.String(), l.value.String()
	if l.sub.Kind != codec.KindInvalid {
		st.Namespace = l.sub.String()
	}
	return st
}

// addSection adds a section to its group. A full one replaces what came before.
func addSection(o *Operator, states map[string]*State, s *operator.Section) {
	st := states[s.State]
	if st == nil {
		st = stateOf(o, s.State, operator.Description{})
		st.bad = errors.New("it is not described")
		states[s.State] = st
	}
	i, ok := st.at[s.Group]
	if !ok {
		i = len(st.groups)
		st.at[s.Group] = i
		st.groups = append(st.groups, group{number: s.Group})
	}
	g := &st.groups[i]
	g.sections = append(g.sections, *s)
	st.Bytes += s.Data.Size()
	st.Sections++
}

func addLists(lists map[[2]string]*OperatorState, sub *operator.State) {
	add := func(kind, name string, items ...[]byte) {
		l := lists[[2]string{kind, name}]
		if l == nil {
			l = &OperatorState{Name: name, Kind: kind}
			lists[[2]string{kind, name}] = l
		}
		if kind == "broadcast" {
			l.Items, l.Bytes = 0, 0 // it is the same on all subtasks
		}
		for _, item := range items {
			l.Items++
			l.Bytes += int64(len(item))
		}
	}
	for name, items := range sub.List {
		add("list", name, items...)
	}
	for name, items := range sub.Union {
		add("union", name, items...)
	}
	for name, item := range sub.Broadcast {
		add("broadcast", name, item)
	}
}

// failed names the operator whose state could not be read.
func (o *Operator) failed(err error) error {
	var c *storage.CorruptError
	if o.retires && errors.As(err, &c) && c.Missing() {
		return fmt.Errorf("operator %q: the job may have deleted the checkpoint, as it does once it has newer ones; "+
			"open the job's directory again, or take a savepoint: %w", o.UID, err)
	}
	return fmt.Errorf("operator %q: %w", o.UID, err)
}

// Operator is the operator with a uid, or with a name that no other has.
func (s *Snapshot) Operator(uid string) (*Operator, error) {
	var uids []string
	var named []*Operator
	for _, o := range s.Operators {
		if o.UID == uid {
			return o, nil
		}
		if o.Name == uid {
			named = append(named, o)
		}
		uids = append(uids, o.UID)
	}
	if len(named) == 1 {
		return named[0], nil
	}
	return nil, unknown("operator", uid, uids)
}

// State is the keyed state of an operator.
func (s *Snapshot) State(uid, name string) (*State, error) {
	o, err := s.Operator(uid)
	if err != nil {
		return nil, err
	}
	return o.State(name)
}

// State is the keyed state with a name.
func (o *Operator) State(name string) (*State, error) {
	var names []string
	for _, st := range o.States {
		if st.Name == name {
			return st, nil
		}
		names = append(names, st.Name)
	}
	err := unknown("keyed state", name, names)
	return nil, fmt.Errorf("operator %q: %w", o.UID, err)
}

// Bytes is the size of all that the operator has.
func (o *Operator) Bytes() int64 {
	n := o.CoordinatorBytes + o.InFlightBytes
	for _, st := range o.States {
		n += st.Bytes
	}
	for _, l := range o.Lists {
		n += l.Bytes
	}
	return n
}
