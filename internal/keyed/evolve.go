package keyed

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// Sections that were written with other schemas than those of today are rewritten before they are
// restored, so that no state knows of it. What is compared and compiled is done once for a state; where
// nothing has changed, sections are restored as they are.

// Migration is a step from one type of values to another, which a function of the user does.
type Migration struct {
	Name     string
	From, To codec.Schema
	// Apply appends what becomes of the encoding at the start of src.
	Apply func(dst, src []byte) (out, rest []byte, err error)
}

// Migrate gives the migrations of a state. The schemas are those of values without times.
func (b *Backend) Migrate(name string, steps []Migration) {
	if len(steps) == 0 {
		return
	}
	if b.migrations == nil {
		b.migrations = map[string][]Migration{}
	}
	b.migrations[name] = steps
}

// rewriter turns sections of a state into what they would be with the schema of today.
type rewriter struct {
	keys   *Backend // of the entries
	heads  int      // varints ahead of each key
	times  bool     // a time is ahead of each value
	list   bool     // a value is a list of values
	slices bool     // what is deleted is slices, without keys
	pads   [2]int   // bytes behind each item that takes none, before and after
	value  valueRewriter
	buf    []byte
}

type valueRewriter func(dst, src []byte) (out, rest []byte, err error)

// entryKeyed is a State whose entries have other keys than its backend.
type entryKeyed interface{ entries() *Backend }

func (s *MapState[MK, V]) entries() *Backend { return s.b }

func (s *Ordered[V]) entries() *Backend { return s.b }

// rewriterFor compares what a state was with what it is. It returns nil if sections are restored as
// they are.
func (b *Backend) rewriterFor(i int, was operator.Description) (*rewriter, error) {
	name, is := b.names[i], b.describe(i)
	if err := checkForm(name, &was, &is); err != nil {
		return nil, err
	}
	wasValue, wasTimed := bareValue(&was)
	isValue, _ := bareValue(&is)
	value, err := valueRewriterFor(wasValue, isValue, b.migrations[name])
	if err != nil {
		return nil, fmt.Errorf("state %q: %w", name, err)
	}
	if value == nil {
		return nil, nil
	}
	r := &rewriter{keys: b, times: wasTimed, value: value}
	if s, ok := b.states[i].(entryKeyed); ok {
		r.keys = s.entries()
	}
	switch kindOf(&was) {
	case "timer":
		r.heads = 1
	case "slice":
		r.heads, r.slices = 2, true
	case "list":
		r.list = true
		if !wasTimed {
			r.pads = [2]int{padOf(&wasValue), padOf(&isValue)}
		}
	}
	return r, nil
}

// kindOf is the kind without what says that it has TTL.
func kindOf(d *operator.Description) string { return strings.TrimSuffix(d.Kind, ttlSuffix) }

// bareValue is the schema of the values without their times.
func bareValue(d *operator.Description) (s codec.Schema, timed bool) {
	if strings.HasSuffix(d.Kind, ttlSuffix) && len(d.Value.Fields) == 2 {
		return d.Value.Part(1), true
	}
	return d.Value, false
}

// padOf is the number of bytes that a list has behind each item: one if the item takes none.
func padOf(s *codec.Schema) int {
	if s.Kind == codec.KindStruct && len(s.Fields) == 0 || s.Kind == codec.KindArray && s.Len == 0 {
		return 1
	}
	return 0
}

// checkForm refuses what cannot be rewritten key by key and value by value.
func checkForm(name string, was, is *operator.Description) error {
	if kindOf(was) != kindOf(is) {
		return fmt.Errorf("state %q: the snapshot has it as a %s, and the job declares a %s; "+
			"give the new state another name", name, kindOf(was), kindOf(is))
	}
	if !isSame(was.Key, is.Key) {
		return fmt.Errorf("state %q: the key of the snapshot is %s, that of the job %s, and a changed key "+
			"belongs to other key groups; give a savepoint the new keys with savepoint.Rekey, or give the "+
			"operator another uid", name, was.Key, is.Key)
	}
	if !isSame(was.Namespace, is.Namespace) {
		what := "namespace"
		if kindOf(is) == "map" {
			what = "map key"
		}
		return fmt.Errorf("state %q: the %s of the snapshot is %s, that of the job %s, and it is part of "+
			"where an entry lies; give the new state another name", name, what, was.Namespace, is.Namespace)
	}
	return nil
}

