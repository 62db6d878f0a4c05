package protobuf

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/row"
)

const orders = `descriptor-file="testdata/orders.proto" message-name="example.Order" `

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDecode(t *testing.T) {
	f, known := Factory, map[string]protoreflect.MessageDescriptor{} // each file is compiled once
	f.NewDecoder = func(t *format.Table) (func() format.Decoder, error) {
		name := messageName.Get(t.Options)
		if known[name] == nil {
			m, err := message(t)
			if err != nil {
				return nil, err
			}
			known[name] = m
		}
		return newDecoderOf(known[name], t)
	}
	formattest.Cases(t, f, "testdata/decode.txt")
}

func TestEncode(t *testing.T) {
	formattest.EncodeCases(t, json.Factory, Factory, "testdata/encode.txt")
}

// allColumns are columns for all fields, but those of a oneof.
const allColumns = "id BIGINT, name STRING, count INT, kind INT, price ROW<currency STRING, units BIGINT>, tags ARRAY<STRING NOT NULL>, " +
	"numbers ARRAY<INT NOT NULL>, attributes MAP<STRING NOT NULL, BIGINT NOT NULL>, cash ROW<units BIGINT>, made ROW<seconds BIGINT, nanos INT>, " +
	"raw BYTES, ratio DOUBLE, part FLOAT, done BOOLEAN, f32 BIGINT, f64 BIGINT, s64 BIGINT, u64 BIGINT, " +
	"lines ARRAY<ROW<item STRING, flags ARRAY<BOOLEAN NOT NULL>, price ROW<units BIGINT>> NOT NULL>, " +
	"kinds ARRAY<INT NOT NULL>, weights ARRAY<DOUBLE NOT NULL>, parent ROW<id BIGINT, tags ARRAY<STRING NOT NULL>, parent ROW<id BIGINT>>"

