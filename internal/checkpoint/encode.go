package checkpoint

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// docs/checkpoint-format.md has the layout of manifests.
const (
	manifestMagic   = "FLOTTMAN"
	manifestVersion = 1
	headerBytes     = 8 + 4 + 8 // magic, version, length of the body
	sumBytes        = 8
)

// Tags of records. An odd one that is not known is skipped, an even one refused.
const (
	tagHead        = 2
	tagStrings     = 4
	tagObjects     = 6
	tagOperator    = 8
	tagIdentity    = 2 // within an operator, as are those below
	tagCoordinator = 4
	tagSubtask     = 6
	tagSchemas     = 7
	tagFlights     = 9
)

// Flags of a subtask and of a section.
const (
	flagFinished = 1 << 0
	flagRestRef  = 1 << 1
	flagInFlight = 1 << 2

	flightIdle = 1 << 0
	flightData = 1 << 1

	flagDelta  = 1 << 0
	flagInline = 1 << 1
	codecShift = 2 // the codec is above the flags
)

// AppendManifest appends the manifest of s to dst. Equal snapshots have equal manifests.
func AppendManifest(dst []byte, s *Snapshot) ([]byte, error) {
	e := &encoder{strings: table{}, objects: table{}}
	for _, uid := range slices.Sorted(maps.Keys(s.Operators)) {
		if err := e.operator(uid, s.Operators[uid]); err != nil {
			return nil, fmt.Errorf("manifest of %s %d: operator %q: %w", s.Kind, s.ID,
				s.Operators[uid].Name, err)
		}
	}
	start := len(dst)
	dst = append(dst, manifestMagic...)
	dst = binary.LittleEndian.AppendUint32(dst, manifestVersion)
	dst = binary.LittleEndian.AppendUint64(dst, 0)
	body := len(dst)
	dst = appendRecord(dst, tagHead, appendHead(nil, s))
	dst = appendRecord(dst, tagStrings, appendStrings(nil, e.strings.list()))
	dst = appendRecord(dst, tagObjects, e.appendObjects(nil))
	dst = append(dst, e.out...)
	binary.LittleEndian.PutUint64(dst[body-8:], uint64(len(dst)-body))
	return binary.LittleEndian.AppendUint64(dst, xxh3.Hash(dst[start:])), nil
}

func appendHead(dst []byte, s *Snapshot) []byte {
	dst = binary.AppendVarint(dst, s.ID)
	dst = appendString(dst, s.Job)
	dst = append(dst, byte(s.Kind), bit(s.Native))
	dst = binary.AppendVarint(dst, s.Taken)
	dst = binary.AppendVarint(dst, s.Epoch)
	return binary.AppendVarint(dst, s.Attempt)
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

func appendString[S ~string | ~[]byte](dst []byte, s S) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendStrings(dst []byte, list []string) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for _, s := range list {
		dst = appendString(dst, s)
	}
	return dst
}

func appendRecord(dst []byte, tag uint64, payload []byte) []byte {
	return appendString(binary.AppendUvarint(dst, tag), payload)
}

// table numbers strings in the order of their first use.
type table map[string]int

func (t table) index(s string) uint64 {
	i, ok := t[s]
	if !ok {
		i = len(t)
		t[s] = i
	}
	return uint64(i)
}

func (t table) list() []string {
	list := make([]string, len(t))
	for s, i := range t {
		list[i] = s
	}
	return list
}

// encoder makes the records of operators, and the tables that they refer to.
type encoder struct {
	out     []byte
	strings table
	objects table
	sizes   []int64 // of objects
	object  int     // of the last Ref that is not inline, and where it ended
	end     int64
}

func (e *encoder) appendObjects(dst []byte) []byte {
	list := e.objects.list()
	dst = binary.AppendUvarint(dst, uint64(len(list)))
	for i, name := range list {
		dst = binary.AppendUvarint(appendString(dst, name), uint64(e.sizes[i]))
	}
	return dst
}

