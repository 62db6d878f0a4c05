package jdbc

import (
	"errors"
	"time"
)

// Connection says which database is meant. URL is needed.
type Connection struct {
	// URL is jdbc:postgresql://host:port/database, postgres://user:password@host:port/database, or jdbc:sqlite:path.
	URL string
	// User and Password let in, unless the URL has them.
	User, Password string
	// RetryTimeout is how long a server that is away is waited for. Zero means a minute, a negative time not at all.
	RetryTimeout time.Duration
}

const defaultRetryTimeout = time.Minute

// SinkOptions say where and how is written. Either Table and Columns are needed, or Statement.
type SinkOptions struct {
	Connection
	// Table is the table that is written, and Columns are the columns of Row.Values.
	Table   string
	Columns []string
	// Key are the columns by which rows replace each other, and are deleted: those of a primary key, or of a unique index, of the
	// table. Without a key rows are added.
	Key []string
	// Statement is what is run with the values of each row instead, as INSERT INTO t VALUES ($1, $2); of SQLite with ? for the values.
	// Where it does not replace what is there, a restore of the job runs it again for some rows.
	Statement string
	// MaxRows is how many rows are collected before they are written. Zero means 100.
	MaxRows int
	// Interval is how long they are collected at most. Zero means a second, a negative time until the next checkpoint.
	Interval time.Duration
	// MaxRetries is how often what fails for a cause that may pass, as the loss of a connection, is tried again. Zero means 3 times, a
	// negative number never.
	MaxRetries int
}

const (
	defaultMaxRows    = 100
	defaultInterval   = time.Second
	defaultMaxRetries = 3
)

// withDefaults checks the options.
func (o SinkOptions) withDefaults() (SinkOptions, error) {
	var errs []error
	switch {
	case o.Statement != "" && (o.Table != "" || len(o.Columns) > 0 || len(o.Key) > 0):
		errs = append(errs, errors.New("jdbc: there are a statement and a table: one of them says what is written"))
	case o.Statement == "" && (o.Table == "" || len(o.Columns) == 0):
		errs = append(errs, errors.New("jdbc: a table and its columns are missing, or a statement"))
	}
	for _, k := range o.Key {
		if place(o.Columns, k) < 0 {
			errs = append(errs, errors.New("jdbc: the column "+k+" of the key is not one of the columns"))
		}
	}
	orDefault(&o.MaxRows, defaultMaxRows)
	orDefault(&o.Interval, defaultInterval)
	orDefault(&o.MaxRetries, defaultMaxRetries)
	return o, errors.Join(errs...)
}

// orDefault makes zero a default, and a negative number zero.
func orDefault[N int | time.Duration](n *N, def N) {
	switch {
	case *n == 0:
		*n = def
	case *n < 0:
		*n = 0
	}
}