func table(t testing.TB, columns, options string) *format.Table {
	t.Helper()
	table, err := formattest.Table(Factory, formattest.Schema(columns), options)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func descriptor(t testing.TB, table *format.Table) protoreflect.MessageDescriptor {
	t.Helper()
	m, err := message(table)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// factoryOf is the format for one message, which need not be compiled each time.
func factoryOf(m protoreflect.MessageDescriptor) format.Factory {
	f := Factory
	f.NewDecoder = func(t *format.Table) (func() format.Decoder, error) { return newDecoderOf(m, t) }
	return f
}

// theirs is the row that dynamicpb makes of a record.
func theirs(m protoreflect.MessageDescriptor, table *format.Table, record []byte) (text string, err error) {
	defer func() {
		if x := recover(); x != nil { // as version 1.36.12 has it for an entry of a map that is broken
			err = fmt.Errorf("%v", x)
		}
	}()
	d := dynamicpb.NewMessage(m)
	if err := proto.Unmarshal(record, d); err != nil {
		return "", err
	}
	b := column.NewBatch(&row.Schema{Fields: table.Columns()})
	defaults := readDefaults.Get(table.Options)
	for i, f := range table.Columns() {
		put(b.Cols[i], f.Type, d, m.Fields().ByName(protoreflect.Name(f.Name)), defaults)
	}
	b.N = 1
	return formattest.Rows(b)[0], nil
}

// put appends a field of a message.
func put(v *column.Vector, t *row.Type, m protoreflect.Message, d protoreflect.FieldDescriptor, defaults bool) {
	x := m.Get(d)
	list := d.IsList() || d.IsMap()
	if !t.NotNull && !defaults && !m.Has(d) && (d.HasPresence() || list) {
		v.AppendNull()
		return
	}
	switch {
	case d.IsMap():
		x.Map().Range(func(key protoreflect.MapKey, elem protoreflect.Value) bool {
			putValue(v.Children[0], t.Key, key.Value(), d.MapKey(), defaults)
			putValue(v.Children[1], t.Elem, elem, d.MapValue(), defaults)
			return true
		})
		v.EndList()
	case d.IsList():
		for i := range x.List().Len() {
			putValue(v.Children[0], t.Elem, x.List().Get(i), d, defaults)
		}
		v.EndList()
	default:
		putValue(v, t, x, d, defaults)
	}
}

func putValue(v *column.Vector, t *row.Type, x protoreflect.Value, d protoreflect.FieldDescriptor, defaults bool) {
	switch d.Kind() {
	case protoreflect.MessageKind:
		for i, f := range t.Fields {
			put(v.Children[i], f.Type, x.Message(), d.Message().Fields().ByName(protoreflect.Name(f.Name)), defaults)
		}
		v.EndRow()
	case protoreflect.StringKind:
		v.AppendString(string([]rune(x.String())))
	case protoreflect.BytesKind:
		v.AppendBytes(x.Bytes())
	case protoreflect.BoolKind:
		v.AppendBool(x.Bool())
	case protoreflect.FloatKind:
		v.AppendF32(float32(x.Float()))
	case protoreflect.DoubleKind:
		v.AppendF64(x.Float())
	case protoreflect.EnumKind:
		v.AppendI32(int32(x.Enum()))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		v.AppendI64(int64(x.Uint()))
	case protoreflect.Uint64Kind:
		v.AppendI64(int64(x.Uint()))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		v.AppendI64(x.Int())
	default:
		v.AppendI32(int32(x.Int()))
	}
}

// fitting makes the numbers of random rows fit into what has 32 bits without a sign.
func fitting(b *column.Batch) *column.Batch {
	for _, v := range b.Cols {
		if v.Type.Kind == row.BigInt {
			for i := range v.I64 {
				v.I64[i] &= 0xFFFFFFFF
			}
		}
	}
	return b
}

// TestAsDynamicpb writes random rows, which dynamicpb reads; and reads what it writes.
func TestAsDynamicpb(t *testing.T) {
	for seed := range uint64(12) {
		options := orders
		if seed%2 == 1 {
			options += `read-default-values="true"`
		}
		table := table(t, allColumns, options)
		m := descriptor(t, table)
		b := fitting(formattest.RandomBatch(rand.New(rand.NewPCG(seed, 1)), table.Schema, 10))
		newEncoder, err := Factory.NewEncoder(table)
		if err != nil {
			t.Fatal(err)
		}
		e := newEncoder()
		for i := range b.N {
			record, err := e.Append([]byte("before"), b, i)
			if err != nil {
				t.Fatal(err)
			}
			record = record[len("before"):]
			same(t, m, table, record)
			d := dynamicpb.NewMessage(m)
			if err := proto.Unmarshal(record, d); err != nil {
				t.Fatal(err)
			}
			again, err := proto.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			same(t, m, table, again)
			if i == 0 && seed%4 == 0 {
				formattest.Projections(t, factoryOf(m), table, string(again))
			}
		}
	}
}

// same compares a record's row with dynamicpb's. What is read as columns and written is read as the same.
func same(t *testing.T, m protoreflect.MessageDescriptor, table *format.Table, record []byte) {
	t.Helper()
	want, theirErr := theirs(m, table, record)
	got, err := formattest.Decode(factoryOf(m), table, string(record))
	switch {
	case theirErr != nil: // what we do not read may be wrong
	case err != nil:
		t.Fatalf("%x: dynamicpb reads it, and we do not: %v", record, err)
	case len(got) != 1 || got[0] != want:
		t.Fatalf("%x is\n%v, want\n%s", record, got, want)
	}
}

// TestRoundTrip writes rows and reads them: with defaults what was NULL is 0.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 1))
		table := table(t, "id BIGINT NOT NULL, name STRING NOT NULL, count INT, tags ARRAY<STRING NOT NULL> NOT NULL, price ROW<units BIGINT NOT NULL>, "+
			"attributes MAP<STRING NOT NULL, BIGINT NOT NULL> NOT NULL, raw BYTES NOT NULL", orders)
		b := formattest.RandomBatch(rng, table.Schema, 10)
		m := descriptor(t, table)
		newEncoder, err := Factory.NewEncoder(table)
		if err != nil {
			t.Fatal(err)
		}
		for i, want := range formattest.Rows(b) {
			record, err := newEncoder().Append(nil, b, i)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := formattest.Decode(factoryOf(m), table, string(record)); err != nil || len(got) != 1 || got[0] != want {
				t.Fatalf("%x is %v (%v), want %s", record, got, err, want)
			}
		}
	}
}

