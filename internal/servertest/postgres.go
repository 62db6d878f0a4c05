package servertest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// postgresBinaries is where Debian puts the programs of a server.
const postgresBinaries = "/usr/lib/postgresql/*/bin"

// PostgresServer is a PostgreSQL with a user who may do anything, and who has to give a password. It decodes its log for
// logical replication.
type PostgresServer struct {
	// Address is host:port.
	Address        string
	User, Password string

	binaries, dir string
	port          int
	mu            sync.Mutex
	process       *process // nil while it does not run
	databases     int      // how many were made
}

var sharedPostgres struct {
	sync.Mutex
	server *PostgresServer
	err    error
}

// Postgres is a server for the tests of a package. Each test has a database of its own: see Database.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	s := &sharedPostgres
	s.Lock()
	defer s.Unlock()
	if s.server == nil && s.err == nil {
		if s.server, s.err = newPostgres(); s.err == nil {
			atEnd(s.server.remove)
		}
	}
	if s.err != nil {
		missing(t, "there is no PostgreSQL: %v", s.err)
	}
	return s.server
}

// NewPostgres is a server of the test's own, which it can kill.
func NewPostgres(t testing.TB) *PostgresServer {
	t.Helper()
	s, err := newPostgres()
	if err != nil {
		missing(t, "there is no PostgreSQL: %v", err)
	}
	t.Cleanup(s.remove)
	return s
}

// URL is that of a database, as postgres://user:password@host:port/database.
func (s *PostgresServer) URL(database string) string {
	u := url.URL{Scheme: "postgres", User: url.UserPassword(s.User, s.Password), Host: s.Address, Path: database}
	return u.String()
}

// Database makes an empty database and returns its name. It goes with the server.
func (s *PostgresServer) Database(t testing.TB) string {
	t.Helper()
	s.mu.Lock()
	s.databases++
	name := fmt.Sprintf("test%d", s.databases)
	s.mu.Unlock()
	s.Exec(t, "postgres", "CREATE DATABASE "+name)
	return name
}

// Exec runs statements in a database.
func (s *PostgresServer) Exec(t testing.TB, database string, statements ...string) {
	t.Helper()
	s.connect(t, database, func(ctx context.Context, c *pgx.Conn) {
		for _, text := range statements {
			if _, err := c.Exec(ctx, text); err != nil {
				t.Fatalf("%s: %v", text, err)
			}
		}
	})
}

// Query runs a query in a database. Each row is the texts of its values with commas between them, NULL for those that are not there.
func (s *PostgresServer) Query(t testing.TB, database, query string) (rows []string) {
	t.Helper()
	s.connect(t, database, func(ctx context.Context, c *pgx.Conn) {
		result, err := c.PgConn().Exec(ctx, query).ReadAll()
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		for _, values := range result[len(result)-1].Rows {
			var texts []string
			for _, v := range values {
				if texts = append(texts, string(v)); v == nil {
					texts[len(texts)-1] = "NULL"
				}
			}
			rows = append(rows, strings.Join(texts, ","))
		}
	})
	return rows
}

func (s *PostgresServer) connect(t testing.TB, database string, do func(ctx context.Context, c *pgx.Conn)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	c, err := pgx.Connect(ctx, s.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close(ctx)
	do(ctx, c)
}

func newPostgres() (_ *PostgresServer, err error) {
	all, err := filepath.Glob(postgresBinaries)
	if err == nil && len(all) == 0 {
		err = fmt.Errorf("%s is not there", postgresBinaries)
	}
	if err != nil {
		return nil, err
	}
	slices.Sort(all)
	s := &PostgresServer{User: "flott", Password: "secret", binaries: all[len(all)-1]}
	if s.dir, err = os.MkdirTemp("", "flott-postgres-*"); err != nil {
		return nil, err
	}
	if err = s.init(); err == nil {
		err = s.start()
	}
	if err != nil {
		os.RemoveAll(s.dir)
		return nil, err
	}
	return s, nil
}

// command is a program of the server.
func (s *PostgresServer) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.binaries, name), args...)
	c.Dir, c.Env = s.dir, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	asNobody(c)
	return c
}

// init makes the server's directory.
func (s *PostgresServer) init() (err error) {
	if s.port, err = port(); err != nil {
		return err
	}
	s.Address = fmt.Sprintf("127.0.0.1:%d", s.port)
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(s.Password), 0o644); err != nil {
		return err
	}
	if err := ownedByNobody(s.dir); err != nil {
		return err
	}
	out, err := s.command("initdb", "-D", s.data(), "-U", s.User, "-A", "scram-sha-256", "--pwfile="+password, "-N", "-E", "UTF8",
		"--locale=C").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, out)
	}
	return nil
}

func (s *PostgresServer) data() string { return filepath.Join(s.dir, "data") }

// errAnswer says that a server does not answer.
var errAnswer = errors.New("it does not answer")

// start starts the server. What a killed one has left running holds its memory for a moment: it is tried again.
func (s *PostgresServer) start() (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	for ctx.Err() == nil {
		var p *process
		// What is written is with the operating system when a transaction ends, which a crash of the server does not harm.
		p, err = start(s.command("postgres", "-D", s.data(), "-c", "listen_addresses=127.0.0.1", "-c", fmt.Sprint("port=", s.port),
			"-c", "unix_socket_directories=", "-c", "wal_level=logical", "-c", "max_wal_senders=16", "-c", "max_replication_slots=16",
			"-c", "fsync=off", "-c", "shared_buffers=16MB", "-c", "autovacuum=off"))
		if err != nil {
			return err
		}
		if s.answers(ctx, p) {
			s.process = p
			return nil
		}
		err = p.failure(errAnswer)
	}
	return err
}

// answers waits until the server takes connections, or has ended.
func (s *PostgresServer) answers(ctx context.Context, p *process) bool {
	for ctx.Err() == nil {
		if c, err := pgx.Connect(ctx, s.URL("postgres")); err == nil {
			c.Close(ctx)
			return true
		}
		select {
		case <-p.done:
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
	return false
}

// Kill ends the server as a crash does.
func (s *PostgresServer) Kill() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.process != nil {
		s.process.kill()
		s.process = nil
	}
}

// Start starts a server that was killed, with what it had.
func (s *PostgresServer) Start(t testing.TB) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.start(); err != nil {
		t.Fatal(err)
	}
}

func (s *PostgresServer) remove() {
	s.Kill()
	os.RemoveAll(s.dir)
}
