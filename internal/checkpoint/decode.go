package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// VersionError says that a manifest has a format that this program does not know.
type VersionError struct{ Got, Known uint32 }

// Error names both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the manifest has format version %d, and this program knows version %d; use the "+
		"version of Flott that wrote it, or a newer one", e.Got, e.Known)
}

// What is wrong with a manifest.
var (
	errMagic    = errors.New("it is not a manifest")
	errLength   = errors.New("its length is wrong")
	errChecksum = errors.New("its checksum is wrong")
	errBody     = errors.New("malformed manifest")
)

// Bounds on what a manifest can claim, so that a malformed one does not exhaust the memory.
const (
	subtasksMax = 1 << 20
	groupMax    = 1 << 20
)

// DecodeManifest returns the snapshot of a manifest, its blobs unbound. It keeps data.
func DecodeManifest(data []byte) (*Snapshot, error) {
	if len(data) < 8 || string(data[:8]) != manifestMagic {
		return nil, errMagic
	}
	if len(data) < headerBytes+sumBytes {
		return nil, errLength
	}
	end := len(data) - sumBytes
	if binary.LittleEndian.Uint64(data[12:]) != uint64(end-headerBytes) {
		return nil, errLength
	}
	if xxh3.Hash(data[:end]) != binary.LittleEndian.Uint64(data[end:]) {
		return nil, errChecksum
	}
	// Header and checksum are the same in all versions, so that damage is told from news.
	if v := binary.LittleEndian.Uint32(data[8:]); v != manifestVersion {
		return nil, &VersionError{v, manifestVersion}
	}
	m := &manifest{
		snapshot:  &Snapshot{Operators: map[string]*OperatorState{}},
		described: map[uint64]operator.Description{},
	}
	d := reader{data: data[headerBytes:end]}
	if err := d.records(m.record); err != nil {
		return nil, err
	}
	return m.snapshot, nil
}

// manifest is a manifest being decoded.
type manifest struct {
	snapshot  *Snapshot
	strings   []string
	objects   []string
	sizes     []int64
	described map[uint64]operator.Description // by string
	object    uint64                          // as in the encoder
	end       int64
}

func (m *manifest) record(tag uint64, d reader) error {
	switch tag {
	case tagHead:
		return m.head(d)
	case tagStrings:
		for range d.count(1) {
			m.strings = append(m.strings, d.string())
		}
		return d.done()
	case tagObjects:
		for range d.count(2) {
			m.objects = append(m.objects, d.string())
			m.sizes = append(m.sizes, int64(d.uvarint()))
		}
		return d.done()
	case tagOperator:
		m.object, m.end = 0, 0
		o := &OperatorState{}
		return d.records(func(tag uint64, d reader) error { return m.operatorRecord(o, tag, d) })
	}
	return unknown(tag)
}

func unknown(tag uint64) error {
	if tag%2 == 1 {
		return nil
	}
	return fmt.Errorf("%w: a newer version of Flott has put something into it that must be "+
		"understood (record %d)", errBody, tag)
}

func (m *manifest) head(d reader) error {
	s := m.snapshot
	s.ID = d.varint()
	s.Job = d.string()
	s.Kind = Kind(d.byte())
	s.Native = d.byte() == 1
	s.Taken = d.varint()
	s.Epoch = d.varint()
	s.Attempt = d.varint()
	if s.Kind > Savepoint {
		return errBody
	}
	return d.done()
}

func (m *manifest) operatorRecord(o *OperatorState, tag uint64, d reader) error {
	switch tag {
	case tagIdentity:
		uid := d.string()
		o.Name = d.string()
		n := d.uvarint()
		o.MaxParallelism = int(d.uvarint())
		if n > subtasksMax || o.MaxParallelism < 0 || m.snapshot.Operators[uid] != nil {
			return errBody
		}
		o.Subtasks = make([]*operator.State, n)
		m.snapshot.Operators[uid] = o
		return d.done()
	case tagCoordinator:
		o.Coordinator = d.data
		return nil
	case tagSubtask:
		return m.subtask(o, d)
	case tagSchemas:
		return m.schemas(o, d)
	case tagFlights:
		return m.flightTypes(o, d)
	}
	return unknown(tag)
}

