package checkpoint

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

var rewrite = flag.Bool("rewrite", false, "write the golden manifest anew; never change an old one")

func stored(object string, size, offset, stored, plain int64, c Codec) operator.Blob {
	return NewUnbound(&Ref{
		Object: object, ObjectSize: size, Offset: offset, Stored: stored, Size: plain,
		Sum: uint64(offset)*1000 + 1, Codec: c,
	})
}

func inline(data string, size int64, c Codec) operator.Blob {
	return NewUnbound(&Ref{
		Stored: int64(len(data)), Size: size, Sum: xxh3.HashString(data), Codec: c, Inline: []byte(data),
	})
}

// sample has something of everything.
func sample() *Snapshot {
	long := codec.Schema{Kind: codec.KindInt64}
	pair := codec.Schema{Kind: codec.KindStruct, Name: "main.Pair", Fields: []codec.Field{
		{Name: "A", Schema: long}, {Name: "B", Schema: codec.Schema{Kind: codec.KindString}},
	}}
	described := map[string]operator.Description{
		"sums":   {Kind: "value", Key: long, Value: pair},
		"timers": {Kind: "timer", Key: long, Namespace: pair, Value: long},
	}
	return &Snapshot{
		ID: 7, Job: "clicks", Kind: Savepoint, Native: true, Taken: 1700000000123, Epoch: 3, Attempt: 2,
		Operators: map[string]*OperatorState{
			"count": {
				Name: "count words", MaxParallelism: 128, Coordinator: []byte("enumerator"),
				Subtasks: []*operator.State{
					{Described: described, Keyed: []operator.Section{
						{State: "sums", Group: 0, Data: stored("chk-6/0-1", 900, 0, 100, 400, CodecS2)},
						{State: "sums", Group: 0, Delta: true, Data: stored("chk-7/0-2", 300, 0, 10, 20, CodecS2)},
						{State: "sums", Group: 1, Data: stored("chk-7/0-2", 300, 10, 290, 290, CodecNone)},
						{State: "timers", Group: 1, Data: inline("packed", 30, CodecZstd)},
						{State: "timers", Group: 2, Data: stored("chk-6/0-1", 900, 500, 400, 401, CodecZstd)},
					}},
					nil,
					{
						Finished:  true,
						Described: described,
						List:      map[string][][]byte{"l": {{1}, {}, {2, 3}}, "none": {}},
						Union:     map[string][][]byte{"u": {{4}}},
						Broadcast: map[string][]byte{"rules": []byte("all"), "more": {}},
					},
				},
			},
			"source": {
				Name: "source", MaxParallelism: 1, Subtasks: []*operator.State{{}},
				Rest: []operator.Blob{stored("chk-7/source", 55, 5, 50, 60, CodecS2)},
			},
		},
	}
}

func encode(t testing.TB, s *Snapshot) []byte {
	t.Helper()
	data, err := AppendManifest([]byte("before"), s)
	if err != nil {
		t.Fatal(err)
	}
	return data[len("before"):]
}

func TestManifestRoundTrip(t *testing.T) {
	for _, s := range []*Snapshot{sample(), {Operators: map[string]*OperatorState{}}} {
		got, err := DecodeManifest(encode(t, s))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, s) {
			t.Errorf("got\n%#v\nwant\n%#v", got, s)
		}
	}
}

