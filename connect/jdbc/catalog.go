package jdbc

import (
	"context"
	"errors"
	"fmt"
	"maps"

	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
)

// The options of catalogs, besides 'type'.
var (
	baseURLOption = options.Text(options.Doc{
		Key: "base-url", Required: true, Text: "What the URLs of all databases begin with: `jdbc:postgresql://host:port/`, or `jdbc:sqlite:directory/`.",
	})
	defaultDatabaseOption = options.Text(options.Doc{
		Key: "default-database", Required: true, Text: "The database that is the current one at first; of SQLite the name of the file.",
	})
	catalogOptions = options.Set{baseURLOption, defaultDatabaseOption, userOption, passwordOption}
)

// catalog is the databases of a server, or one file of SQLite.
type catalog struct {
	connection Connection // its URL is the base
	database   string     // the default one
}

func newCatalog(name string, given map[string]string) (connect.Catalog, error) {
	own := maps.Clone(given)
	delete(own, "type")
	o, err := catalogOptions.Parse(own, "")
	if err != nil {
		return nil, fmt.Errorf("catalog %s, 'type' = 'jdbc': %w", name, err)
	}
	c := &catalog{database: defaultDatabaseOption.Get(o)}
	user, hasUser := userOption.Lookup(o)
	password, hasPassword := passwordOption.Lookup(o)
	if hasUser != hasPassword {
		err = errors.New("'username' and 'password' belong together: both are given, or none")
	}
	c.connection = Connection{URL: baseURLOption.Get(o), User: user, Password: password, RetryTimeout: -1}
	connection := c.of(c.database)
	_, wrong := connection.dialect()
	if err = errors.Join(err, wrong); err != nil {
		return nil, fmt.Errorf("catalog %s, 'type' = 'jdbc', 'base-url': %w", name, err)
	}
	return c, nil
}

// of is the connection to a database.
func (c *catalog) of(database string) Connection {
	connection := c.connection
	connection.URL += database
	return connection
}

// in does something in a database.
func (c *catalog) in(ctx context.Context, database string, f func(s session) error) error {
	connection := c.of(database)
	l, err := newLink(&connection)
	if err != nil {
		return err
	}
	defer l.close()
	return l.do(ctx, 1, f)
}

// Databases are those of the server.
func (c *catalog) Databases(ctx context.Context) (names []string, err error) {
	err = c.in(ctx, c.database, func(s session) (err error) {
		names, err = s.databases(ctx)
		return err
	})
	return names, err
}

// Tables are the tables and views of a database.
func (c *catalog) Tables(ctx context.Context, database string) (names []string, err error) {
	err = c.in(ctx, database, func(s session) (err error) {
		names, err = s.tables(ctx)
		return err
	})
	return names, err
}

// Table is a table with the options of the connector 'jdbc'.
func (c *catalog) Table(ctx context.Context, database, table string) (*connect.CatalogTable, error) {
	t := &connect.CatalogTable{Options: map[string]string{"connector": base.Name, "url": c.of(database).URL, "table-name": table}}
	if c.connection.User != "" {
		t.Options["username"], t.Options["password"] = c.connection.User, c.connection.Password
	}
	err := c.in(ctx, database, func(s session) error {
		fields, key, err := s.columns(ctx, table)
		t.Schema, t.PrimaryKey = &row.Schema{Fields: fields}, key
		return err
	})
	return t, err
}