func (e *encoder) operator(uid string, o *OperatorState) error {
	e.object, e.end = 0, 0
	id := appendString(appendString(nil, uid), o.Name)
	id = binary.AppendUvarint(id, uint64(len(o.Subtasks)))
	id = binary.AppendUvarint(id, uint64(o.MaxParallelism))
	out := appendRecord(nil, tagIdentity, id)
	if len(o.Coordinator) > 0 {
		out = appendRecord(out, tagCoordinator, o.Coordinator)
	}
	var buf []byte
	for i, sub := range o.Subtasks {
		if sub == nil {
			continue
		}
		var rest operator.Blob
		if i < len(o.Rest) {
			rest = o.Rest[i]
		}
		var err error
		buf, err = e.subtask(buf[:0], i, sub, rest)
		if err != nil {
			return fmt.Errorf("subtask %d: %w", i, err)
		}
		out = appendRecord(out, tagSubtask, buf)
	}
	if schemas := e.schemas(o.Subtasks); schemas != nil {
		out = appendRecord(out, tagSchemas, schemas)
	}
	if types := e.flightTypes(o.Subtasks); types != nil {
		out = appendRecord(out, tagFlights, types)
	}
	e.out = appendRecord(e.out, tagOperator, out)
	return nil
}

// flightTypes encodes the types of what was in flight, for each input of the operator.
func (e *encoder) flightTypes(subtasks []*operator.State) []byte {
	all := map[int]operator.FlightType{}
	for _, s := range subtasks {
		if s == nil {
			continue
		}
		for i := range s.InFlight {
			if f := &s.InFlight[i]; f.Data != nil && f.Type.Record.Kind != codec.KindInvalid {
				all[f.Input] = f.Type
			}
		}
	}
	if len(all) == 0 {
		return nil
	}
	dst := binary.AppendUvarint(nil, uint64(len(all)))
	for _, input := range slices.Sorted(maps.Keys(all)) {
		t := all[input]
		dst = binary.AppendUvarint(dst, uint64(input))
		dst = binary.AppendUvarint(dst, e.strings.index(string(codec.AppendSchema(nil, t.Record))))
		dst = append(dst, bit(t.Key.Kind != codec.KindInvalid))
		if t.Key.Kind != codec.KindInvalid {
			dst = binary.AppendUvarint(dst, e.strings.index(string(codec.AppendSchema(nil, t.Key))))
		}
	}
	return dst
}

// schemas encodes the schemas of operator state, which all subtasks have in common.
func (e *encoder) schemas(subtasks []*operator.State) []byte {
	all := map[operator.Items]codec.Schema{}
	for _, s := range subtasks {
		if s != nil {
			maps.Copy(all, s.Schemas)
		}
	}
	if len(all) == 0 {
		return nil
	}
	sorted := slices.SortedFunc(maps.Keys(all), func(a, b operator.Items) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	dst := binary.AppendUvarint(nil, uint64(len(all)))
	for _, items := range sorted {
		dst = binary.AppendUvarint(append(dst, byte(items.Kind)), e.strings.index(items.Name))
		schema := codec.AppendSchema(nil, all[items])
		dst = binary.AppendUvarint(dst, e.strings.index(string(schema)))
	}
	return dst
}

func (e *encoder) subtask(dst []byte, i int, s *operator.State, rest operator.Blob) ([]byte, error) {
	flags := byte(0)
	if s.Finished {
		flags |= flagFinished
	}
	if rest != nil {
		flags |= flagRestRef
	}
	flags |= bit(len(s.InFlight) > 0) * flagInFlight
	dst = append(binary.AppendUvarint(dst, uint64(i)), flags)
	dst = binary.AppendUvarint(dst, uint64(len(s.Described)))
	for _, name := range slices.Sorted(maps.Keys(s.Described)) {
		dst = binary.AppendUvarint(dst, e.strings.index(name))
		d := s.Described[name]
		dst = binary.AppendUvarint(dst, e.strings.index(string(appendDescription(nil, &d))))
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.Keyed)))
	var err error
	for k := range s.Keyed {
		section := &s.Keyed[k]
		dst = binary.AppendUvarint(dst, e.strings.index(section.State))
		dst = binary.AppendUvarint(dst, uint64(section.Group))
		if dst, err = e.blob(dst, section.Data, section.Delta); err != nil {
			return nil, fmt.Errorf("state %q: %w", section.State, err)
		}
	}
	if len(s.InFlight) > 0 {
		if dst, err = e.inFlight(dst, s.InFlight); err != nil {
			return nil, fmt.Errorf("what was in flight: %w", err)
		}
	}
	if rest != nil {
		return e.blob(dst, rest, false)
	}
	return append(dst, AppendRest(nil, s)...), nil
}

