package postgrescdc

import (
	"errors"
	"fmt"
	"slices"

	columns "github.com/flott-dev/flott/column"
	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/postgres"
	"github.com/flott-dev/flott/row"
)

// The options of tables.
var (
	hostOption     = options.Text(options.Doc{Key: "hostname", Required: true, Text: "The server."})
	portOption     = options.Int(options.Doc{Key: "port", Default: "5432", Text: "The port of the server."}, 1, 65535)
	userOption     = options.Text(options.Doc{Key: "username", Required: true, Text: "The user, who may replicate."})
	passwordOption = options.AnyText(options.Doc{Key: "password", Required: true, Text: "The password of that user."})
	databaseOption = options.Text(options.Doc{Key: "database-name", Required: true, Text: "The database."})
	schemaOption   = options.Text(options.Doc{
		Key: "schema-name", Required: true, Text: "An expression that the names of schemas must match as a whole.",
	})
	tableOption = options.Text(options.Doc{
		Key: "table-name", Required: true, Text: "An expression that the names of tables must match as a whole. All have the columns of the table here.",
	})
	slotOption = options.Text(options.Doc{
		Key: "slot.name", Required: true, Text: "The replication slot, of this table only. It is made if it is not there, and stays.",
	})
	pluginOption = options.Enum(options.Doc{
		Key: "decoding.plugin.name", Default: "pgoutput", Text: "The plugin that decodes the log, which is part of PostgreSQL.",
	}, nil, "pgoutput")
	publicationOption = options.Text(options.Doc{
		Key: "debezium.publication.name", Default: defaultPublication, Text: "The publication, which says which tables are published. It is made, for all tables, if it is not there.",
	})
	sslOption = options.Enum(options.Doc{
		Key: "debezium.database.sslmode", Default: "prefer", Text: "How connections use TLS.",
	}, nil, "disable", "allow", "prefer", "require", "verify-ca", "verify-full")
	modeOption = options.Enum(options.Doc{
		Key: "changelog-mode", Default: "all", Text: "`all` tells rows as they were, which needs REPLICA IDENTITY FULL of the tables in the database; `upsert` tells what a row is now, by the " +
			"primary key, and while tables are read also what it was.",
	}, nil, "all", "upsert")
	startOption = options.Enum(options.Doc{
		Key: "scan.startup.mode", Default: "initial", Text: "`initial` reads all rows of the tables, and then what changes; `latest-offset` what changes from now on; " +
			"`committed-offset` what changes from where the slot is.",
	}, nil, "initial", "latest-offset", "committed-offset")
	incrementalOption = options.Enum(options.Doc{
		Key: "scan.incremental.snapshot.enabled", Default: "true", Text: "Tables are read in chunks in any case.",
	}, nil, "true")
	chunkOption = options.Int(options.Doc{
		Key: "scan.incremental.snapshot.chunk.size", Default: "8096", Text: "How many rows of a table are read at a time.",
	}, 1, 1<<24)
	timeoutOption = options.Duration(options.Doc{
		Key: "connect.timeout", Default: "30 s", Text: "How long a server that is away is waited for.",
	})
	retriesOption = options.Int(options.Doc{
		Key: "connect.max-retries", Default: "3", Text: "How often what fails without having got anywhere is tried again, over another connection.",
	}, 0, 1<<30)
)

// base is Table without what makes sources, which parse their options by it.
var base = connect.TableFactory{
	Name: "postgres-cdc",
	Options: options.Set{
		hostOption, portOption, userOption, passwordOption, databaseOption, schemaOption, tableOption, slotOption, pluginOption, publicationOption, sslOption,
		modeOption, startOption, incrementalOption, chunkOption, timeoutOption, retriesOption,
	},
}

// Table is the connector 'postgres-cdc' of SQL: tables of PostgreSQL, and what changes in them.
var Table = connect.TableFactory{Name: base.Name, Options: base.Options, NewSource: newTableSource}

// tableSource reads tables.
type tableSource struct {
	spec     *connect.TableSpec
	cfg      *config
	isUpsert bool
}