// TestDescriptors are the ways to name a message.
func TestDescriptors(t *testing.T) {
	m := descriptor(t, table(t, "id BIGINT", orders))
	set := &descriptorpb.FileDescriptorSet{}
	for _, f := range []protoreflect.FileDescriptor{m.ParentFile().Imports().Get(0), m.ParentFile().Imports().Get(1), m.ParentFile()} {
		set.File = append(set.File, protodesc.ToFileDescriptorProto(f))
	}
	whole, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := func(name string, text []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		return path
	}
	set.File = set.File[2:]
	part, err := proto.Marshal(set)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ options, columns, want string }{
		{`descriptor-file="` + file("whole.pb", whole) + `" message-name="example.Order"`, "id BIGINT", ""},
		{`descriptor-file="` + file("whole.pb", whole) + `" message-name="example.Order.Line"`, "item STRING", ""},
		{`descriptor-file="testdata/common/money.proto" import-path="testdata:elsewhere" message-name="example.Money"`, "units BIGINT", ""},
		{`descriptor-file="` + file("part.pb", part) + `" message-name="example.Order"`, "id BIGINT", "--include_imports"},
		{`descriptor-file="` + file("text", []byte("message")) + `" message-name="x"`, "id BIGINT", "no set of descriptors"},
		{`descriptor-file="` + file("bad.proto", []byte("syntax = \"proto3\";\nmessage X { int3 x = 1; }")) + `" message-name="X"`, "x INT", "bad.proto:2:13"},
		{`descriptor-file="/nowhere.proto" message-name="x"`, "id BIGINT", "protobuf.descriptor-file: stat /nowhere.proto"},
		{`descriptor-file="testdata/orders.proto" import-path="/elsewhere" message-name="x"`, "id BIGINT", "protobuf.import-path"},
		{`descriptor-file="testdata/orders.proto" message-name="Order"`, "id BIGINT", "there are example.Order, example.Order.Line"},
		{`message-class-name="com.example.Order"`, "id BIGINT", "the option 'protobuf.descriptor-file' is missing"},
		{orders + `message-class-name="com.example.Order"`, "id BIGINT", "names a class of Java"},
		{orders, "id STRING, names STRING, tags STRING, attributes MAP<INT, BIGINT>", "field id is int64 in the message, which is not read or written as STRING"},
		{orders, "id STRING, names STRING, tags STRING, attributes MAP<INT, BIGINT>", "the message example.Order has no field names"},
		{orders, "id STRING, names STRING, tags STRING, attributes MAP<INT, BIGINT>", "field tags is repeated string"},
		{orders, "id STRING, names STRING, tags STRING, attributes MAP<INT, BIGINT>", "field attributes is map<string, int64>"},
	} {
		table, err := formattest.Table(Factory, formattest.Schema(c.columns), c.options)
		var err2 error
		if err == nil {
			_, err = Factory.NewDecoder(table)
			_, err2 = Factory.NewEncoder(table)
		} else {
			err2 = err
		}
		for _, err := range []error{err, err2} {
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v; want %s", c.options, err, c.want)
			}
		}
	}
}

// FuzzDecode compares what records give with dynamicpb, and projections with the whole.
func FuzzDecode(f *testing.F) {
	tables := []*format.Table{
		table(f, allColumns, orders), table(f, allColumns, orders+`read-default-values="true"`),
		table(f, "id INT, name STRING, list ARRAY<INT NOT NULL>, part ROW<x INT, y BYTES>, level INT, b BOOLEAN", `descriptor-file="testdata/old.proto" message-name="old.Row"`),
	}
	for seed, table := range tables {
		newEncoder, err := Factory.NewEncoder(table)
		if err != nil {
			f.Fatal(err)
		}
		b := fitting(formattest.RandomBatch(rand.New(rand.NewPCG(uint64(seed), 1)), table.Schema, 4))
		for i := range b.N {
			if record, err := newEncoder().Append(nil, b, i); err == nil {
				f.Add(record)
			}
		}
	}
	var all []protoreflect.MessageDescriptor
	for _, table := range tables {
		all = append(all, descriptor(f, table))
	}
	f.Fuzz(func(t *testing.T, record []byte) {
		for i, table := range tables {
			same(t, all[i], table, record)
			formattest.Projections(t, factoryOf(all[i]), table, string(record))
		}
	})
}

const bidColumns = "id BIGINT, name STRING, count INT, price ROW<currency STRING, units BIGINT>, tags ARRAY<STRING>, ratio DOUBLE, done BOOLEAN"

const bidRow = `{"id":1000,"name":"an order of something","count":7,"price":{"currency":"EUR","units":125},"tags":["hot","green"],"ratio":1.5,"done":true}`

func BenchmarkDecode(b *testing.B) {
	all := table(b, bidColumns, orders)
	newEncoder, err := Factory.NewEncoder(all)
	if err != nil {
		b.Fatal(err)
	}
	record, err := newEncoder().Append(nil, formattest.DecodeBatch(b, json.Factory, &format.Table{Schema: all.Schema}, bidRow), 0)
	if err != nil {
		b.Fatal(err)
	}
	for name, project := range map[string][]int{"All": nil, "Two": {0, 2}} {
		b.Run(name, func(b *testing.B) {
			some := *all
			some.Project = project
			newDecoder, err := Factory.NewDecoder(&some)
			if err != nil {
				b.Fatal(err)
			}
			d, batch := newDecoder(), formattest.Batch(Factory, &some)
			b.SetBytes(int64(len(record)))
			b.ReportAllocs()
			for b.Loop() {
				if batch.N == 1024 {
					batch.Reset()
				}
				if err := d.Decode(record, batch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("Dynamicpb", func(b *testing.B) {
		m := descriptor(b, all)
		b.ReportAllocs()
		for b.Loop() {
			if err := proto.Unmarshal(record, dynamicpb.NewMessage(m)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
