package sql

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
)

// inferLines and inferBytes are how much of the first file is looked at to find its columns.
const (
	inferLines = 1000
	inferBytes = 8 << 20
)

// file is the table that a path stands for in FROM 'events/*.json': its columns are those that the first lines of the first
// file have.
func (s *Session) file(path string) (*catalog.Table, error) {
	var format string
	switch filepath.Ext(path) {
	case ".json", ".jsonl", ".ndjson":
		format = "json"
	case ".csv":
		format = "csv"
	default:
		return nil, fmt.Errorf("the format of %s is not known by its name: it ends in .json, .jsonl, .ndjson or .csv", path)
	}
	at := slices.IndexFunc(s.connectors, func(f connect.TableFactory) bool { return f.Sample != nil })
	if at < 0 {
		return nil, fmt.Errorf("no connector of this session reads the file %s; pass file.Table to sql.With", path)
	}
	connector := &s.connectors[at]
	name, f, err := connector.Sample(context.Background(), path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	infer := inferJSON
	if format == "csv" {
		infer = inferCSV
	}
	cols, err := infer(bufio.NewReader(io.LimitReader(f, inferBytes)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t := &catalog.Table{
		Path: catalog.Path{Catalog: catalog.DefaultCatalog, Database: catalog.DefaultDatabase, Object: path}, Temporary: true, Inline: true,
		Options: map[string]string{"connector": connector.Name, "path": path, "format": format},
	}
	if format == "csv" {
		t.Options["csv.null-literal"] = ""
	}
	for _, c := range cols {
		t.Columns = append(t.Columns, catalog.Column{Name: c.Name, Type: c.Type})
	}
	return t, nil
}

// inferJSON finds the columns of JSON lines: all fields that are there, in the order in which they come.
func inferJSON(r *bufio.Reader) ([]row.Field, error) {
	var cols []row.Field
	for n := 1; n <= inferLines; n++ {
		line, err := r.ReadBytes('\n')
		if err != nil && n > 1 { // the end, or a line that was cut off
			break
		}
		if len(strings.TrimSpace(string(line))) == 0 {
			if err != nil {
				break
			}
			continue
		}
		fields, decodeErr := objectFields(json.NewDecoder(strings.NewReader(string(line))))
		if decodeErr != nil {
			return nil, fmt.Errorf("line %d: %w", n, decodeErr)
		}
		cols = mergeFields(cols, fields)
		if err != nil {
			break
		}
	}
	if len(cols) == 0 {
		return nil, errors.New("there is no line with fields")
	}
	for i := range cols {
		cols[i].Type = known(cols[i].Type)
	}
	return cols, nil
}

// objectFields are the fields of an object with their types.
func objectFields(d *json.Decoder) ([]row.Field, error) {
	d.UseNumber()
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	if t != json.Delim('{') {
		return nil, errors.New("it is no JSON object")
	}
	return objectRest(d)
}

func objectRest(d *json.Decoder) (fields []row.Field, err error) {
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		t, err := valueType(d)
		if err != nil {
			return nil, err
		}
		fields = mergeFields(fields, []row.Field{{Name: name.(string), Type: t}})
	}
	_, err = d.Token()
	return fields, err
}

// valueType is the type of the next value; NULL is of no type.
func valueType(d *json.Decoder) (*row.Type, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch v := t.(type) {
	case bool:
		return row.Of(row.Boolean), nil
	case string:
		return row.StringType(), nil
	case json.Number:
		if _, err := v.Int64(); err == nil {
			return row.Of(row.BigInt), nil
		}
		return row.Of(row.Double), nil
	case json.Delim:
		if v == '{' {
			fields, err := objectRest(d)
			return row.RowOf(fields...), err
		}
		elem := row.Of(row.Null)
		for d.More() {
			e, err := valueType(d)
			if err != nil {
				return nil, err
			}
			elem = mergeTypes(elem, e)
		}
		_, err := d.Token()
		return row.ArrayOf(elem), err
	}
	return row.Of(row.Null), nil
}

// mergeFields has the fields of both, with types that have the values of both.
func mergeFields(a, b []row.Field) []row.Field {
	for _, f := range b {
		if i := slices.IndexFunc(a, func(g row.Field) bool { return g.Name == f.Name }); i >= 0 {
			a[i].Type = mergeTypes(a[i].Type, f.Type)
		} else {
			a = append(a, f)
		}
	}
	return a
}

// mergeTypes is a type that has the values of both: STRING where there is no other.
func mergeTypes(a, b *row.Type) *row.Type {
	switch {
	case a.Kind == row.Null:
		return b
	case b.Kind == row.Null || a.Same(b):
		return a
	case a.IsNumeric() && b.IsNumeric():
		return row.Of(row.Double)
	case a.Kind == row.Row && b.Kind == row.Row:
		return row.RowOf(mergeFields(slices.Clone(a.Fields), b.Fields)...)
	case a.Kind == row.Array && b.Kind == row.Array:
		return row.ArrayOf(mergeTypes(a.Elem, b.Elem))
	}
	return row.StringType()
}

// known replaces what was NULL everywhere by STRING.
func known(t *row.Type) *row.Type {
	switch t.Kind {
	case row.Null:
		return row.StringType()
	case row.Array:
		return row.ArrayOf(known(t.Elem))
	case row.Row:
		x := row.RowOf()
		for _, f := range t.Fields {
			x.Fields = append(x.Fields, row.Field{Name: f.Name, Type: known(f.Type)})
		}
		return x
	}
	return t
}

// inferCSV finds the types of columns that are called f0, f1, …: a file has no names that the format would read.
func inferCSV(r *bufio.Reader) ([]row.Field, error) {
	var cols []row.Field
	for n := 1; n <= inferLines; n++ {
		line, err := r.ReadString('\n')
		for err == nil && strings.Count(line, `"`)%2 == 1 { // in quotes the line break is one of the text
			var more string
			more, err = r.ReadString('\n')
			line += more
		}
		if err != nil && (n > 1 || line == "") {
			break
		}
		for i, text := range splitCSV(strings.TrimRight(line, "\r\n")) {
			if i == len(cols) {
				cols = append(cols, row.Field{Name: fmt.Sprintf("f%d", i), Type: row.Of(row.Null)})
			}
			cols[i].Type = mergeTypes(cols[i].Type, csvType(text))
		}
	}
	if len(cols) == 0 {
		return nil, errors.New("there is no line")
	}
	for i := range cols {
		cols[i].Type = known(cols[i].Type)
	}
	return cols, nil
}

func splitCSV(line string) []string {
	var values []string
	for {
		if rest, ok := strings.CutPrefix(line, `"`); ok {
			if end := strings.Index(rest, `"`); end >= 0 {
				values = append(values, `"`+rest[:end])
				_, after, more := strings.Cut(rest[end:], ",")
				if !more {
					return values
				}
				line = after
				continue
			}
		}
		value, after, more := strings.Cut(line, ",")
		values = append(values, value)
		if !more {
			return values
		}
		line = after
	}
}

// csvType is the type of a text: a number, a time, or a text.
func csvType(text string) *row.Type {
	if text == "" {
		return row.Of(row.Null)
	}
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		return row.Of(row.BigInt)
	}
	if _, err := strconv.ParseFloat(text, 64); err == nil {
		return row.Of(row.Double)
	}
	if len(text) >= len("2024-01-01 00:00:00") && builtin.Reads(text, row.TimestampOf(3)) {
		return row.TimestampOf(3)
	}
	switch strings.ToLower(text) {
	case "true", "false":
		return row.Of(row.Boolean)
	}
	return row.StringType()
}
