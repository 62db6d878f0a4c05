package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/flott-dev/flott/internal/suggest"
	"github.com/flott-dev/flott/sql/internal/ast"
)

// Names of what is there from the start, as in Flink.
const (
	DefaultCatalog  = "default_catalog"
	DefaultDatabase = "default_database"
)

// Store is the catalogs of a session. It is safe for concurrent use.
type Store struct {
	// Open opens the catalogs of other systems; nil if there are none. It is set before the store is used.
	Open Opener

	mu        sync.RWMutex
	make      Maker
	catalogs  map[string]*Catalog
	temporary map[Path]*Table
	functions map[Path]*Function // temporary ones
	catalog   string             // the current one, empty after it was dropped
	database  string             // the current one
}

// Maker makes a table or view of its statement in a file, at a path.
type Maker func(p Path, x ast.Statement, ddl string) (*Table, error)

// NewStore returns a store with an empty default catalog.
func NewStore(m Maker) *Store {
	s := &Store{
		make: m, catalogs: map[string]*Catalog{}, temporary: map[Path]*Table{}, functions: map[Path]*Function{},
		catalog: DefaultCatalog, database: DefaultDatabase,
	}
	s.catalogs[DefaultCatalog] = &Catalog{
		Name: DefaultCatalog, Options: map[string]string{optionType: typeMemory, optionDefault: DefaultDatabase},
		Default: DefaultDatabase, databases: databases{DefaultDatabase: newDatabase(DefaultDatabase)},
	}
	return s
}

// Refresh reads what other sessions have changed in files. A file that cannot be read is an error of the statements that
// need it.
func (s *Store) Refresh(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.catalogs {
		c.refresh(ctx)
	}
}

// Error is a mistake in a name.
type Error struct{ Msg, Hint string }

func (e *Error) Error() string {
	if e.Hint == "" {
		return e.Msg
	}
	return e.Msg + "; " + e.Hint
}

func missing(kind, name string, names []string) error {
	e := &Error{Msg: fmt.Sprintf("there is no %s %s", kind, name)}
	if near := suggest.Nearest(name, names, max(1, len(name)/3)); near != "" {
		e.Hint = "did you mean " + near + "?"
	} else if len(names) > 0 && len(names) <= 20 {
		slices.Sort(names)
		e.Hint = fmt.Sprintf("there are %s", join(names))
	}
	return e
}

func join(names []string) string {
	s := ""
	for i, n := range names {
		if i > 0 {
			s += ", "
		}
		s += n
	}
	return s
}

// Current are the current catalog and database.
func (s *Store) Current() (catalog, database string) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.catalog, s.database
}

// Resolve completes a name of one to three parts.
func (s *Store) Resolve(name []string) (Path, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	switch len(name) {
	case 1:
		return Path{s.catalog, s.database, name[0]}, nil
	case 2:
		return Path{s.catalog, name[0], name[1]}, nil
	case 3:
		return Path{name[0], name[1], name[2]}, nil
	}
	return Path{}, &Error{Msg: "a name has a catalog, a database and a name at most"}
}

func (s *Store) catalogOf(name string) (*Catalog, error) {
	c := s.catalogs[name]
	switch {
	case c == nil && name == "":
		return nil, &Error{Msg: "there is no current catalog", Hint: "USE CATALOG makes one the current one"}
	case c == nil:
		return nil, missing("catalog", name, slices.Collect(maps.Keys(s.catalogs)))
	}
	return c, nil
}

func (s *Store) databaseOf(catalog, database string) (*Database, error) {
	c, err := s.catalogOf(catalog)
	if err != nil {
		return nil, err
	}
	return c.database(database)
}

// change changes a database by f: see Catalog.change.
func (s *Store) change(ctx context.Context, catalog, database string, f func(*Database) error) error {
	return s.changeAll(ctx, catalog, database, func(_ databases, d *Database) error { return f(d) })
}

// changeAll is change for what is about a database and others.
func (s *Store) changeAll(ctx context.Context, catalog, database string, f func(databases, *Database) error) error {
	c, err := s.catalogOf(catalog)
	if err != nil {
		return err
	}
	if isSchema(database) {
		return readOnly()
	}
	return c.change(ctx, func(all databases) error {
		d := all[database]
		if d == nil {
			_, err := c.database(database)
			if err == nil { // it is gone from the file
				err = missing("database", catalog+"."+database, nil)
			}
			return err
		}
		return f(all, d)
	})
}

