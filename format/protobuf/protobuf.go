// Package protobuf is the format of records that are messages of Protocol Buffers, as Flink's format
// 'protobuf' has it, but that messages are described by a file at run time, and not by a class.
//
// A decoder follows a plan that is made of the message's descriptor and the columns that are wanted. It
// walks over a message once: elements of repeated fields go to vectors as they are met, of other fields the
// last value is noted, and is appended at the end of the message. A field that comes in several parts is
// put together, as the encoding asks for.
//
// Data flow: connectors hand records to a decoder, which fills their batches; encoders append records to
// the buffers of connectors.
package protobuf

import (
	"errors"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

var (
	descriptorFile = config.Text(config.Doc{
		Key: "descriptor-file", Required: true,
		Text: "The file that describes the message: a source that ends in `.proto`, or a set of descriptors (`protoc --include_imports --descriptor_set_out`).",
	})
	importPath = config.Text(config.Doc{
		Key: "import-path", Text: "The directories, with colons between them, in which files are that a source imports. By default that of the source.",
	})
	messageName = config.Text(config.Doc{
		Key: "message-name", Required: true, Text: "The name of the message, with its package.",
	})
	className = config.Text(config.Doc{
		Key: "message-class-name", Text: "Is refused: it names a class of Java. `descriptor-file` and `message-name` stand in its place.",
	})
	ignoreErrors = config.Bool(config.Doc{
		Key: "ignore-parse-errors", Default: "false", Text: "Passes over records that are no such messages.",
	})
	readDefaults = config.Bool(config.Doc{
		Key: "read-default-values", Default: "false",
		Text: "Reads what is not in a message as its default, and not as NULL. Fields of proto3 that are not `optional` are read so always, but for messages, arrays and maps.",
	})
	nullLiteral = config.AnyText(config.Doc{
		Key: "write-null-string-literal", Default: "", Text: "What is written for texts in arrays and maps that are NULL.",
	})
)

// Factory is the format 'protobuf'.
var Factory = format.Factory{
	Name:    "protobuf",
	Options: config.Set{descriptorFile, importPath, messageName, className, ignoreErrors, readDefaults, nullLiteral},
	Reads:   row.InsertOnly, Writes: row.InsertOnly, Unread: true, Nested: true, Binary: true,
	NewDecoder: newDecoder, NewEncoder: newEncoder,
}

func newDecoder(t *format.Table) (func() format.Decoder, error) {
	m, err := message(t)
	if err != nil {
		return nil, err
	}
	return newDecoderOf(m, t)
}

func newDecoderOf(m protoreflect.MessageDescriptor, t *format.Table) (func() format.Decoder, error) {
	p := planner{defaults: readDefaults.Get(t.Options)}
	if _, err := p.message(m, t.Columns(), ""); err != nil {
		return nil, err
	}
	return func() format.Decoder {
		n, _ := p.message(m, t.Columns(), "")
		return &decoder{root: n, ignore: ignoreErrors.Get(t.Options)}
	}, nil
}

func newEncoder(t *format.Table) (func() format.Encoder, error) {
	m, err := message(t)
	if err != nil {
		return nil, err
	}
	p, err := compileMessage(m, t.Schema.Fields, nullLiteral.Get(t.Options), "")
	if err != nil {
		return nil, err
	}
	return func() format.Encoder { return &encoder{p} }, nil
}

// message is the descriptor that the options name.
func message(t *format.Table) (protoreflect.MessageDescriptor, error) {
	if _, given := className.Lookup(t.Options); given {
		return nil, errors.New("protobuf.message-class-name names a class of Java; give protobuf.descriptor-file and protobuf.message-name in its place")
	}
	return find(descriptorFile.Get(t.Options), importPath.Get(t.Options), messageName.Get(t.Options))
}
