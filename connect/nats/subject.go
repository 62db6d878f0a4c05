package nats

import (
	"fmt"
	"strconv"
	"strings"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// subject is the option 'subject', which may have values of columns in it: orders.{region}.new.
type subject struct {
	texts []string // before, between and behind the columns
	cols  []int    // places in the table
	names []string
	types []*row.Type
}

// parseSubject reads 'subject' of a table.
func parseSubject(text string, s *row.Schema) (*subject, error) {
	t := &subject{}
	for {
		before, rest, found := strings.Cut(text, "{")
		t.texts = append(t.texts, before)
		if !found {
			return t, nil
		}
		name, after, closed := strings.Cut(rest, "}")
		at := s.Index(name)
		switch {
		case !closed:
			return nil, fmt.Errorf("'subject' has a { without a }: %s", text)
		case at < 0:
			return nil, fmt.Errorf("'subject' names the column %s, which is not there", name)
		}
		switch f := s.Fields[at]; f.Type.Kind {
		case row.Char, row.Varchar, row.TinyInt, row.SmallInt, row.Int, row.BigInt, row.Boolean:
		default:
			return nil, fmt.Errorf("'subject' names the column %s, whose type is %s: it must be a text, a whole number or BOOLEAN", name, f.Type)
		}
		t.cols, t.names, t.types = append(t.cols, at), append(t.names, name), append(t.types, s.Fields[at].Type)
		text = after
	}
}

// filter is what the subject looks like for reading: a value is a token, or belongs to one.
func (t *subject) filter() string {
	tokens := strings.Split(strings.Join(t.texts, "{"), ".")
	for i, token := range tokens {
		if strings.Contains(token, "{") {
			tokens[i] = "*"
		}
	}
	return strings.Join(tokens, ".")
}

// of is the subject of a row.
func (t *subject) of(b *columns.Batch, place int) (string, error) {
	if len(t.cols) == 0 {
		return t.texts[0], nil
	}
	var s strings.Builder
	for i, at := range t.cols {
		s.WriteString(t.texts[i])
		v := b.Cols[at]
		if v.IsNull(place) {
			return "", fmt.Errorf("nats: the column %s is NULL, and is in the subject", t.names[i])
		}
		token := textOf(t.types[i], v, place)
		if token == "" || strings.ContainsAny(token, ".*> \t\r\n\x00") {
			return "", fmt.Errorf("nats: the column %s is %q, which cannot be in a subject: it must have no dot, space, * or >", t.names[i], token)
		}
		s.WriteString(token)
	}
	s.WriteString(t.texts[len(t.cols)])
	return s.String(), nil
}

func textOf(t *row.Type, v *columns.Vector, place int) string {
	switch t.Kind {
	case row.TinyInt, row.SmallInt, row.Int:
		return strconv.FormatInt(int64(v.I32[place]), 10)
	case row.BigInt:
		return strconv.FormatInt(v.I64[place], 10)
	case row.Boolean:
		return strconv.FormatBool(v.Bools[place])
	}
	return string(v.Bytes(place))
}