// Try runs f while a table takes the place of what has its name, in this session.
func (s *Store) Try(t *Table, f func() error) error {
	put := func(t *Table, p Path) (was *Table) {
		s.mu.Lock()
		defer s.mu.Unlock()
		was = s.temporary[p]
		if s.temporary[p] = t; t == nil {
			delete(s.temporary, p)
		}
		return was
	}
	defer put(put(t, t.Path), t.Path)
	return f()
}

// Table finds a table or a view.
func (s *Store) Table(name []string) (*Table, error) {
	p, err := s.Resolve(name)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	t, e, err := s.find(p)
	s.mu.RUnlock()
	if err != nil || t != nil {
		return t, err
	}
	return s.made(p, e)
}

// find finds a table, or the entry of one that is to be made.
func (s *Store) find(p Path) (*Table, *entry, error) {
	if t := s.temporary[p]; t != nil {
		return t, nil, nil
	}
	d, err := s.databaseOf(p.Catalog, p.Database)
	if err != nil {
		return nil, nil, err
	}
	e := d.tables[p.Object]
	if e == nil && isSchema(p.Database) {
		e = d.tables[strings.ToUpper(p.Object)]
	}
	if e == nil {
		return nil, nil, missing("table", p.Object, s.names(p.Catalog, p.Database, d))
	}
	return e.table, e, nil
}

// made is the table of an entry, which is made when it is first asked for. That may find other tables.
func (s *Store) made(p Path, e *entry) (*Table, error) {
	switch {
	case e.isListing:
		return s.listing(p)
	case e.remote != nil:
		return e.remote.table(p)
	}
	what := map[bool]string{true: "view", false: "table"}[e.isView()]
	s.mu.Lock()
	t, isMaking := e.table, e.isMaking
	e.isMaking = true
	s.mu.Unlock()
	switch {
	case t != nil:
		return t, nil
	case isMaking:
		return nil, &Error{Msg: fmt.Sprintf("the view %s refers to itself", p)}
	}
	t, err := s.make(p, e.stmt, e.ddl)
	s.mu.Lock()
	defer s.mu.Unlock()
	e.isMaking = false
	if err != nil {
		return nil, &Error{
			Msg:  fmt.Sprintf("the %s %s, as it stands in %s, cannot be used: %s", what, p, s.catalogs[p.Catalog].file.name(), err),
			Hint: fmt.Sprintf("CREATE OR REPLACE %s makes another one, DROP %[1]s removes it", strings.ToUpper(what)),
		}
	}
	t.Path, t.stored = p, e.ddl
	e.table = t
	return t, nil
}

func (s *Store) names(catalog, database string, d *Database) []string {
	names := slices.Collect(maps.Keys(d.tables))
	for p := range s.temporary {
		if p.Catalog == catalog && p.Database == database && d.tables[p.Object] == nil {
			names = append(names, p.Object)
		}
	}
	return names
}

// Put adds a table or a view. With replace it may take the place of another one.
func (s *Store) Put(ctx context.Context, t *Table, replace bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isSchema(t.Path.Database) {
		return readOnly()
	}
	if t.Temporary {
		if s.temporary[t.Path] != nil && !replace {
			return &Error{Msg: fmt.Sprintf("there is a temporary table %s already", t.Path)}
		}
		s.temporary[t.Path] = t
		return nil
	}
	return s.change(ctx, t.Path.Catalog, t.Path.Database, func(d *Database) error {
		if d.tables[t.Path.Object] != nil && !replace {
			return alreadyThere(t.Path)
		}
		d.tables[t.Path.Object] = &entry{table: t}
		return nil
	})
}

func alreadyThere(p Path) error {
	return &Error{Msg: fmt.Sprintf("there is a table %s already", p), Hint: "CREATE TABLE IF NOT EXISTS leaves it alone"}
}

