package savepoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/storage"
)

// Writer makes a new savepoint. What it is to consist of is said first; nothing is read or written
// before Write. Mistakes are reported by Write, all together.
type Writer struct {
	job       string
	id, taken int64
	operators map[string]*edited
	errs      []error
}

// edited is an operator of the new savepoint.
type edited struct {
	from    *checkpoint.OperatorState
	op      *Operator
	max     int
	grafted bool
	changes map[string]change // of keyed states, by name
	lists   map[[2]string][][]byte
	schemas map[operator.Items]codec.Schema // of what is set in lists
	rekey   *rekeying                       // nil for none
}

// change makes the body that an entry has in the new savepoint; keep is false to leave it out.
type change func(e *entry) (body []byte, keep bool, err error)

// NewWriter returns a writer of a savepoint that begins as a copy of from, or empty if that is nil.
func NewWriter(from *Snapshot) *Writer {
	w := &Writer{operators: map[string]*edited{}, job: "savepoint", id: 1}
	if from == nil {
		return w
	}
	w.job, w.id, w.taken = from.Job, from.ID, from.from.Taken
	for _, o := range from.Operators {
		w.operators[o.UID] = editedOf(o)
	}
	return w
}

func editedOf(o *Operator) *edited {
	return &edited{
		from: o.from, op: o, max: o.MaxParallelism, changes: map[string]change{},
		lists: map[[2]string][][]byte{}, schemas: map[operator.Items]codec.Schema{},
	}
}

func (w *Writer) fail(err error) { w.errs = append(w.errs, err) }

// of is an operator by its uid; nil, with the mistake noted, if there is none.
func (w *Writer) of(uid string) *edited {
	if e := w.operators[uid]; e != nil {
		return e
	}
	w.fail(unknown("operator", uid, slices.Sorted(maps.Keys(w.operators))))
	return nil
}

// Remove leaves an operator out, with all of its state.
func (w *Writer) Remove(uid string) {
	if w.of(uid) != nil {
		delete(w.operators, uid)
	}
}

// Rename gives an operator another uid.
func (w *Writer) Rename(uid, to string) {
	e := w.of(uid)
	switch {
	case e == nil:
	case w.operators[to] != nil:
		w.fail(fmt.Errorf("rename operator %q: there is an operator %q already; remove it first", uid, to))
	default:
		delete(w.operators, uid)
		w.operators[to] = e
	}
}

// Graft takes an operator over from another snapshot, in place of the one that has its uid. It is taken
// as not finished: the job that starts from the savepoint has input for it. That is how state is made of
// a bounded stream: a job whose function sets the states under the uid runs to its end with
// launch.Bootstrap, and its operators are grafted.
func (w *Writer) Graft(from *Snapshot, uid string) {
	o, err := from.Operator(uid)
	if err != nil {
		w.fail(err)
		return
	}
	e := editedOf(o)
	e.grafted = true
	w.operators[o.UID] = e
	w.taken = max(w.taken, from.from.Taken)
}

// DropState leaves a keyed state of an operator out.
func (w *Writer) DropState(uid, state string) {
	if e := w.of(uid); e != nil {
		if _, err := e.op.State(state); err != nil {
			w.fail(err)
			return
		}
		e.changes[state] = func(*entry) ([]byte, bool, error) { return nil, false, nil }
	}
}

// SetList replaces the items of a list state of an operator, as SetUnion and SetBroadcast do: see
// stream.OperatorList.
func SetList[E any](w *Writer, uid, name string, items ...E) {
	setItems(w, uid, operator.ListItems, name, items)
}

// SetUnion replaces the items of a union state of an operator.
func SetUnion[E any](w *Writer, uid, name string, items ...E) {
	setItems(w, uid, operator.UnionItems, name, items)
}

func setItems[E any](w *Writer, uid string, kind operator.ItemKind, name string, items []E) {
	e := w.of(uid)
	if e == nil {
		return
	}
	c, err := codec.For[E](e.op.codecs)
	if err != nil {
		w.fail(err)
		return
	}
	encoded := [][]byte{}
	for i := range items {
		encoded = append(encoded, c.Append(nil, &items[i]))
	}
	e.lists[[2]string{kind.String(), name}] = encoded
	e.schemas[operator.Items{Kind: kind, Name: name}] = c.Schema()
}