// TestManifestGolden holds the format still: manifests that exist must be readable for ever.
func TestManifestGolden(t *testing.T) {
	const file = "testdata/manifest-v1.hex"
	data := encode(t, sample())
	if *rewrite {
		if err := os.WriteFile(file, []byte(hex.Dump(data)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != hex.Dump(data) {
		t.Error("the manifest differs from the golden one: the version must change")
	}
	golden := undump(t, string(text))
	got, err := DecodeManifest(golden)
	if err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("the golden manifest is decoded as %#v, %v", got, err)
	}
}

func undump(t *testing.T, text string) []byte {
	t.Helper()
	var out []byte
	for line := range strings.Lines(text) {
		if len(line) < 60 {
			continue
		}
		b, err := hex.DecodeString(strings.ReplaceAll(line[10:58], " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, b...)
	}
	return out
}

func TestManifestInMemoryBlobsAreInline(t *testing.T) {
	s := &Snapshot{Operators: map[string]*OperatorState{"a": {Subtasks: []*operator.State{{
		Keyed: []operator.Section{{State: "x", Group: 3, Data: operator.Bytes("hello")}},
	}}}}}
	got, err := DecodeManifest(encode(t, s))
	if err != nil {
		t.Fatal(err)
	}
	b := got.Operators["a"].Subtasks[0].Keyed[0].Data
	if data, err := b.Load(); string(data) != "hello" || b.Size() != 5 || err != nil {
		t.Errorf("got %q, %v", data, err)
	}
	if _, err := stored("o", 1, 0, 1, 1, CodecNone).Load(); err == nil {
		t.Error("an unbound blob is loaded")
	}
}

func TestManifestDamage(t *testing.T) {
	data := encode(t, sample())
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 0x10
		if _, err := DecodeManifest(bad); err == nil {
			t.Errorf("byte %d is flipped and nobody cares", i)
		}
		if _, err := DecodeManifest(data[:i]); err == nil {
			t.Errorf("cut off at %d and nobody cares", i)
		}
	}
	if _, err := DecodeManifest(append(bytes.Clone(data), 0)); err == nil {
		t.Error("a byte too much and nobody cares")
	}
}

// seal gives a manifest with another body the right length and checksum.
func seal(version uint32, body []byte) []byte {
	data := append([]byte(manifestMagic), make([]byte, 12)...)
	binary.LittleEndian.PutUint32(data[8:], version)
	binary.LittleEndian.PutUint64(data[12:], uint64(len(body)))
	data = append(data, body...)
	return binary.LittleEndian.AppendUint64(data, xxh3.Hash(data))
}

func TestManifestOfOtherVersions(t *testing.T) {
	data := encode(t, sample())
	body := data[headerBytes : len(data)-sumBytes]
	var version *VersionError
	_, err := DecodeManifest(seal(9, body))
	if !errors.As(err, &version) || !strings.Contains(err.Error(), "version 9") ||
		!strings.Contains(err.Error(), "version 1") {
		t.Errorf("got %v, want both versions", err)
	}
	got, err := DecodeManifest(seal(1, appendRecord(bytes.Clone(body), 101, []byte("news"))))
	if err != nil || !reflect.DeepEqual(got, sample()) {
		t.Errorf("an unknown record that may be skipped: %v", err)
	}
	_, err = DecodeManifest(seal(1, appendRecord(bytes.Clone(body), 100, nil)))
	if err == nil || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("an unknown record that may not be skipped: %v", err)
	}
}

func TestManifestIsCompact(t *testing.T) {
	s := &Snapshot{Operators: map[string]*OperatorState{"window": {MaxParallelism: 128}}}
	const sections = 50_000
	for i := range 64 {
		sub := &operator.State{}
		object := fmt.Sprintf("chk-1/window-%d-1-1", i)
		for k := range sections / 64 {
			sub.Keyed = append(sub.Keyed, operator.Section{
				State: "sums", Group: k % 128,
				Data: stored(object, 1<<30, int64(k)*5000, 5000, 20000, CodecS2),
			})
		}
		s.Operators["window"].Subtasks = append(s.Operators["window"].Subtasks, sub)
	}
	data := encode(t, s)
	if per := len(data) / sections; per > 20 {
		t.Errorf("%d bytes for a section", per)
	}
	if _, err := DecodeManifest(data); err != nil {
		t.Error(err)
	}
}

func FuzzManifest(f *testing.F) {
	data := encode(f, sample())
	f.Add(data[headerBytes : len(data)-sumBytes])
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := DecodeManifest(seal(1, body))
		if err != nil {
			return
		}
		again, err := AppendManifest(nil, s)
		if err != nil {
			return // sizes of one object may differ
		}
		if _, err := DecodeManifest(again); err != nil {
			t.Errorf("what was decoded and encoded again is refused: %v", err)
		}
	})
}

// Types of what was in flight are given back to all subtasks, and are in a record that older programs
// skip.
func TestManifestHasTypesOfFlights(t *testing.T) {
	record := operator.FlightType{Record: codec.Schema{Kind: codec.KindString}}
	keyed := operator.FlightType{Record: record.Record, Key: codec.Schema{Kind: codec.KindInt64}}
	data := &Ref{Inline: []byte("data")}
	flight := func(input int, t operator.FlightType) operator.InFlight {
		return operator.InFlight{Input: input, From: "from", Data: Unbound{data}, Type: t}
	}
	data.Size, data.Stored, data.Sum = 4, 4, xxh3.Hash(data.Inline)
	s := &Snapshot{Operators: map[string]*OperatorState{"uid": {Name: "op", Subtasks: []*operator.State{
		{InFlight: []operator.InFlight{flight(0, record), {Input: 1, From: "from"}}},
		nil,
		{InFlight: []operator.InFlight{flight(1, keyed), flight(0, record), flight(2, operator.FlightType{})}},
	}}}}
	got, err := DecodeManifest(encode(t, s))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, s) {
		t.Errorf("got\n%#v\nwant\n%#v", got.Operators["uid"], s.Operators["uid"])
	}
	if tagFlights%2 == 0 {
		t.Error("programs that do not know the record refuse it")
	}
}

// Schemas of operator state are given back to all subtasks, and are in a record that older programs
// skip.
func TestManifestHasSchemasOfOperatorState(t *testing.T) {
	schemas := map[operator.Items]codec.Schema{
		{Kind: operator.ListItems, Name: "x"}:      {Kind: codec.KindInt64},
		{Kind: operator.BroadcastItems, Name: "x"}: {Kind: codec.KindString},
	}
	s := &Snapshot{Operators: map[string]*OperatorState{"uid": {Name: "op", Subtasks: []*operator.State{
		{Schemas: schemas, List: map[string][][]byte{"x": {{1}}}}, nil, {Finished: true},
	}}}}
	data, err := AppendManifest(nil, s)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []int{0, 2} {
		if sub := got.Operators["uid"].Subtasks[i]; !reflect.DeepEqual(sub.Schemas, schemas) {
			t.Errorf("subtask %d has %v", i, sub.Schemas)
		}
	}
	if tagSchemas%2 == 0 {
		t.Error("programs that do not know the record refuse it")
	}
}
