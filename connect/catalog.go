package connect

import (
	"context"

	"github.com/flott-dev/flott/row"
)

// Catalog is the databases of another system with their tables, which need no CREATE TABLE: what TableFactory.NewCatalog makes. Several
// goroutines may call it.
type Catalog interface {
	// Databases are the names of the databases.
	Databases(ctx context.Context) ([]string, error)
	// Tables are the names of the tables of a database.
	Tables(ctx context.Context, database string) ([]string, error)
	// Table is a table of a database.
	Table(ctx context.Context, database, table string) (*CatalogTable, error)
}

// CatalogTable is what CREATE TABLE would have said of a table.
type CatalogTable struct {
	Schema     *row.Schema
	PrimaryKey []string
	// Options are those of WITH, 'connector' included.
	Options map[string]string
}
