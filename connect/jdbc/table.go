package jdbc

import (
	"errors"
	"fmt"

	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
)

// The options of tables.
var (
	urlOption = options.Text(options.Doc{
		Key: "url", Required: true, Text: "The database: `jdbc:postgresql://host:port/database`, `postgres://host:port/database`, or `jdbc:sqlite:path`.",
	})
	tableOption = options.Text(options.Doc{
		Key: "table-name", Required: true, Text: "The table in the database, as `orders` or `schema.orders`.",
	})
	userOption = options.Text(options.Doc{
		Key: "username", Text: "The user, unless the URL has one. It needs the password, too.",
	})
	passwordOption = options.AnyText(options.Doc{
		Key: "password", Text: "The password of that user.",
	})
	driverOption = options.Text(options.Doc{
		Key: "driver", Text: "The Java class of the driver, which is not needed: it is checked that it fits the URL.",
	})
	timeoutOption = options.Duration(options.Doc{
		Key: "connection.max-retry-timeout", Default: "60 s", Text: "How long a server that is away is waited for.",
	})
	flushRowsOption = options.Int(options.Doc{
		Key: "sink.buffer-flush.max-rows", Default: "100", Text: "With how many rows they are written; `0` has no such number. Rows that come together are written together, " +
			"also if they are more.",
	}, 0, 1<<30)
	flushIntervalOption = options.Duration(options.Doc{
		Key: "sink.buffer-flush.interval", Default: "1 s", Text: "How long rows are collected at most; `0` has no such time. They are written for each checkpoint.",
	})
	retriesOption = options.Int(options.Doc{
		Key: "sink.max-retries", Default: "3", Text: "How often writing is tried again when it fails for a cause that may pass, as the loss of the connection.",
	}, 0, 1<<30)
)

// base is Table without what makes sources and sinks, which parse their options by it.
var base = connect.TableFactory{
	Name: "jdbc",
	Options: options.Set{
		urlOption, tableOption, userOption, passwordOption, driverOption, timeoutOption, flushRowsOption, flushIntervalOption, retriesOption,
		connect.SinkParallelism, partitionColumnOption, partitionNumOption, partitionLowerOption, partitionUpperOption, fetchSizeOption,
		autoCommitOption, scanParallelismOption,
	},
}

// Table is the connector 'jdbc' of SQL: a table of a database.
var Table = connect.TableFactory{
	Name: base.Name, Options: base.Options,
	NewSource: newTableSource, NewSink: newTableSink, NewCatalog: newCatalog,
}

// table is what source and sink of a table have in common.
type table struct {
	spec       *connect.TableSpec
	values     *options.Configuration
	connection Connection
	tableName  string
	dialect    dialect
}

// newTable checks the options that reading and writing share.
func newTable(t *connect.TableSpec) (*table, error) {
	o, err := base.Parse(t)
	if err != nil {
		return nil, err
	}
	c := &table{spec: t, values: o.Connector, tableName: tableOption.Get(o.Connector)}
	c.connection = Connection{URL: urlOption.Get(c.values), RetryTimeout: timeoutOption.Get(c.values)}
	if c.connection.RetryTimeout == 0 {
		c.connection.RetryTimeout = -1
	}
	user, hasUser := userOption.Lookup(c.values)
	password, hasPassword := passwordOption.Lookup(c.values)
	c.connection.User, c.connection.Password = user, password
	var errs []error
	if hasUser != hasPassword {
		errs = append(errs, errors.New("'username' and 'password' belong together: both are given, or none"))
	}
	if len(t.Partitions) > 0 {
		errs = append(errs, errors.New("the connector 'jdbc' has no PARTITIONED BY"))
	}
	c.dialect, err = c.connection.dialect()
	if errs = append(errs, err); err == nil {
		errs = append(errs, checkDriver(driverOption.Get(c.values), c.dialect))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s, connector 'jdbc': %w", t.Name, err)
	}
	return c, nil
}
