package gateway

import (
	"encoding/hex"
	"encoding/json"

	"github.com/flott-dev/flott/column"
	formats "github.com/flott-dev/flott/format"
	jsonformat "github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql"
)

// How the fields of rows are written.
const (
	asJSON = "JSON"
	asText = "PLAIN_TEXT"
)

// encoder writes the rows of a result.
type encoder struct {
	result  *sql.Result
	format  string
	columns []restapi.SQLColumn
	fields  []formats.Encoder // of objects with one field; nil for a type that is written as its text
}

// fieldName is the name of that one field.
const fieldName = "f"

func newEncoder(r *sql.Result, format string) *encoder {
	e := &encoder{result: r, format: format}
	if r.Schema == nil {
		e.columns = []restapi.SQLColumn{{Name: "result", LogicalType: typeOf(row.StringType())}}
		return e
	}
	options := map[string]string{"timestamp-format.standard": "ISO-8601", "map-null-key.mode": "LITERAL"}
	c, err := jsonformat.Factory.Options.Parse(options, "")
	if err != nil {
		panic("gateway: package json has changed: " + err.Error())
	}
	for _, f := range r.Schema.Fields {
		e.columns = append(e.columns, restapi.SQLColumn{Name: f.Name, LogicalType: typeOf(f.Type), Comment: commentOf(f)})
		var one formats.Encoder
		if format == asJSON {
			schema := &row.Schema{Fields: []row.Field{{Name: fieldName, Type: f.Type}}}
			if made, err := jsonformat.Factory.NewEncoder(&formats.Table{Schema: schema, Options: c}); err == nil {
				one = made()
			}
		}
		e.fields = append(e.fields, one)
	}
	return e
}

func commentOf(f row.Field) *string {
	if f.Comment == "" {
		return nil
	}
	return &f.Comment
}

// kindNames are Flink's names of changes.
var kindNames = map[row.ChangeKind]string{
	row.Insert: "INSERT", row.UpdateBefore: "UPDATE_BEFORE", row.UpdateAfter: "UPDATE_AFTER", row.Delete: "DELETE",
}

// message is the row of a statement without rows.
func (e *encoder) message(text string) restapi.SQLRow {
	return restapi.SQLRow{Kind: kindNames[row.Insert], Fields: []json.RawMessage{jsonText(text)}}
}

// append adds the rows of a batch.
func (e *encoder) append(rows []restapi.SQLRow, b *column.Batch) []restapi.SQLRow {
	for i := range b.N {
		to := restapi.SQLRow{Kind: kindNames[b.Kind(i)], Fields: make([]json.RawMessage, len(b.Cols))}
		for c := range b.Cols {
			to.Fields[c] = e.field(b, c, i)
		}
		rows = append(rows, to)
	}
	return rows
}

// field is the value of column c in row i.
func (e *encoder) field(b *column.Batch, c, i int) json.RawMessage {
	v := b.Cols[c]
	if v.IsNull(i) {
		return json.RawMessage("null")
	}
	if one := e.fields[c]; one != nil {
		object, err := one.Append(nil, &column.Batch{N: b.N, Cols: b.Cols[c : c+1]}, i)
		if err == nil {
			return object[len(`{"`+fieldName+`":`) : len(object)-1]
		}
	}
	if e.format == asText && (v.Type.Kind == row.Binary || v.Type.Kind == row.Varbinary) {
		return jsonText("x'" + hex.EncodeToString(v.Bytes(i)) + "'")
	}
	return jsonText(string(e.result.AppendText(nil, v, i)))
}

// jsonText is a text as JSON. Bytes that are no UTF-8 are replaced.
func jsonText(text string) json.RawMessage {
	b, err := json.Marshal(text)
	if err != nil {
		panic("gateway: a text is no JSON: " + err.Error()) // all are
	}
	return b
}

// typeNames are Flink's names of types that are not called as in SQL.
var typeNames = map[row.Kind]string{
	row.Int: "INTEGER", row.Time: "TIME_WITHOUT_TIME_ZONE", row.Timestamp: "TIMESTAMP_WITHOUT_TIME_ZONE",
	row.TimestampLTZ: "TIMESTAMP_WITH_LOCAL_TIME_ZONE", row.IntervalMonth: "INTERVAL_YEAR_MONTH", row.IntervalDay: "INTERVAL_DAY_TIME",
}

// typeOf describes a type.
func typeOf(t *row.Type) restapi.SQLType {
	out := restapi.SQLType{Type: t.Kind.String(), Nullable: !t.NotNull}
	if name, ok := typeNames[t.Kind]; ok {
		out.Type = name
	}
	switch t.Kind {
	case row.Char, row.Varchar, row.Binary, row.Varbinary:
		out.Length = &t.Length
	case row.Decimal:
		out.Precision, out.Scale = &t.Precision, &t.Scale
	case row.Time, row.Timestamp, row.TimestampLTZ:
		out.Precision = &t.Precision
	case row.IntervalMonth:
		precision := 2
		out.Resolution, out.Precision = "YEAR_TO_MONTH", &precision
	case row.IntervalDay:
		precision := 2
		out.Resolution, out.Precision, out.FractionalPrecision = "DAY_TO_SECOND", &precision, &t.Precision
	case row.Array, row.Multiset:
		out.ElementType = pointer(typeOf(t.Elem))
	case row.Map:
		out.KeyType, out.ValueType = pointer(typeOf(t.Key)), pointer(typeOf(t.Elem))
	case row.Row:
		for _, f := range t.Fields {
			out.Fields = append(out.Fields, restapi.SQLField{Name: f.Name, FieldType: typeOf(f.Type), Description: f.Comment})
		}
	}
	return out
}

func pointer[T any](v T) *T { return &v }
