// Package csv is the format of records that are lines of values with delimiters between them, as
// Flink's format 'csv' has it.
//
// A record is a line, or several where line breaks are inside quotes; connectors of messages hand on a
// line each, in which a quote that is not closed is an error. Quotes count where a value begins with
// one; two of them inside are one, and white space behind the closing one is passed over.
//
// Data flow: connectors hand records to a decoder, which fills their batches; encoders append lines to
// the buffers of connectors.
package csv

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

var (
	fieldDelimiter = config.AnyText(config.Doc{
		Key: "field-delimiter", Default: ",", Text: "The character between values; \\t and the like stand for what they do in Java.",
	})
	disableQuote = config.Bool(config.Doc{
		Key: "disable-quote-character", Default: "false", Text: "Makes quotes characters like others.",
	})
	quoteCharacter = config.Char(config.Doc{
		Key: "quote-character", Default: `"`, Text: "The character around values that have delimiters in them.",
	})
	allowComments = config.Bool(config.Doc{
		Key: "allow-comments", Default: "false", Text: "Passes over lines that begin with #.",
	})
	ignoreErrors = config.Bool(config.Doc{
		Key: "ignore-parse-errors", Default: "false",
		Text: "Makes a value that is wrong or missing NULL, and passes over a line that is not CSV.",
	})
	arrayDelimiter = config.AnyText(config.Doc{
		Key: "array-element-delimiter", Default: ";", Text: "What is between the elements of an ARRAY and the fields of a ROW.",
	})
	escapeCharacter = config.Char(config.Doc{
		Key: "escape-character", Text: "The character that takes from the next one its meaning. By default there is none.",
	})
	nullLiteral = config.AnyText(config.Doc{
		Key:  "null-literal",
		Text: "The text of NULL. By default there is none: NULL is written as an empty value, which for numbers cannot be read.",
	})
	scientific = config.Bool(config.Doc{
		Key: "write-bigdecimal-in-scientific-notation", Default: "true",
		Text: "Writes decimals such as 100 with an exponent, 1E+2.",
	})
)

// Factory is the format 'csv'.
var Factory = format.Factory{
	Name: "csv", Unread: true,
	Options: config.Set{
		fieldDelimiter, disableQuote, quoteCharacter, allowComments, ignoreErrors, arrayDelimiter, escapeCharacter,
		nullLiteral, scientific,
	},
	Reads: row.InsertOnly, Writes: row.InsertOnly,
	NewDecoder: newDecoder,
	NewEncoder: newEncoder,
}

// settings are the parsed options. Characters that are switched off are never found: they are 0, which
// texts may have, with a flag beside them.
type settings struct {
	comma, elem   byte
	quote, escape byte
	quotes        bool
	escapes       bool
	comments      bool
	ignore        bool
	null          string
	hasNull       bool
	scientific    bool
}

func settingsOf(c *config.Configuration) (s settings, err error) {
	var errs []error
	one := func(o *config.Option[string]) byte {
		text := unescapeJava(o.Get(c))
		if len(text) != 1 || text[0] >= utf8.RuneSelf {
			errs = append(errs, fmt.Errorf("csv.%s: %q is not one character of ASCII", o.Key, o.Get(c)))
			return 0
		}
		return text[0]
	}
	char := func(o *config.Option[rune]) byte {
		if o.Get(c) >= utf8.RuneSelf {
			errs = append(errs, fmt.Errorf("csv.%s: %q is not a character of ASCII", o.Key, o.Get(c)))
		}
		return byte(o.Get(c))
	}
	s = settings{
		comma: one(fieldDelimiter), elem: one(arrayDelimiter), quote: char(quoteCharacter), quotes: !disableQuote.Get(c),
		escape: char(escapeCharacter), comments: allowComments.Get(c), ignore: ignoreErrors.Get(c), scientific: scientific.Get(c),
	}
	if _, set := quoteCharacter.Lookup(c); set && !s.quotes {
		errs = append(errs, errors.New("csv.quote-character and csv.disable-quote-character cannot both be set"))
	}
	_, s.escapes = escapeCharacter.Lookup(c)
	s.null, s.hasNull = nullLiteral.Lookup(c)
	return s, errors.Join(errs...)
}

// unescapeJava takes the escapes of Java's texts away, such as \t and \u0001.
func unescapeJava(s string) string {
	if u, err := strconv.Unquote(`"` + strings.ReplaceAll(s, `"`, `\"`) + `"`); err == nil {
		return u
	}
	return s
}

func newDecoder(t *format.Table) (func() format.Decoder, error) {
	s, err := settingsOf(t.Options)
	if err = errors.Join(err, check(t.Schema)); err != nil {
		return nil, err
	}
	return func() format.Decoder {
		d := makeDecoder(s, t.Schema, t.Project)
		if s.quotes {
			return joiner{d}
		}
		return d
	}, nil
}

// check refuses types that CSV does not have.
func check(s *row.Schema) error {
	var errs []error
	for _, f := range s.Fields {
		ok := simple(f.Type)
		switch f.Type.Kind {
		case row.Array:
			ok = simple(f.Type.Elem)
		case row.Row:
			ok = true
			for _, g := range f.Type.Fields {
				ok = ok && simple(g.Type)
			}
		}
		if !ok {
			errs = append(errs, fmt.Errorf("column %s: the format csv has no values of type %s", f.Name, f.Type))
		}
	}
	return errors.Join(errs...)
}

// simple reports whether a type's values are one text.
func simple(t *row.Type) bool {
	switch t.Kind {
	case row.Boolean, row.TinyInt, row.SmallInt, row.Int, row.BigInt, row.Float, row.Double, row.Decimal, row.Date, row.Time,
		row.Timestamp, row.TimestampLTZ, row.Char, row.Varchar, row.Binary, row.Varbinary:
		return true
	}
	return false
}
