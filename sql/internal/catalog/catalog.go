package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/internal/suggest"
	"github.com/flott-dev/flott/sql/internal/ast"
)

// The options of CREATE CATALOG.
const (
	optionType     = "type"
	optionDefault  = "default-database"
	optionPath     = "path"
	typeMemory     = "generic_in_memory"
	typeFile       = "file"
	defaultDefault = "default" // the default database where none is named, as in Flink
)

// Catalog is databases by name.
type Catalog struct {
	Name    string
	Comment string
	Options map[string]string
	// Default is the database that USE CATALOG makes the current one.
	Default   string
	databases databases
	file      *file   // nil in memory
	remote    *remote // nil of those of Flott; of others databases is empty
	// err is why the file could not be read.
	err error
}

// databases are those of a catalog by name.
type databases map[string]*Database

// Database is tables, views and functions by name.
type Database struct {
	Name    string
	Comment string
	Options map[string]string
	tables  map[string]*entry
	// functions have names in lower case.
	functions map[string]*Function
}

// entry is a table or a view of a database. That of a file is its statement, and made when it is first asked for.
type entry struct {
	table    *Table
	ddl      string        // as it stands in the file
	stmt     ast.Statement // of ddl
	isMaking bool
	// isListing says that it is a table of information_schema.
	isListing bool
	remote    *remote // which has the table, nil for one of Flott's
}

func (e *entry) isView() bool {
	if e.table != nil {
		return e.table.IsView()
	}
	if e.isListing {
		return true
	}
	if e.remote != nil {
		return false
	}
	_, ok := e.stmt.(*ast.CreateView)
	return ok
}

func newDatabase(name string) *Database {
	return &Database{Name: name, Options: map[string]string{}, tables: map[string]*entry{}, functions: map[string]*Function{}}
}

// clone is a copy that can be changed. Entries are shared.
func (d databases) clone() databases {
	next := databases{}
	for name, x := range d {
		c := *x
		c.tables, c.functions, c.Options = maps.Clone(x.tables), maps.Clone(x.functions), maps.Clone(x.Options)
		next[name] = &c
	}
	return next
}

// newCatalog makes what CREATE CATALOG says. The directory of a file need not be there; another system must be.
func (s *Store) newCatalog(ctx context.Context, name, comment string, options map[string]string) (*Catalog, error) {
	c := &Catalog{Name: name, Comment: comment, Options: options, Default: options[optionDefault]}
	if c.Default == "" {
		c.Default = defaultDefault
	}
	known := []string{optionType, optionDefault}
	switch options[optionType] {
	case typeMemory:
	case typeFile:
		known = append(known, optionPath)
	case "":
		return nil, &Error{Msg: "the catalog " + name + " has no 'type'", Hint: typeHint}
	default:
		if isRemote, err := s.openRemote(ctx, c); isRemote {
			return c, err
		}
		return nil, &Error{Msg: fmt.Sprintf("there is no catalog of the type '%s'", options[optionType]), Hint: typeHint}
	}
	for _, k := range slices.Sorted(maps.Keys(options)) {
		if !slices.Contains(known, k) {
			e := &Error{Msg: fmt.Sprintf("a catalog of the type '%s' has no option '%s'", options[optionType], k), Hint: "it has '" + strings.Join(known, "', '") + "'"}
			if near := suggest.Nearest(k, known, 2); near != "" {
				e.Hint = "did you mean '" + near + "'?"
			}
			return nil, e
		}
	}
	c.databases = databases{c.Default: newDatabase(c.Default)}
	if options[optionType] == typeMemory {
		return c, nil
	}
	f, err := openFile(ctx, options[optionPath])
	if err != nil {
		return nil, &Error{Msg: fmt.Sprintf("the catalog %s cannot be opened: %s", name, err), Hint: "'path' is a directory, or s3://bucket/prefix"}
	}
	c.file = f
	c.refresh(ctx)
	return c, c.err
}

// openRemote opens the catalog of another system, if the type is that of one.
func (s *Store) openRemote(ctx context.Context, c *Catalog) (isRemote bool, err error) {
	if s.Open == nil {
		return false, nil
	}
	system, err := s.Open(c.Name, c.Options)
	if err != nil {
		return true, &Error{Msg: fmt.Sprintf("the catalog %s cannot be opened: %s", c.Name, err)}
	}
	if system == nil {
		return false, nil
	}
	c.remote = &remote{system: system}
	c.remote.forget()
	names, err := c.remote.list(ctx)
	if err == nil && !slices.Contains(names, c.Default) {
		err = missing("database", c.Name+"."+c.Default, names)
	}
	return true, err
}

const typeHint = "the 'type' is 'generic_in_memory', 'file' with a 'path', which is kept, or that of another system, as 'jdbc'"

// refresh reads the catalog's file again.
func (c *Catalog) refresh(ctx context.Context) {
	if c.remote != nil {
		c.remote.forget()
	}
	if c.file == nil {
		return
	}
	d, err := c.file.read(ctx, c.databases)
	c.err = err
	if err != nil || d == nil {
		return
	}
	c.databases = d
	if d[c.Default] == nil {
		d[c.Default] = newDatabase(c.Default)
	}
}

// change changes the databases by f, which changes nothing when it fails. With a file it may be called again, for what
// another session has written in between.
func (c *Catalog) change(ctx context.Context, f func(databases) error) error {
	if c.err != nil {
		return c.err
	}
	if c.remote != nil {
		return c.errRemote()
	}
	if c.file == nil {
		return f(c.databases)
	}
	for {
		next := c.databases.clone()
		if err := f(next); err != nil {
			return err
		}
		isWritten, err := c.file.write(ctx, next)
		if err != nil {
			return err
		}
		if isWritten {
			c.databases = next
			return nil
		}
		if c.refresh(ctx); c.err != nil {
			return c.err
		}
	}
}

// database finds a database.
func (c *Catalog) database(name string) (*Database, error) {
	if c.err != nil {
		return nil, c.err
	}
	if isSchema(name) {
		return schemaDatabase(), nil
	}
	d := c.databases[name]
	if c.remote != nil {
		var err error
		if d, err = c.remote.database(name); err != nil {
			return nil, err
		}
	}
	if d == nil {
		names, err := c.names()
		if err != nil {
			return nil, err
		}
		for i, n := range names {
			names[i] = c.Name + "." + n
		}
		return nil, missing("database", c.Name+"."+name, names)
	}
	return d, nil
}

// names are the names of the databases, sorted.
func (c *Catalog) names() ([]string, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.remote == nil {
		return slices.Sorted(maps.Keys(c.databases)), nil
	}
	names, err := c.remote.list(context.Background())
	return slices.Clone(names), err
}

// DDL is the statement that makes the catalog.
func (c *Catalog) DDL() string {
	return "CREATE CATALOG " + quote(c.Name) + "\n" + commentLine(c.Comment) + optionLines(c.Options)
}