func (e *encoder) inFlight(dst []byte, flights []operator.InFlight) ([]byte, error) {
	dst = binary.AppendUvarint(dst, uint64(len(flights)))
	for i := range flights {
		f := &flights[i]
		dst = append(dst, bit(f.Idle)*flightIdle|bit(f.Data != nil)*flightData)
		dst = binary.AppendUvarint(dst, uint64(f.Input))
		dst = binary.AppendUvarint(dst, e.strings.index(f.From))
		dst = binary.AppendUvarint(dst, uint64(f.Producer))
		dst = binary.AppendVarint(dst, f.Watermark)
		dst = binary.AppendVarint(dst, f.Combined)
		dst = binary.AppendUvarint(dst, uint64(f.Records))
		if f.Data == nil {
			continue
		}
		var err error
		if dst, err = e.blob(dst, f.Data, false); err != nil {
			return nil, err
		}
	}
	return dst, nil
}

// blob appends where b lies. Offsets count from the end of the blob before, if that is in the same
// object.
func (e *encoder) blob(dst []byte, b operator.Blob, delta bool) ([]byte, error) {
	r, err := refOf(b)
	if err != nil {
		return nil, err
	}
	flags := byte(r.Codec)<<codecShift | bit(delta)*flagDelta
	if r.Object == "" {
		dst = binary.AppendUvarint(append(dst, flags|flagInline), uint64(r.Size))
		return appendString(dst, r.Inline), nil
	}
	i := int(e.objects.index(r.Object))
	if i == len(e.sizes) {
		e.sizes = append(e.sizes, r.ObjectSize)
	}
	if e.sizes[i] != r.ObjectSize {
		return nil, fmt.Errorf("object %s is said to have %d and %d bytes", r.Object, e.sizes[i],
			r.ObjectSize)
	}
	if i != e.object {
		e.object, e.end = i, 0
	}
	dst = binary.AppendUvarint(append(dst, flags), uint64(i))
	dst = binary.AppendVarint(dst, r.Offset-e.end)
	dst = binary.AppendUvarint(dst, uint64(r.Stored))
	dst = binary.AppendUvarint(dst, uint64(r.Size))
	e.end = r.Offset + r.Stored
	return binary.LittleEndian.AppendUint64(dst, r.Sum), nil
}

func appendDescription(dst []byte, d *operator.Description) []byte {
	dst = appendString(dst, d.Kind)
	for _, s := range []*codec.Schema{&d.Key, &d.Namespace, &d.Value} {
		if s.Kind == codec.KindInvalid {
			dst = append(dst, 0)
			continue
		}
		dst = codec.AppendSchema(append(dst, 1), *s)
	}
	return dst
}

// AppendRest appends what a subtask's state has besides keyed sections: items of lists and unions,
// and broadcast state.
func AppendRest(dst []byte, s *operator.State) []byte {
	for _, lists := range []map[string][][]byte{s.List, s.Union} {
		dst = binary.AppendUvarint(dst, uint64(len(lists)))
		for _, name := range slices.Sorted(maps.Keys(lists)) {
			dst = appendString(dst, name)
			dst = binary.AppendUvarint(dst, uint64(len(lists[name])))
			for _, item := range lists[name] {
				dst = appendString(dst, item)
			}
		}
	}
	dst = binary.AppendUvarint(dst, uint64(len(s.Broadcast)))
	for _, name := range slices.Sorted(maps.Keys(s.Broadcast)) {
		dst = appendString(appendString(dst, name), s.Broadcast[name])
	}
	return dst
}