func newTableSource(t *connect.TableSpec) (connect.TableSource, error) {
	o, err := base.Parse(t)
	if err != nil {
		return nil, err
	}
	v := o.Connector
	s := &tableSource{spec: t, isUpsert: modeOption.Get(v) == "upsert"}
	given := SourceOptions{
		Host: hostOption.Get(v), Port: portOption.Get(v), User: userOption.Get(v), Password: passwordOption.Get(v), Database: databaseOption.Get(v),
		SSLMode: sslOption.Get(v), Schemas: schemaOption.Get(v), Tables: tableOption.Get(v), Slot: slotOption.Get(v), Publication: publicationOption.Get(v),
		Startup:   map[string]Startup{"latest-offset": Latest, "committed-offset": Committed}[startOption.Get(v)],
		ChunkRows: chunkOption.Get(v), Timeout: timeoutOption.Get(v), MaxRetries: retriesOption.Get(v),
	}
	if given.MaxRetries == 0 {
		given.MaxRetries = -1
	}
	cfg, err := given.config()
	errs := []error{err}
	if s.isUpsert && len(t.PrimaryKey) == 0 {
		errs = append(errs, errors.New("'changelog-mode' = 'upsert' needs a PRIMARY KEY … NOT ENFORCED: by which rows replace each other"))
	}
	if len(t.Partitions) > 0 {
		errs = append(errs, errors.New("the connector 'postgres-cdc' has no PARTITIONED BY"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s, connector 'postgres-cdc': %w", t.Name, err)
	}
	s.cfg = cfg
	s.cfg.needsOld, s.cfg.Upsert = !s.isUpsert, s.isUpsert
	return s, nil
}

func (s *tableSource) Bounded() bool { return false }

// Kinds are all, or upserts.
func (s *tableSource) Kinds() row.ChangeKinds {
	if s.isUpsert {
		return row.UpsertKinds
	}
	return row.AllKinds
}

// Readers is one: the log is read by one.
func (s *tableSource) Readers(int) (int, error) { return 1, nil }

// metadata are the columns that may be asked for.
var metadata = []row.Field{
	{Name: "database_name", Type: row.StringType().Nullable(false)},
	{Name: "schema_name", Type: row.StringType().Nullable(false)},
	{Name: "table_name", Type: row.StringType().Nullable(false)},
	{Name: "op_ts", Type: row.TimestampLTZOf(3).Nullable(false)},
}

func (s *tableSource) Metadata() []row.Field { return slices.Clone(metadata) }

// Scan makes a source of some of the columns.
func (s *tableSource) Scan(scan connect.Scan) (connect.ColumnSource, error) {
	c := &columnSource{tableSource: s, schema: &row.Schema{}}
	if scan.Project == nil {
		for i := range s.spec.Schema.Fields {
			scan.Project = append(scan.Project, i)
		}
	}
	for i := range scan.Project {
		c.schema.Fields = append(c.schema.Fields, scan.Field(s.spec.Schema, i))
	}
	c.fields = c.schema.Fields
	for _, name := range scan.Metadata {
		at := slices.IndexFunc(metadata, func(f row.Field) bool { return f.Name == name })
		if at < 0 {
			return nil, fmt.Errorf("table %s: there is no metadata column '%s'", s.spec.Name, name)
		}
		c.metadata = append(c.metadata, name)
		c.schema = &row.Schema{Fields: append(slices.Clip(c.schema.Fields), metadata[at])}
	}
	cfg := *s.cfg
	cfg.columns = []string{}
	for _, f := range c.fields {
		cfg.columns = append(cfg.columns, f.Name)
	}
	c.own = &cfg
	return c, nil
}

// columnSource reads some columns of a table.
type columnSource struct {
	*tableSource
	own      *config
	schema   *row.Schema // fields, and those of metadata
	fields   []row.Field
	metadata []string
}

func (s *columnSource) Schema() *row.Schema { return s.schema }

// Enumerator deals the log out.
func (s *columnSource) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	return newEnumerator(ctx, state)
}

func (s *columnSource) Reader(ctx connect.ReaderContext) (connect.ColumnReader, error) {
	return &columnReader{
		follower: follower{ctx: ctx, cfg: s.own, check: func(r *relation) error {
			_, err := s.bind(r)
			return err
		}},
		s: s, bindings: map[*relation]*binding{},
	}, nil
}

// binding is how the values of a table's changes become columns.
type binding struct {
	places   []int // in the tuple; -1 of a column that the table did not have
	decoders []postgres.TextDecoder
}

// bind finds the columns of a table.
func (s *columnSource) bind(r *relation) (*binding, error) {
	b := &binding{}
	for _, f := range s.fields {
		at := r.place(f.Name)
		var d postgres.TextDecoder
		if at >= 0 {
			var ok bool
			if d, ok = postgres.NewTextDecoder(r.columns[at].oid, f.Type); !ok {
				return nil, fmt.Errorf("the column %s of the table %s has another type in the database than %s here", f.Name, r, f.Type.SQL())
			}
		} else if f.Type.NotNull {
			return nil, fmt.Errorf("the table %s has no column %s in the database, which is NOT NULL here", r, f.Name)
		}
		b.places, b.decoders = append(b.places, at), append(b.decoders, d)
	}
	return b, nil
}

// columnReader decodes changes into columns.
type columnReader struct {
	follower
	s        *columnSource
	bindings map[*relation]*binding
	relation *relation // of binding
	binding  *binding
	old, new []value
}

// Poll decodes changes of one batch. An update may be two rows.
//
//flott:hot
func (r *columnReader) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	b, status, err := r.next()
	if b == nil || err != nil {
		return status, err
	}
	out.Split(splitID)
	n := 0
	for r.at+n < len(b.changes) && (out.Room() > 1 || n == 0 && out.Room() > 0) {
		c := &b.changes[r.at+n]
		if c.relation != r.relation {
			if err := r.rebind(c.relation); err != nil {
				return status, err
			}
		}
		if err := r.append(out, c); err != nil {
			return status, fmt.Errorf("postgrescdc: a change of the table %s: %w", c.relation, err)
		}
		n++
	}
	r.took(n)
	return connect.More, nil
}

