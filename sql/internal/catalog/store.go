package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/flott-dev/flott/internal/suggest"
)

// Names of what is there from the start, as in Flink.
const (
	DefaultCatalog  = "default_catalog"
	DefaultDatabase = "default_database"
)

// Store is the catalogs of a session. It is safe for concurrent use.
type Store struct {
	mu        sync.RWMutex
	catalogs  map[string]*Catalog
	temporary map[Path]*Table
	catalog   string // the current one
	database  string // the current one
}

// Catalog is databases by name.
type Catalog struct {
	Name      string
	Comment   string
	Options   map[string]string
	databases map[string]*Database
}

// Database is tables and views by name.
type Database struct {
	Name    string
	Comment string
	Options map[string]string
	tables  map[string]*Table
}

// NewStore returns a store with an empty default catalog.
func NewStore() *Store {
	s := &Store{
		catalogs: map[string]*Catalog{}, temporary: map[Path]*Table{}, catalog: DefaultCatalog, database: DefaultDatabase,
	}
	s.catalogs[DefaultCatalog] = newCatalog(DefaultCatalog)
	s.catalogs[DefaultCatalog].databases[DefaultDatabase] = newDatabase(DefaultDatabase)
	return s
}

func newCatalog(name string) *Catalog {
	return &Catalog{Name: name, Options: map[string]string{}, databases: map[string]*Database{}}
}

func newDatabase(name string) *Database {
	return &Database{Name: name, Options: map[string]string{}, tables: map[string]*Table{}}
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

func (s *Store) databaseOf(catalog, database string) (*Database, error) {
	c := s.catalogs[catalog]
	if c == nil {
		return nil, missing("catalog", catalog, slices.Collect(maps.Keys(s.catalogs)))
	}
	d := c.databases[database]
	if d == nil {
		return nil, missing("database", catalog+"."+database, prefixed(catalog, c.databases))
	}
	return d, nil
}

func prefixed(catalog string, m map[string]*Database) []string {
	var names []string
	for n := range m {
		names = append(names, catalog+"."+n)
	}
	return names
}

// Table finds a table or a view.
func (s *Store) Table(name []string) (*Table, error) {
	p, err := s.Resolve(name)
	if err != nil {
		return nil, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if t := s.temporary[p]; t != nil {
		return t, nil
	}
	d, err := s.databaseOf(p.Catalog, p.Database)
	if err != nil {
		return nil, err
	}
	if t := d.tables[p.Object]; t != nil {
		return t, nil
	}
	return nil, missing("table", join(name), s.names(p.Catalog, p.Database, d))
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
func (s *Store) Put(t *Table, replace bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if t.Temporary {
		if s.temporary[t.Path] != nil && !replace {
			return &Error{Msg: fmt.Sprintf("there is a temporary table %s already", t.Path)}
		}
		s.temporary[t.Path] = t
		return nil
	}
	d, err := s.databaseOf(t.Path.Catalog, t.Path.Database)
	if err != nil {
		return err
	}
	if d.tables[t.Path.Object] != nil && !replace {
		return &Error{Msg: fmt.Sprintf("there is a table %s already", t.Path), Hint: "CREATE TABLE IF NOT EXISTS leaves it alone"}
	}
	d.tables[t.Path.Object] = t
	return nil
}

// Drop removes a table or a view.
func (s *Store) Drop(p Path, temporary bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if temporary {
		if s.temporary[p] == nil {
			return &Error{Msg: fmt.Sprintf("there is no temporary table %s", p)}
		}
		delete(s.temporary, p)
		return nil
	}
	d, err := s.databaseOf(p.Catalog, p.Database)
	if err != nil {
		return err
	}
	if d.tables[p.Object] == nil {
		return missing("table", p.Object, s.names(p.Catalog, p.Database, d))
	}
	delete(d.tables, p.Object)
	return nil
}

// Tables are the tables and views of a database, sorted by name; temporary ones hide others.
func (s *Store) Tables(catalog, database string) ([]*Table, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d, err := s.databaseOf(catalog, database)
	if err != nil {
		return nil, err
	}
	var tables []*Table
	names := s.names(catalog, database, d)
	slices.Sort(names)
	for _, n := range names {
		t := s.temporary[Path{catalog, database, n}]
		if t == nil {
			t = d.tables[n]
		}
		tables = append(tables, t)
	}
	return tables, nil
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

// Databases are the names of a catalog's databases, sorted.
func (s *Store) Databases(catalog string) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	c := s.catalogs[catalog]
	if c == nil {
		return nil, missing("catalog", catalog, slices.Collect(maps.Keys(s.catalogs)))
	}
	return slices.Sorted(maps.Keys(c.databases)), nil
}

// UseCatalog makes a catalog the current one, with its default database.
func (s *Store) UseCatalog(name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.catalogs[name] == nil {
		return missing("catalog", name, slices.Collect(maps.Keys(s.catalogs)))
	}
	s.catalog, s.database = name, DefaultDatabase
	return nil
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
func (s *Store) CreateDatabase(name []string, comment string, options map[string]string, ifNotExists bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	catalog, database, err := s.databaseName(name)
	if err != nil {
		return err
	}
	c := s.catalogs[catalog]
	switch {
	case c == nil:
		return missing("catalog", catalog, slices.Collect(maps.Keys(s.catalogs)))
	case c.databases[database] != nil && ifNotExists:
		return nil
	case c.databases[database] != nil:
		return &Error{Msg: fmt.Sprintf("there is a database %s.%s already", catalog, database)}
	}
	d := newDatabase(database)
	d.Comment, d.Options = comment, options
	c.databases[database] = d
	return nil
}

// DropDatabase removes a database, with what is in it if cascade is set.
func (s *Store) DropDatabase(name []string, cascade bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	catalog, database, err := s.databaseName(name)
	if err != nil {
		return err
	}
	d, err := s.databaseOf(catalog, database)
	if err != nil {
		return err
	}
	if catalog == s.catalog && database == s.database {
		return &Error{Msg: fmt.Sprintf("the database %s is the current one", database), Hint: "USE another one first"}
	}
	if len(d.tables) > 0 && !cascade {
		return &Error{Msg: fmt.Sprintf("the database %s is not empty", database), Hint: "DROP DATABASE … CASCADE drops its tables too"}
	}
	delete(s.catalogs[catalog].databases, database)
	return nil
}
