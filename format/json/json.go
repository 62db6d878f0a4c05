// Package json is the format of records that are JSON objects, one field for each column, as Flink's
// format 'json' has it; and of the changelogs of Debezium (debezium.go).
//
// A decoder reads a record once, from left to right, and appends values to vectors as it meets them.
// It checks all of a record, also the columns that are not asked for, and takes back what it has
// appended when something is wrong. Keys are expected in the order of the schema; that costs one
// comparison each. The last of several equal keys counts. Behind the object nothing is read.
//
// Where Flink's streaming parser answers otherwise, which looks for no more keys once it has met as many
// as there are columns, testdata/ours.txt has both answers.
//
// Data flow: connectors hand records to a decoder, which fills their batches; encoders append records
// to the buffers of connectors.
package json

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

var (
	failOnMissing = config.Bool(config.Doc{
		Key: "fail-on-missing-field", Default: "false",
		Text: "Fails for a record that lacks a column; by default it is NULL.",
	})
	ignoreErrors = config.Bool(config.Doc{
		Key: "ignore-parse-errors", Default: "false",
		Text: "Makes a value that is wrong NULL, and passes over a record that is not JSON.",
	})
	timestampFormat = config.Enum(config.Doc{
		Key: "timestamp-format.standard", Default: "SQL",
		Text: "How timestamps are written: `2024-01-01 10:00:00.5`, or with a T as in ISO-8601; TIMESTAMP_LTZ with a Z behind.",
	}, nil, "SQL", "ISO-8601")
	mapNullKey = config.Enum(config.Doc{
		Key: "map-null-key.mode", Default: "FAIL",
		Text: "What is written for a key of a map that is NULL: nothing, or the text of map-null-key.literal; by default it is an error.",
	}, nil, "FAIL", "DROP", "LITERAL")
	mapNullLiteral = config.AnyText(config.Doc{
		Key: "map-null-key.literal", Default: "null", Text: "What is written for a key that is NULL, with the mode LITERAL.",
	})
	plainDecimal = config.Bool(config.Doc{
		Key: "encode.decimal-as-plain-number", Default: "false",
		Text: "Writes decimals with all digits of their scale and without an exponent: 100.00 and not 1E+2.",
	})
	ignoreNull = config.Bool(config.Doc{
		Key: "encode.ignore-null-fields", Default: "false", Text: "Leaves out fields that are NULL.",
	})
	jsonParser = config.Bool(config.Doc{
		Key: "decode.json-parser.enabled", Default: "true", Text: "Has no effect: there is one parser.",
	})
)

// Factory is the format 'json'.
var Factory = format.Factory{
	Name: "json",
	Options: config.Set{
		failOnMissing, ignoreErrors, timestampFormat, mapNullKey, mapNullLiteral, plainDecimal, ignoreNull, jsonParser,
	},
	Reads: row.InsertOnly, Writes: row.InsertOnly, Nested: true,
	NewDecoder: newDecoder,
	NewEncoder: newEncoder,
}

// settings are the options of decoders.
type settings struct {
	failOnMissing, ignore bool
	between               byte // date and time
	clock                 valuetext.Clock
}

func settingsOf(c *config.Configuration) (settings, error) {
	s := settings{failOnMissing: failOnMissing.Get(c), ignore: ignoreErrors.Get(c), between: ' ', clock: valuetext.SQL}
	if timestampFormat.Get(c) == "ISO-8601" {
		s.between, s.clock = 'T', valuetext.ISO
	}
	if s.failOnMissing && s.ignore {
		return s, errors.New("fail-on-missing-field and ignore-parse-errors cannot both be true")
	}
	return s, nil
}

func newDecoder(t *format.Table) (func() format.Decoder, error) {
	s, err := settingsOf(t.Options)
	if err != nil {
		return nil, err
	}
	if err := check(t.Schema); err != nil {
		return nil, err
	}
	return func() format.Decoder { return makeDecoder(s, t.Schema, t.Project) }, nil
}

// check refuses types that JSON does not have.
func check(s *row.Schema) error {
	var errs []error
	for _, f := range s.Fields {
		if err := checkType(f.Type); err != nil {
			errs = append(errs, fmt.Errorf("column %s of type %s: %w", f.Name, f.Type, err))
		}
	}
	return errors.Join(errs...)
}

func checkType(t *row.Type) error {
	if opOf(t) == opNone {
		return fmt.Errorf("the format json has no values of type %s", t)
	}
	if t.Kind == row.Map && !t.Key.IsText() || t.Kind == row.Multiset && !t.Elem.IsText() {
		return errors.New("the keys of maps and the elements of multisets must be STRING in the format json")
	}
	for _, f := range t.Fields {
		if err := checkType(f.Type); err != nil {
			return err
		}
	}
	if t.Elem != nil {
		return checkType(t.Elem)
	}
	return nil
}
