package catalog

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/flott-dev/flott/connect"
)

// Opener makes the catalog of another system that the options of a CREATE CATALOG mean, nil if their 'type' is none.
type Opener func(name string, options map[string]string) (connect.Catalog, error)

// remoteTimeout is how long another system may take to say what it has.
const remoteTimeout = 30 * time.Second

// remote is what is in another system. It is asked when something is named, and once for each statement.
type remote struct {
	system connect.Catalog
	mu     struct {
		sync.Mutex
		names     []string // of databases; nil when they were not asked for
		databases map[string]*Database
		tables    map[Path]*Table
	}
}

// forget has the system asked again.
func (r *remote) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.mu.names, r.mu.databases, r.mu.tables = nil, map[string]*Database{}, map[Path]*Table{}
}

// list are the names of the databases.
func (r *remote) list(ctx context.Context) ([]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.listLocked(ctx)
}

func (r *remote) listLocked(ctx context.Context) ([]string, error) {
	if r.mu.names == nil {
		ctx, cancel := context.WithTimeout(ctx, remoteTimeout)
		defer cancel()
		names, err := r.system.Databases(ctx)
		if err != nil {
			return nil, &Error{Msg: "the databases cannot be listed: " + err.Error()}
		}
		slices.Sort(names)
		r.mu.names = names
	}
	return r.mu.names, nil
}

// database is a database with the names of its tables, nil if there is none.
func (r *remote) database(name string) (*Database, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.mu.databases[name]; d != nil {
		return d, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), remoteTimeout)
	defer cancel()
	if all, err := r.listLocked(ctx); err != nil || !slices.Contains(all, name) {
		return nil, err
	}
	tables, err := r.system.Tables(ctx, name)
	if err != nil {
		return nil, &Error{Msg: fmt.Sprintf("the tables of %s cannot be listed: %s", name, err)}
	}
	d := newDatabase(name)
	for _, t := range tables {
		d.tables[t] = &entry{remote: r}
	}
	r.mu.databases[name] = d
	return d, nil
}

// table is a table as the system has it.
func (r *remote) table(p Path) (*Table, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if t := r.mu.tables[p]; t != nil {
		return t, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), remoteTimeout)
	defer cancel()
	has, err := r.system.Table(ctx, p.Database, p.Object)
	if err != nil {
		return nil, &Error{Msg: fmt.Sprintf("the table %s cannot be used: %s", p, err)}
	}
	t := &Table{Path: p, Options: has.Options, PrimaryKey: has.PrimaryKey}
	if len(has.PrimaryKey) > 0 {
		t.Constraint = "PK_" + p.Object
	}
	for _, f := range has.Schema.Fields {
		t.Columns = append(t.Columns, Column{Name: f.Name, Type: f.Type, Comment: f.Comment})
	}
	r.mu.tables[p] = t
	return t, nil
}

// errRemote says that nothing can be changed in another system.
func (c *Catalog) errRemote() error {
	return &Error{
		Msg:  fmt.Sprintf("what is in the catalog %s is that of another system, and cannot be changed here", c.Name),
		Hint: "CREATE TEMPORARY TABLE is for this session",
	}
}