// Alter puts a table or view in the place of one that was found before: of the same name, or of another one in the same
// catalog. It fails if another session has changed that in between.
func (s *Store) Alter(ctx context.Context, was, t *Table) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.stored = ""
	if was.Temporary {
		if t.Path != was.Path && s.temporary[t.Path] != nil {
			return alreadyThere(t.Path)
		}
		delete(s.temporary, was.Path)
		s.temporary[t.Path] = t
		return nil
	}
	if t.Path.Catalog != was.Path.Catalog {
		return &Error{Msg: fmt.Sprintf("a table cannot be moved from the catalog %s to %s", was.Path.Catalog, t.Path.Catalog)}
	}
	c, err := s.catalogOf(was.Path.Catalog)
	if err != nil {
		return err
	}
	return c.change(ctx, func(all databases) error {
		from, to := all[was.Path.Database], all[t.Path.Database]
		if isSchema(was.Path.Database) || isSchema(t.Path.Database) {
			return readOnly()
		}
		if to == nil {
			return missing("database", t.Path.Catalog+"."+t.Path.Database, nil)
		}
		if from == nil || !from.tables[was.Path.Object].is(was) {
			return &Error{Msg: fmt.Sprintf("another session has changed %s since this statement has read it", was.Path), Hint: "run the statement again"}
		}
		if t.Path != was.Path && to.tables[t.Path.Object] != nil {
			return alreadyThere(t.Path)
		}
		delete(from.tables, was.Path.Object)
		to.tables[t.Path.Object] = &entry{table: t}
		return nil
	})
}

// is reports whether an entry is that of a table that was found before.
func (e *entry) is(was *Table) bool {
	return e != nil && (e.table == was || was.stored != "" && e.ddl == was.stored)
}

// Drop removes a table or a view.
func (s *Store) Drop(ctx context.Context, p Path, temporary bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if temporary {
		if s.temporary[p] == nil {
			return &Error{Msg: fmt.Sprintf("there is no temporary table %s", p)}
		}
		delete(s.temporary, p)
		return nil
	}
	return s.change(ctx, p.Catalog, p.Database, func(d *Database) error {
		if d.tables[p.Object] == nil {
			return missing("table", p.Object, s.names(p.Catalog, p.Database, d))
		}
		delete(d.tables, p.Object)
		return nil
	})
}

// Listed is a table or view in a list.
type Listed struct {
	Path      Path
	Temporary bool
	IsView    bool
}

// Listed finds a table or view without making it, as it is listed; nil if there is none.
func (s *Store) Listed(name []string) (*Listed, error) {
	p, err := s.Resolve(name)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	t, e, err := s.find(p)
	if err != nil {
		return nil, err
	}
	if t != nil {
		return &Listed{p, t.Temporary, t.IsView()}, nil
	}
	return &Listed{p, false, e.isView()}, nil
}

// Tables are the tables and views of a database, sorted by name; temporary ones hide others.
func (s *Store) Tables(catalog, database string) ([]Listed, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, err := s.databaseOf(catalog, database)
	if err != nil {
		return nil, err
	}
	var list []Listed
	names := s.names(catalog, database, d)
	slices.Sort(names)
	for _, n := range names {
		p := Path{catalog, database, n}
		if t := s.temporary[p]; t != nil {
			list = append(list, Listed{p, true, t.IsView()})
		} else {
			list = append(list, Listed{p, false, d.tables[n].isView()})
		}
	}
	return list, nil
}

// IsMissing reports whether an error says that something is not there.
func IsMissing(err error) bool {
	e, ok := err.(*Error)
	return ok && strings.HasPrefix(e.Msg, "there is no ")
}

// Catalogs are the names of the catalogs, sorted.
func (s *Store) Catalogs() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.catalogs))
}

// Catalog finds a catalog.
func (s *Store) Catalog(name string) (*Catalog, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.catalogOf(name)
}

// CreateCatalog adds a catalog.
func (s *Store) CreateCatalog(ctx context.Context, name, comment string, options map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.catalogs[name] != nil {
		return &Error{Msg: "there is a catalog " + name + " already", Hint: "CREATE CATALOG IF NOT EXISTS leaves it alone"}
	}
	c, err := s.newCatalog(ctx, name, comment, options)
	if err == nil {
		s.catalogs[name] = c
	}
	return err
}