func (r *columnReader) rebind(rel *relation) (err error) {
	b := r.bindings[rel]
	if b == nil {
		if b, err = r.s.bind(rel); err != nil {
			return fmt.Errorf("postgrescdc: %w", err)
		}
		r.bindings[rel] = b
	}
	r.relation, r.binding = rel, b
	return nil
}

// The errors of changes.
var (
	errOld = errors.New("the log does not have the row as it was: ALTER TABLE … REPLICA IDENTITY FULL, or 'changelog-mode' = 'upsert'")
)

// append appends the rows of a change.
func (r *columnReader) append(out *connect.ColumnOutput, c *change) error {
	r.old, r.new = values(r.old[:0], c.old), values(r.new[:0], c.new)
	if c.kind == kindInsert {
		kind := row.Insert
		if r.s.isUpsert {
			kind = row.UpdateAfter
		}
		return r.row(out, kind, r.new, c)
	}
	isFull := c.oldKind == 'O'
	if !r.s.isUpsert && !isFull {
		return errOld
	}
	if c.kind == kindDelete {
		return r.row(out, row.Delete, r.old, c)
	}
	if !r.s.isUpsert {
		if err := r.row(out, row.UpdateBefore, r.old, c); err != nil {
			return err
		}
	} else if r.keyChanges() {
		if err := r.row(out, row.Delete, r.old, c); err != nil {
			return err
		}
	}
	return r.row(out, row.UpdateAfter, r.new, c)
}

// keyChanges reports whether an update gives a row another key.
func (r *columnReader) keyChanges() bool {
	if len(r.old) == 0 {
		return false
	}
	for i, col := range r.relation.columns {
		isKey := slices.Contains(r.s.spec.PrimaryKey, col.name)
		if isKey && r.new[i].kind == valueText && string(r.old[i].text) != string(r.new[i].text) {
			return true
		}
	}
	return false
}

// row appends a row.
func (r *columnReader) row(out *connect.ColumnOutput, kind row.ChangeKind, from []value, c *change) error {
	for i, at := range r.binding.places {
		v := out.Batch.Cols[i]
		if at < 0 {
			v.AppendNull()
			continue
		}
		if at >= len(from) {
			return errMessage
		}
		x := from[at]
		if x.kind == valueUnchanged && len(r.old) > at {
			x = r.old[at]
		}
		switch {
		case x.kind == valueUnchanged || x.kind == valueNull && from[at].kind == valueUnchanged && c.oldKind != 'O':
			return fmt.Errorf("the log does not have the large value of the column %s, which has not changed: ALTER TABLE … REPLICA IDENTITY FULL", r.s.fields[i].Name)
		case x.kind == valueNull && kind == row.Delete && r.s.isUpsert:
			v.AppendNull() // only the key is there
			continue
		}
		if err := r.binding.decoders[i].Append(v, x.text); err != nil {
			return fmt.Errorf("the column %s: %w", r.s.fields[i].Name, err)
		}
	}
	for i, name := range r.s.metadata {
		appendMetadata(out.Batch.Cols[len(r.s.fields)+i], name, r.s.cfg.Database, c)
	}
	out.Add(kind)
	return nil
}

func appendMetadata(v *columns.Vector, name, database string, c *change) {
	switch name {
	case "database_name":
		v.AppendString(database)
	case "schema_name":
		v.AppendString(c.relation.schema)
	case "table_name":
		v.AppendString(c.relation.name)
	case "op_ts":
		v.AppendTimestamp(c.micros, 0)
	}
}