// flightTypes gives what was in flight to the subtasks that have come before its types.
func (m *manifest) flightTypes(o *OperatorState, d reader) error {
	n := d.count(3)
	all := make(map[int]operator.FlightType, n)
	for range n {
		input := int(min(d.uvarint(), math.MaxInt32))
		t := operator.FlightType{Record: m.schema(&d)}
		if d.byte() == 1 {
			t.Key = m.schema(&d)
		}
		all[input] = t
	}
	for _, s := range o.Subtasks {
		if s == nil {
			continue
		}
		for i := range s.InFlight {
			if f := &s.InFlight[i]; f.Data != nil {
				f.Type = all[f.Input]
			}
		}
	}
	return d.done()
}

// schema is a schema in the table of strings.
func (m *manifest) schema(d *reader) codec.Schema {
	s, rest, err := codec.DecodeSchema([]byte(m.string(d)))
	if err != nil || len(rest) > 0 {
		d.fail()
	}
	return s
}

// schemas gives the schemas of operator state to the subtasks that have come before.
func (m *manifest) schemas(o *OperatorState, d reader) error {
	n := d.count(3)
	all := make(map[operator.Items]codec.Schema, n)
	for range n {
		items := operator.Items{Kind: operator.ItemKind(d.byte()), Name: m.string(&d)}
		if items.Kind > operator.BroadcastItems {
			return errBody
		}
		all[items] = m.schema(&d)
	}
	for _, s := range o.Subtasks {
		if s != nil && n > 0 {
			s.Schemas = all
		}
	}
	return d.done()
}

func (m *manifest) subtask(o *OperatorState, d reader) error {
	i, flags := d.uvarint(), d.byte()
	if d.bad || i >= uint64(len(o.Subtasks)) {
		return errBody
	}
	s := &operator.State{Finished: flags&flagFinished != 0}
	o.Subtasks[i] = s
	if n := d.count(2); n > 0 {
		s.Described = make(map[string]operator.Description, n)
		for range n {
			name := m.string(&d)
			s.Described[name] = m.description(&d)
		}
	}
	if n := d.count(4); n > 0 {
		s.Keyed = make([]operator.Section, n)
		for k := range s.Keyed {
			m.section(&d, &s.Keyed[k])
		}
	}
	if flags&flagInFlight != 0 {
		m.inFlight(&d, s)
	}
	if flags&flagRestRef == 0 {
		d.rest(s)
		return d.done()
	}
	if o.Rest == nil {
		o.Rest = make([]operator.Blob, len(o.Subtasks))
	}
	o.Rest[i], _ = m.blob(&d)
	return d.done()
}

func (m *manifest) inFlight(d *reader, s *operator.State) {
	s.InFlight = make([]operator.InFlight, d.count(7))
	for i := range s.InFlight {
		f := &s.InFlight[i]
		flags := d.byte()
		f.Idle = flags&flightIdle != 0
		f.Input = int(min(d.uvarint(), math.MaxInt32))
		f.From = m.string(d)
		f.Producer = int(min(d.uvarint(), math.MaxInt32))
		f.Watermark = d.varint()
		f.Combined = d.varint()
		f.Records = int64(d.uvarint())
		if flags&flightData != 0 {
			f.Data, _ = m.blob(d)
		}
	}
}

func (m *manifest) section(d *reader, s *operator.Section) {
	s.State = m.string(d)
	group := d.uvarint()
	if group > groupMax {
		d.fail()
		return
	}
	s.Group = int(group)
	s.Data, s.Delta = m.blob(d)
}

// string is a string of the table.
func (m *manifest) string(d *reader) string {
	i := d.uvarint()
	if i >= uint64(len(m.strings)) {
		d.fail()
		return ""
	}
	return m.strings[i]
}

func (m *manifest) description(d *reader) operator.Description {
	i := d.uvarint()
	if known, ok := m.described[i]; ok {
		return known
	}
	if i >= uint64(len(m.strings)) {
		d.fail()
		return operator.Description{}
	}
	in := reader{data: []byte(m.strings[i])}
	v := operator.Description{Kind: in.string()}
	v.Key, v.Namespace, v.Value = in.schema(), in.schema(), in.schema()
	if in.done() != nil {
		d.fail()
	}
	m.described[i] = v
	return v
}

