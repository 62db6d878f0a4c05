package formattest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/row"
)

// Schema reads columns as CREATE TABLE has them: "a INT, b ROW<c STRING, d DECIMAL(5, 2)>". It panics
// when it cannot.
func Schema(text string) *row.Schema {
	p := &parser{rest: text}
	return &row.Schema{Fields: p.fields("")}
}

type parser struct{ rest string }

func (p *parser) token() string {
	p.rest = strings.TrimLeft(p.rest, " ")
	if p.rest == "" {
		return ""
	}
	if p.rest[0] == '`' {
		end := strings.IndexByte(p.rest[1:], '`') + 1
		t := p.rest[1:end]
		p.rest = p.rest[end+1:]
		return t
	}
	n := strings.IndexAny(p.rest, " ,<>()")
	if n < 0 {
		n = len(p.rest)
	}
	n = max(n, 1)
	t := p.rest[:n]
	p.rest = p.rest[n:]
	return t
}

func (p *parser) peek() string { return (&parser{p.rest}).token() }

func (p *parser) take(t string) bool {
	if p.peek() != t {
		return false
	}
	p.token()
	return true
}

func (p *parser) fields(end string) (fields []row.Field) {
	for {
		name := p.token()
		fields = append(fields, row.Field{Name: name, Type: p.typ()})
		if !p.take(",") {
			if end != "" && !p.take(end) {
				panic(fmt.Sprintf("formattest: %q is expected before %q", end, p.rest))
			}
			return fields
		}
	}
}

var kinds = map[string]row.Kind{
	"BOOLEAN": row.Boolean, "TINYINT": row.TinyInt, "SMALLINT": row.SmallInt, "INT": row.Int, "BIGINT": row.BigInt,
	"FLOAT": row.Float, "DOUBLE": row.Double, "DATE": row.Date,
}

func (p *parser) typ() *row.Type {
	t := p.base()
	if p.take("NOT") {
		p.token()
		t = t.Nullable(false)
	}
	return t
}

func (p *parser) base() *row.Type {
	name := p.token()
	if k, ok := kinds[name]; ok {
		return row.Of(k)
	}
	switch name {
	case "STRING":
		return row.StringType()
	case "BYTES":
		return row.BytesType()
	case "CHAR":
		return row.CharOf(p.numbers(1)[0])
	case "VARCHAR":
		return row.VarcharOf(p.numbers(1)[0])
	case "BINARY":
		return &row.Type{Kind: row.Binary, Length: p.numbers(1)[0]}
	case "DECIMAL":
		n := p.numbers(10, 0)
		return row.DecimalOf(n[0], n[1])
	case "TIME": // is TIME(0) whatever it says
		p.numbers(0)
		return row.TimeOf(0)
	case "TIMESTAMP":
		return row.TimestampOf(p.numbers(6)[0])
	case "TIMESTAMP_LTZ":
		return row.TimestampLTZOf(p.numbers(6)[0])
	case "ROW":
		p.take("<")
		return row.RowOf(p.fields(">")...)
	case "ARRAY", "MULTISET":
		p.take("<")
		elem := p.typ()
		p.take(">")
		if name == "ARRAY" {
			return row.ArrayOf(elem)
		}
		return row.MultisetOf(elem)
	case "MAP":
		p.take("<")
		key := p.typ()
		p.take(",")
		elem := p.typ()
		p.take(">")
		return row.MapOf(key, elem)
	}
	panic(fmt.Sprintf("formattest: there is no type %q before %q", name, p.rest))
}

// numbers are those in parentheses, or what they are without.
func (p *parser) numbers(without ...int) []int {
	if !p.take("(") {
		return without
	}
	for i := range without {
		n, err := strconv.Atoi(p.token())
		if err != nil {
			panic(err)
		}
		if without[i] = n; !p.take(",") {
			break
		}
	}
	p.take(")")
	return without
}
