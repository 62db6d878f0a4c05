package postgrescdc

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flott-dev/flott/internal/postgres"
)

// Startup is where a job begins that goes on from no checkpoint.
type Startup uint8

// The startups.
const (
	// Initial reads all rows of the tables, and then what changes.
	Initial Startup = iota
	// Latest reads what changes from now on.
	Latest
	// Committed reads what changes from where the slot is, which must be there.
	Committed
)

// SourceOptions say what is read. Host, User, Database, Tables and Slot are needed.
type SourceOptions struct {
	Host           string
	Port           int // zero means 5432
	User, Password string
	Database       string
	// SSLMode is how connections use TLS, as libpq has it: prefer by default.
	SSLMode string
	// Schemas and Tables are expressions that the names of schemas and of tables match as a whole. Schemas is public by default.
	Schemas, Tables string
	// Slot is the replication slot, of this job only. It is made if it is not there, and stays: drop it when the job is not to go on.
	Slot string
	// Publication is what says which tables the database publishes; dbz_publication by default. It is made, for all tables, if it is not there.
	Publication string
	// Startup is Initial by default.
	Startup Startup
	// Upsert hands over all changes of the log, also of rows that were not read yet, or that were read when they had changed already: until the log has
	// come that far a row may go back to what it was. It is for what keeps the last change of each key. Without it each change fits the rows
	// that were handed over before; but what a failed attempt has written outside of the job, by key, is not all there again when the
	// job goes on: a row that was read, and was deleted before it was read again, stays there.
	Upsert bool
	// ChunkRows is how many rows of a table are read at a time. Zero means 8096.
	ChunkRows int
	// Timeout is how long a server that is away is waited for. Zero means 30 seconds.
	Timeout time.Duration
	// MaxRetries is how often what fails without having got anywhere is tried again. Zero means 3 times, a negative number never.
	MaxRetries int
}

const (
	defaultPort        = 5432
	defaultSchemas     = "public"
	defaultPublication = "dbz_publication"
	defaultChunkRows   = 8096
	defaultTimeout     = 30 * time.Second
	defaultMaxRetries  = 3
)

// config is checked options.
type config struct {
	SourceOptions
	schemas, tables *regexp.Regexp
	columns         []string // that are read; nil is all of them
	needsOld        bool     // updates and deletions are told with the rows as they were
	where           string   // the database, for messages
}

var slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)

func (o SourceOptions) config() (*config, error) {
	c := &config{SourceOptions: o}
	var errs []error
	for _, needed := range []struct{ option, value string }{
		{"hostname", o.Host}, {"username", o.User}, {"database-name", o.Database}, {"table-name", o.Tables}, {"slot.name", o.Slot},
	} {
		if needed.value == "" {
			errs = append(errs, fmt.Errorf("'%s' is missing", needed.option))
		}
	}
	if o.Slot != "" && !slotName.MatchString(o.Slot) {
		errs = append(errs, fmt.Errorf("'slot.name' is %s: it has lower-case letters, digits and _", o.Slot))
	}
	orDefault(&c.Port, defaultPort)
	orDefault(&c.Schemas, defaultSchemas)
	orDefault(&c.Publication, defaultPublication)
	orDefault(&c.ChunkRows, defaultChunkRows)
	orDefault(&c.Timeout, defaultTimeout)
	orDefault(&c.SSLMode, "prefer")
	orDefault(&c.MaxRetries, defaultMaxRetries)
	var err1, err2 error
	c.schemas, err1 = regexp.Compile("^(?:" + c.Schemas + ")$")
	c.tables, err2 = regexp.Compile("^(?:" + c.Tables + ")$")
	if err := errors.Join(err1, err2); err != nil {
		errs = append(errs, fmt.Errorf("'schema-name' and 'table-name': %w", err))
	}
	c.where = fmt.Sprintf("postgresql://%s/%s", net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), c.Database)
	return c, errors.Join(errs...)
}

func orDefault[V comparable](v *V, def V) {
	var zero V
	if *v == zero {
		*v = def
	}
}

// connection is how a connection is made; one for replication or for queries.
func (c *config) connection(isReplication bool) (*pgconn.Config, error) {
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(c.User, c.Password), Host: net.JoinHostPort(c.Host, strconv.Itoa(c.Port)), Path: c.Database,
		RawQuery: url.Values{"sslmode": {c.SSLMode}}.Encode(),
	}
	p, err := pgconn.ParseConfig(u.String())
	if err != nil {
		return nil, err
	}
	for k, v := range postgres.Session {
		p.RuntimeParams[k] = v
	}
	p.RuntimeParams["application_name"] = "flott " + c.Slot
	if isReplication {
		p.RuntimeParams["replication"] = "database"
	}
	return p, nil
}