// isSame reports whether two schemas differ in the names of types at most. One that is not known is
// the same as any.
func isSame(a, b codec.Schema) bool {
	if a.Kind == codec.KindInvalid || b.Kind == codec.KindInvalid || a.Equal(b) {
		return true
	}
	c, err := codec.Convert(a, b)
	return err == nil && c.Identity()
}

// valueRewriterFor returns how a value becomes one of today, nil if it is one. A migration from
// exactly what is stored comes first, then a conversion, then one to what a migration begins with.
func valueRewriterFor(was, is codec.Schema, steps []Migration) (valueRewriter, error) {
	if isSame(was, is) {
		return nil, nil
	}
	for i := range steps {
		if !isSame(was, steps[i].From) {
			continue
		}
		// What comes before is not gone through again, so that chains end.
		next, err := valueRewriterFor(steps[i].To, is, steps[i+1:])
		if err != nil {
			return nil, fmt.Errorf("after the migration %q: %w", steps[i].Name, err)
		}
		return inSequence(steps[i].rewrite, next), nil
	}
	c, err := codec.Convert(was, is)
	if err == nil {
		return c.Append, nil
	}
	for i := range steps {
		first, e := codec.Convert(was, steps[i].From)
		if e != nil {
			continue
		}
		next, e := valueRewriterFor(steps[i].To, is, steps[i+1:])
		if e != nil {
			continue
		}
		return inSequence(first.Append, inSequence(steps[i].rewrite, next)), nil
	}
	return nil, fmt.Errorf("%w; give the state a state.Migrate from its old type", err)
}

func (m *Migration) rewrite(dst, src []byte) (out, rest []byte, err error) {
	if out, rest, err = m.Apply(dst, src); err != nil {
		err = fmt.Errorf("migration %q: %w", m.Name, err)
	}
	return out, rest, err
}

// inSequence is first, then second, which may be nil.
func inSequence(first, second valueRewriter) valueRewriter {
	if second == nil {
		return first
	}
	var between []byte
	return func(dst, src []byte) (out, rest []byte, err error) {
		if between, rest, err = first(between[:0], src); err != nil {
			return dst, rest, err
		}
		out, _, err = second(dst, between)
		return out, rest, err
	}
}

// section rewrites a section. The result is valid until the next call.
func (r *rewriter) section(delta bool, src []byte) (dst []byte, err error) {
	dst = r.buf[:0]
	if delta {
		n, used := binary.Uvarint(src)
		if used <= 0 {
			return nil, fmt.Errorf("the number of deleted keys is cut off")
		}
		dst, src = append(dst, src[:used]...), src[used:]
		for range n {
			if dst, src, err = r.deleted(dst, src); err != nil {
				return nil, err
			}
		}
	}
	for len(src) > 0 && err == nil {
		dst, src, err = r.entry(dst, src)
	}
	r.buf = dst
	return dst, err
}

func (r *rewriter) key(dst, src []byte) (out, rest []byte, err error) {
	_, rest, err = r.keys.TakeKey(src)
	return append(dst, src[:len(src)-len(rest)]...), rest, err
}

// deleted takes what is deleted: an entry without its value, or a whole slice.
func (r *rewriter) deleted(dst, src []byte) (out, rest []byte, err error) {
	if dst, src, err = r.head(dst, src); err != nil || r.slices {
		return dst, src, err
	}
	return r.key(dst, src)
}

func (r *rewriter) head(dst, src []byte) (out, rest []byte, err error) {
	for range r.heads {
		_, n := binary.Varint(src)
		if n <= 0 {
			return dst, src, fmt.Errorf("an entry is cut off")
		}
		dst, src = append(dst, src[:n]...), src[n:]
	}
	return dst, src, nil
}

func (r *rewriter) entry(dst, src []byte) (out, rest []byte, err error) {
	if dst, src, err = r.head(dst, src); err != nil {
		return dst, src, err
	}
	if dst, src, err = r.key(dst, src); err != nil {
		return dst, src, err
	}
	if !r.list {
		return r.one(dst, src)
	}
	list, rest, err := takeList(src)
	var items []byte
	for err == nil && len(list) > 0 {
		if items, list, err = r.one(items, list); err != nil {
			break
		}
		list = list[min(r.pads[0], len(list)):]
		items = append(items, make([]byte, r.pads[1])...)
	}
	dst = binary.AppendUvarint(dst, uint64(len(items)))
	return append(dst, items...), rest, err
}

// one rewrites a value with its time.
func (r *rewriter) one(dst, src []byte) (out, rest []byte, err error) {
	if r.times {
		n := min(timeBytes, len(src))
		dst, src = append(dst, src[:n]...), src[n:]
	}
	return r.value(dst, src)
}