func (m *manifest) blob(d *reader) (b operator.Blob, delta bool) {
	flags := d.byte()
	r := &Ref{Codec: Codec(flags >> codecShift)}
	if r.Codec >= codecs {
		d.fail()
	}
	if flags&flagInline != 0 {
		r.Size = int64(d.uvarint())
		r.Inline = d.bytes()
		r.Stored = int64(len(r.Inline))
		r.Sum = xxh3.Hash(r.Inline)
	} else {
		m.stored(d, r)
	}
	if r.Size < 0 || r.Codec == CodecNone && r.Size != r.Stored {
		d.fail()
	}
	return Unbound{r}, flags&flagDelta != 0
}

func (m *manifest) stored(d *reader, r *Ref) {
	i := d.uvarint()
	if i >= uint64(len(m.objects)) {
		d.fail()
		return
	}
	if i != m.object {
		m.object, m.end = i, 0
	}
	r.Object, r.ObjectSize = m.objects[i], m.sizes[i]
	r.Offset = m.end + d.varint()
	r.Stored = int64(d.uvarint())
	r.Size = int64(d.uvarint())
	r.Sum = d.fixed()
	if r.Offset < 0 || r.Stored < 0 || r.Stored > r.ObjectSize || r.Offset > r.ObjectSize-r.Stored {
		d.fail()
	}
	m.end = r.Offset + r.Stored
}

// DecodeRest sets the lists, unions and broadcast state of s to what AppendRest has encoded. It
// keeps data.
func DecodeRest(data []byte, s *operator.State) error {
	d := reader{data: data}
	d.rest(s)
	return d.done()
}

// reader takes values off data. When there are too few bytes, or wrong ones, it is bad and has no
// data left.
type reader struct {
	data []byte
	bad  bool
}

func (d *reader) fail() { d.bad, d.data = true, nil }

func (d *reader) done() error {
	if d.bad || len(d.data) > 0 {
		return errBody
	}
	return nil
}

// records passes all records to f.
func (d *reader) records(f func(tag uint64, payload reader) error) error {
	for len(d.data) > 0 {
		tag := d.uvarint()
		payload := d.bytes()
		if d.bad {
			return errBody
		}
		if err := f(tag, reader{data: payload}); err != nil {
			return err
		}
	}
	return nil
}

func (d *reader) take(n uint64) []byte {
	if n > uint64(len(d.data)) {
		d.fail()
		return nil
	}
	p := d.data[:n:n]
	d.data = d.data[n:]
	return p
}

func (d *reader) byte() byte {
	if p := d.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (d *reader) fixed() uint64 {
	if p := d.take(8); p != nil {
		return binary.LittleEndian.Uint64(p)
	}
	return 0
}

func (d *reader) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.data = d.data[n:]
	return v
}

func (d *reader) varint() int64 {
	v, n := binary.Varint(d.data)
	if n <= 0 {
		d.fail()
		return 0
	}
	d.data = d.data[n:]
	return v
}

// count is a number of elements of at least size bytes each.
func (d *reader) count(size int) int {
	n := d.uvarint()
	if n > uint64(len(d.data)/size) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *reader) bytes() []byte { return d.take(d.uvarint()) }

func (d *reader) string() string { return string(d.bytes()) }

func (d *reader) schema() codec.Schema {
	if d.byte() == 0 {
		return codec.Schema{}
	}
	s, rest, err := codec.DecodeSchema(d.data)
	if err != nil {
		d.fail()
		return s
	}
	d.data = rest
	return s
}

func (d *reader) rest(s *operator.State) {
	s.List, s.Union = d.lists(), d.lists()
	if n := d.count(2); n > 0 {
		s.Broadcast = make(map[string][]byte, n)
		for range n {
			name := d.string()
			s.Broadcast[name] = d.bytes()
		}
	}
}

func (d *reader) lists() map[string][][]byte {
	n := d.count(2)
	if n == 0 {
		return nil
	}
	lists := make(map[string][][]byte, n)
	for range n {
		name := d.string()
		items := make([][]byte, d.count(1))
		for i := range items {
			items[i] = d.bytes()
		}
		lists[name] = items
	}
	return lists
}