// SetBytes replaces what an operator has as a state of a kind, "list", "union" or "broadcast", by items
// as they are encoded. A broadcast state is one item.
func (w *Writer) SetBytes(uid, kind, name string, items ...[]byte) {
	switch {
	case kind != "list" && kind != "union" && kind != "broadcast":
		w.fail(fmt.Errorf("operator %q: state %q: there is no kind %q; name list, union or broadcast", uid, name, kind))
	case kind == "broadcast" && len(items) > 1:
		w.fail(fmt.Errorf("operator %q: the broadcast state %q is given %d items; give one", uid, name, len(items)))
	default:
		w.set(uid, kind, name, items)
	}
}

func (w *Writer) set(uid, kind, name string, items [][]byte) {
	if e := w.of(uid); e != nil {
		e.lists[[2]string{kind, name}] = items
	}
}

// Items decodes the items of a list, union or broadcast state of an operator, of all subtasks.
func Items[E any](o *Operator, kind, name string) (items []E, err error) {
	c, err := codec.For[E](o.codecs)
	if err != nil {
		return nil, err
	}
	for _, b := range o.Items(kind, name) {
		var v E
		rest, err := c.Decode(b, &v)
		if err == nil && len(rest) > 0 {
			err = fmt.Errorf("%d bytes are left over", len(rest))
		}
		if err != nil {
			return nil, fmt.Errorf("operator %q: %s state %q: %w", o.UID, kind, name, err)
		}
		items = append(items, v)
	}
	return items, nil
}

// Items is the encoded items of a list, union or broadcast state, of all subtasks.
func (o *Operator) Items(kind, name string) (items [][]byte) {
	for _, sub := range o.from.Subtasks {
		if sub == nil {
			continue
		}
		switch kind {
		case "list":
			items = append(items, sub.List[name]...)
		case "union":
			items = append(items, sub.Union[name]...)
		case "broadcast":
			if b, ok := sub.Broadcast[name]; ok && items == nil {
				items = [][]byte{b}
			}
		}
	}
	return items
}

// Write writes the savepoint into a new directory, a path or URI. launch.RestoreFrom starts a job from
// it.
func (w *Writer) Write(ctx context.Context, path string) error {
	if err := errors.Join(w.errs...); err != nil {
		return fmt.Errorf("write savepoint: %w", err)
	}
	target, err := storage.Create(ctx, path, nil)
	if err == nil {
		err = w.write(ctx, target)
	}
	if err != nil {
		return fmt.Errorf("write savepoint %s: %w", path, err)
	}
	return nil
}

func (w *Writer) write(ctx context.Context, target *storage.Target) error {
	s := &checkpoint.Snapshot{
		ID: w.id, Job: w.job, Kind: checkpoint.Savepoint, Taken: w.taken,
		Operators: map[string]*checkpoint.OperatorState{},
	}
	for i, uid := range slices.Sorted(maps.Keys(w.operators)) {
		o, err := w.operators[uid].write(ctx, target, i)
		if err != nil {
			return errors.Join(w.operators[uid].op.failed(err), target.Abort(ctx))
		}
		s.Operators[uid] = o
	}
	if err := target.Publish(ctx, s); err != nil {
		return errors.Join(err, target.Abort(ctx))
	}
	return nil
}

// write writes an operator as one part.
func (e *edited) write(ctx context.Context, target *storage.Target, number int,
) (*checkpoint.OperatorState, error) {
	if e.op.InFlightBytes > 0 {
		return nil, fmt.Errorf("%d records are in flight in the snapshot, which is an unaligned checkpoint; take a "+
			"savepoint of the job, which has none", e.op.InFlightRecords)
	}
	n := len(e.from.Subtasks)
	if n > e.max {
		return nil, fmt.Errorf("its parallelism %d is above the maximum %d; choose a larger maximum", n, e.max)
	}
	o := &checkpoint.OperatorState{
		Name: e.from.Name, MaxParallelism: e.max, Coordinator: e.from.Coordinator,
		Subtasks: make([]*operator.State, n),
	}
	described, schemas := map[string]operator.Description{}, map[operator.Items]codec.Schema{}
	for i, sub := range e.from.Subtasks {
		o.Subtasks[i] = &operator.State{}
		if sub != nil {
			o.Subtasks[i] = &operator.State{
				List: sub.List, Union: sub.Union, Broadcast: sub.Broadcast, Finished: sub.Finished && !e.grafted,
			}
			maps.Copy(described, sub.Described)
			maps.Copy(schemas, sub.Schemas)
		}
	}
	maps.Copy(schemas, e.schemas)
	if e.rekey != nil {
		e.rekey.describe(described)
	}
	for i := range o.Subtasks {
		o.Subtasks[i].Described, o.Subtasks[i].Schemas = described, schemas
	}
	if err := e.setLists(o); err != nil {
		return nil, err
	}
	part := target.Part(ctx, "operator-"+strconv.Itoa(number))
	for _, st := range e.op.States {
		if err := e.writeState(part, o, st); err != nil {
			part.Abort()
			return nil, err
		}
	}
	return o, part.Close()
}