// AlterCatalog gives a catalog other options and another comment. What is in it stays, unless it is that of another file
// then.
func (s *Store) AlterCatalog(ctx context.Context, name, comment string, options map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, err := s.catalogOf(name)
	if err != nil {
		return err
	}
	if options[optionType] != was.Options[optionType] {
		return &Error{Msg: "the 'type' of a catalog cannot be altered"}
	}
	c, err := s.newCatalog(ctx, name, comment, options)
	if err != nil {
		return err
	}
	if c.file == nil && c.remote == nil {
		if was.databases[c.Default] == nil {
			return missing("database", name+"."+c.Default, slices.Collect(maps.Keys(was.databases)))
		}
		c.databases = was.databases
	}
	s.catalogs[name] = c
	return nil
}

// DropCatalog removes a catalog from the session. The file of one that is kept stays.
func (s *Store) DropCatalog(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.catalogOf(name); err != nil {
		return err
	}
	if name == s.catalog {
		return &Error{Msg: "the catalog " + name + " is the current one", Hint: "USE CATALOG makes another one the current one"}
	}
	delete(s.catalogs, name)
	maps.DeleteFunc(s.temporary, func(p Path, _ *Table) bool { return p.Catalog == name })
	maps.DeleteFunc(s.functions, func(p Path, _ *Function) bool { return p.Catalog == name })
	return nil
}

// Databases are the names of a catalog's databases, sorted.
func (s *Store) Databases(catalog string) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c, err := s.catalogOf(catalog)
	if err != nil {
		return nil, err
	}
	return c.names()
}

// Database finds a database: database, or catalog.database.
func (s *Store) Database(name []string) (catalog string, d *Database, err error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	catalog, database, err := s.databaseName(name)
	if err != nil {
		return "", nil, err
	}
	d, err = s.databaseOf(catalog, database)
	return catalog, d, err
}

// UseCatalog makes a catalog the current one, with its default database.
func (s *Store) UseCatalog(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.catalogOf(name)
	if err != nil {
		return err
	}
	s.catalog, s.database = name, c.Default
	return c.err
}

// UseDatabase makes a database the current one: database, or catalog.database.
func (s *Store) UseDatabase(name []string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, d, err := s.databaseName(name)
	if err != nil {
		return err
	}
	if _, err := s.databaseOf(c, d); err != nil {
		return err
	}
	s.catalog, s.database = c, d
	return nil
}

func (s *Store) databaseName(name []string) (catalog, database string, err error) {
	switch len(name) {
	case 1:
		return s.catalog, name[0], nil
	case 2:
		return name[0], name[1], nil
	}
	return "", "", &Error{Msg: "the name of a database has a catalog before it at most"}
}

// CreateDatabase adds a database.
func (s *Store) CreateDatabase(ctx context.Context, name []string, comment string, options map[string]string, ifNotExists bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	catalog, database, err := s.databaseName(name)
	if err != nil {
		return err
	}
	c, err := s.catalogOf(catalog)
	if err != nil {
		return err
	}
	if isSchema(database) {
		return readOnly()
	}
	return c.change(ctx, func(all databases) error {
		if all[database] != nil {
			if ifNotExists {
				return nil
			}
			return &Error{Msg: fmt.Sprintf("there is a database %s.%s already", catalog, database)}
		}
		d := newDatabase(database)
		d.Comment, d.Options = comment, options
		all[database] = d
		return nil
	})
}

// AlterDatabase sets options of a database.
func (s *Store) AlterDatabase(ctx context.Context, name []string, options map[string]string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	catalog, database, err := s.databaseName(name)
	if err != nil {
		return err
	}
	return s.change(ctx, catalog, database, func(d *Database) error {
		maps.Copy(d.Options, options)
		return nil
	})
}

// DropDatabase removes a database, with what is in it if cascade is set.
func (s *Store) DropDatabase(ctx context.Context, name []string, cascade bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	catalog, database, err := s.databaseName(name)
	if err != nil {
		return err
	}
	if catalog == s.catalog && database == s.database {
		return &Error{Msg: fmt.Sprintf("the database %s is the current one", database), Hint: "USE another one first"}
	}
	return s.changeAll(ctx, catalog, database, func(all databases, d *Database) error {
		if len(d.tables)+len(d.functions) > 0 && !cascade {
			return &Error{Msg: fmt.Sprintf("the database %s is not empty", database), Hint: "DROP DATABASE … CASCADE drops what is in it too"}
		}
		delete(all, database)
		return nil
	})
}
