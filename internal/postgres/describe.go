package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flott-dev/flott/internal/suggest"
	"github.com/flott-dev/flott/row"
)

// Table is what a table looks like in the database.
type Table struct {
	// Name is the name as a statement has it.
	Name string
	OID  uint32
	// Kind is r for a table, v for a view, p for one of partitions, and more.
	Kind    byte
	Columns []Column
	// Key are the places of the columns of the primary key.
	Key []int
}

// Column is a column of a Table.
type Column struct {
	Name    string
	OID     uint32
	NotNull bool
	// Type is the type as the database writes it, and bare is the same without lengths.
	Type, bare string
	modifier   int32
	// Collation is by what texts are compared, "" of a type without one.
	Collation string
}

// ErrNoTable says that there is no table of a name.
var ErrNoTable = errors.New("there is no such table")

// describeTable finds a table by its name as a statement would have it, or else by exactly this name.
const describeTable = `SELECT c.oid, c.oid::regclass::text, c.relkind::text FROM pg_catalog.pg_class c
WHERE c.oid = coalesce(to_regclass($1), to_regclass($2)) AND c.relkind IN ('r', 'p', 'v', 'm', 'f')`

// describeColumns has domains as the types that they are made of.
const describeColumns = `SELECT a.attname, b.oid, a.attnotnull, pg_catalog.format_type(a.atttypid, a.atttypmod), pg_catalog.format_type(b.oid, -1),
CASE WHEN t.typtype = 'd' THEN t.typtypmod ELSE a.atttypmod END, coalesce(array_position(i.indkey::int2[], a.attnum), -1),
coalesce((SELECT quote_ident(n.nspname) || '.' || quote_ident(l.collname) FROM pg_catalog.pg_collation l JOIN pg_catalog.pg_namespace n ON n.oid = l.collnamespace
WHERE l.oid = a.attcollation), '')
FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
JOIN pg_catalog.pg_type b ON b.oid = CASE WHEN t.typtype = 'd' THEN t.typbasetype ELSE t.oid END
LEFT JOIN pg_catalog.pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

// Describe looks at a table. A name without quotes is one that a statement could have, as schema.table, or the exact one.
func Describe(ctx context.Context, c *pgconn.PgConn, name string) (*Table, error) {
	var quoted []string
	for part := range strings.SplitSeq(name, ".") {
		quoted = append(quoted, Quote(part))
	}
	rows, err := Texts(ctx, c, describeTable, name, strings.Join(quoted, "."))
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == "42602" { // the name cannot be one of a statement
		rows, err = Texts(ctx, c, describeTable, strings.Join(quoted, "."), "")
	}
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, ErrNoTable
	}
	oid, err := strconv.ParseUint(rows[0][0], 10, 32)
	if err != nil {
		return nil, err
	}
	t := &Table{OID: uint32(oid), Name: rows[0][1], Kind: rows[0][2][0]}
	if rows, err = Texts(ctx, c, describeColumns, rows[0][0]); err != nil {
		return nil, err
	}
	places := map[int]int{} // of the key's columns, by their place in it
	for i, r := range rows {
		oid, err1 := strconv.ParseUint(r[1], 10, 32)
		modifier, err2 := strconv.ParseInt(r[5], 10, 32)
		inKey, err3 := strconv.Atoi(r[6])
		if err := errors.Join(err1, err2, err3); err != nil {
			return nil, err
		}
		t.Columns = append(t.Columns, Column{
			Name: r[0], OID: uint32(oid), NotNull: r[2] == "t", Type: r[3], bare: r[4], modifier: int32(modifier), Collation: r[7],
		})
		if inKey >= 0 {
			places[inKey] = i
		}
	}
	for i := range len(places) {
		t.Key = append(t.Key, places[i])
	}
	return t, nil
}

// Column finds a column by its name, exactly or, if only one fits then, without regard to case.
func (t *Table) Column(name string) (*Column, error) {
	found := -1
	var names []string
	for i := range t.Columns {
		n := t.Columns[i].Name
		names = append(names, n)
		if n == name {
			return &t.Columns[i], nil
		}
		if strings.EqualFold(n, name) {
			if found >= 0 {
				found = -2
				break
			}
			found = i
		}
	}
	if found >= 0 {
		return &t.Columns[found], nil
	}
	err := fmt.Errorf("the table %s has no column %s in the database", t.Name, name)
	if near := suggest.Nearest(name, names, max(2, len(name)/3)); near != "" {
		return nil, fmt.Errorf("%w; did you mean %s?", err, near)
	}
	slices.Sort(names)
	return nil, fmt.Errorf("%w; it has %s", err, strings.Join(names, ", "))
}

// Key is the expression of a text that is a value of the column, for comparisons.
func (c *Column) Key(text string) string {
	text += "::" + c.bare
	if c.Collation != "" {
		text += " COLLATE " + c.Collation
	}
	return text
}

// IsInteger reports whether values are whole numbers, which are compared as such.
func (c *Column) IsInteger() bool { return c.OID == int2OID || c.OID == int4OID || c.OID == int8OID }

// RowType is the type that the column has here, nil where there is none.
func (c *Column) RowType() *row.Type {
	t := RowType(c.OID, c.modifier)
	if t != nil && c.NotNull {
		t = t.Nullable(false)
	}
	return t
}

// mismatch says that a column has another type here.
func (c *Column) mismatch(t *row.Type) error {
	return fmt.Errorf("the column %s is %s in the database, and %s here", c.Name, c.Type, t.SQL())
}

// Read is the expression that is selected to read the column as a type, and the decoder of its values.
func (c *Column) Read(t *row.Type) (expression string, d Decoder, err error) {
	if d, ok := NewDecoder(c.OID, t); ok {
		return Quote(c.Name), d, nil
	}
	if t.IsText() && !isPlain(c.OID) {
		d, _ = NewDecoder(textOID, t)
		return Quote(c.Name) + "::text", d, nil
	}
	return "", d, c.mismatch(t)
}

// Write is the expression that makes a value of the column of an expression of a type, and the type of arrays of that.
func (c *Column) Write(expression string, t *row.Type) (converted, array string, err error) {
	oid, name := natural(t)
	from, fromNumber := isNumber(oid)
	to, toNumber := isNumber(c.OID)
	switch {
	case t.Kind == row.Array:
		return "", "", fmt.Errorf("the column %s is %s, and arrays can be read only", c.Name, t.SQL())
	case oid == 0:
		return "", "", c.mismatch(t)
	case oid == c.OID, isText(oid) && isText(c.OID):
		return expression, name + "[]", nil
	case fromNumber && toNumber && (from <= to || from <= 3 && to <= 3), isText(oid) && !isPlain(c.OID):
		return expression + "::" + c.bare, name + "[]", nil
	}
	return "", "", c.mismatch(t)
}

// Equals is the condition that the column has the value of a parameter of a type.
func (c *Column) Equals(param string, t *row.Type) (condition string, err error) {
	if _, _, err := c.Read(t); err != nil {
		return "", err
	}
	_, name := natural(t)
	if name == "" {
		return "", c.mismatch(t)
	}
	param += "::" + name
	if t.IsText() && !isPlain(c.OID) {
		param += "::" + c.bare
	}
	return Quote(c.Name) + " = " + param, nil
}

// Texts runs a query with texts as parameters, and gives texts.
func Texts(ctx context.Context, c *pgconn.PgConn, query string, args ...string) (rows [][]string, err error) {
	params := make([][]byte, len(args))
	for i, a := range args {
		params[i] = []byte(a)
	}
	r := c.ExecParams(ctx, query, params, nil, nil, nil).Read()
	for _, values := range r.Rows {
		texts := make([]string, len(values))
		for i, v := range values {
			texts[i] = string(v)
		}
		rows = append(rows, texts)
	}
	return rows, r.Err
}

// Quote is a name as a statement has it.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