// setLists replaces operator states. List items are dealt out, union items are the first subtask's.
func (e *edited) setLists(o *checkpoint.OperatorState) error {
	for _, place := range slices.SortedFunc(maps.Keys(e.lists), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	}) {
		kind, name, items := place[0], place[1], e.lists[place]
		for i, sub := range o.Subtasks {
			switch kind {
			case "list":
				var own [][]byte
				for at := i; at < len(items); at += len(o.Subtasks) {
					own = append(own, items[at])
				}
				sub.List = with(sub.List, name, own)
			case "union":
				var own [][]byte
				if i == 0 {
					own = items
				}
				sub.Union = with(sub.Union, name, own)
			default:
				sub.Broadcast = maps.Clone(sub.Broadcast)
				delete(sub.Broadcast, name)
				if len(items) == 1 {
					if sub.Broadcast == nil {
						sub.Broadcast = map[string][]byte{}
					}
					sub.Broadcast[name] = items[0]
				}
			}
		}
	}
	if len(e.op.States) == 0 {
		return nil
	}
	return rescaleMarks(o, e.from.MaxParallelism, e.max, e.rekey != nil)
}

func with(m map[string][][]byte, name string, items [][]byte) map[string][][]byte {
	m = maps.Clone(m)
	if len(items) == 0 {
		delete(m, name)
		return m
	}
	if m == nil {
		m = map[string][][]byte{}
	}
	m[name] = items
	return m
}

// writeState writes the sections of a state, in full, one for each key group. Old groups and new ones
// are in the order of the hashes: so new ones come one after the other. With new keys they do not, and
// all of the state is in memory.
func (e *edited) writeState(part *storage.Writer, o *checkpoint.OperatorState, st *State) error {
	if err := st.readable(); err != nil {
		return err
	}
	if (e.rekey != nil || e.max != e.from.MaxParallelism) && colcodec.IsKeySchema(&st.layout.key) {
		return fmt.Errorf("state %q has keys of SQL columns, which cannot be dealt out to other key groups "+
			"here; leave the maximum parallelism as it is, at %d", st.Name, e.from.MaxParallelism)
	}
	open := map[int][]byte{}
	for i := range st.groups {
		g := &st.groups[i]
		var failed error
		_, err := st.layout.each(g, func(entry *entry) bool {
			failed = e.put(open, st, g, entry)
			return failed == nil
		})
		if err := errors.Join(err, failed); err != nil {
			return fmt.Errorf("state %q, key group %d: %w", st.Name, g.number, err)
		}
		below := (g.number + 1) * e.max / e.from.MaxParallelism
		switch {
		case i == len(st.groups)-1:
			below = e.max
		case e.rekey != nil:
			continue
		}
		if err := flush(part, o, st.Name, open, below); err != nil {
			return err
		}
	}
	return nil
}

// put adds an entry, as it is to be, to the key group that it is to be in.
func (e *edited) put(open map[int][]byte, st *State, g *group, old *entry) (err error) {
	id, body, keep, kg := old.id, old.body, true, g.number
	if change := e.changes[st.Name]; change != nil {
		if body, keep, err = change(old); err != nil || !keep {
			return err
		}
	}
	switch {
	case e.rekey != nil:
		var key []byte
		if key, err = e.rekey.key(old.key); err != nil {
			return err
		}
		id, kg = st.layout.identityWith(old, e.rekey.word, key), codec.KeyGroup(e.rekey.hash(key), e.max)
	case e.max != e.from.MaxParallelism:
		kg = codec.KeyGroup(hashOf(&st.layout.key, old.key), e.max)
	}
	open[kg] = append(append(open[kg], id...), body...)
	return nil
}

// flush writes the key groups below one, to which no entry can come any more.
func flush(part *storage.Writer, o *checkpoint.OperatorState, state string, open map[int][]byte, below int) error {
	for _, kg := range slices.Sorted(maps.Keys(open)) {
		if kg >= below {
			continue
		}
		piece, err := part.Append(open[kg])
		if err != nil {
			return err
		}
		delete(open, kg)
		sub := o.Subtasks[operator.SubtaskOf(kg, o.MaxParallelism, len(o.Subtasks))]
		sub.Keyed = append(sub.Keyed, operator.Section{State: state, Group: kg, Data: piece})
	}
	return nil
}
