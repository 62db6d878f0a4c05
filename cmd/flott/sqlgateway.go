package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/gateway"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

// sqlGatewayCmd serves the SQL sessions of a JobManager, which has started it: in a process of its own, as statements compute in it.
type sqlGatewayCmd struct {
	Socket string `required:"" help:"Where to listen: a socket that only the JobManager's user may reach."`
}

// Run serves until nobody has used it for a while.
func (c *sqlGatewayCmd) Run(ctx context.Context) (err error) {
	child, err := process.Tether(clock.System{})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = child.Failed(err)
		}
	}()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	g := gateway.New(gateway.Options{NewSession: newSQLSession, Version: version, Idle: stop})
	defer g.Close()
	l, err := net.Listen("unix", c.Socket)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: g, ReadHeaderTimeout: 10 * time.Second}
	defer server.Close()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	if err := child.Ready(nil); err != nil {
		return err
	}
	select {
	case err := <-served:
		return err
	case <-ctx.Done():
		return nil
	}
}

// newSQLSession is a session whose INSERT statements run on the cluster.
func newSQLSession(properties map[string]string, script func() gateway.Script) (*sql.Session, error) {
	set := map[string]string{config.DMLSync.Key: "false"}
	maps.Copy(set, properties)
	options := []sql.Option{sql.With(all.Factories(), all.Formats()), sql.On(scripted{set, script})}
	for _, key := range slices.Sorted(maps.Keys(set)) {
		options = append(options, sql.Set(key, set[key]))
	}
	return sql.NewSession(options...), nil
}

// scripted starts jobs whose workers run the statements of a script by "flott sql".
type scripted struct {
	set    map[string]string
	script func() gateway.Script
}

func (s scripted) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	x := s.script()
	arguments := []string{"sql"}
	for _, key := range slices.Sorted(maps.Keys(s.set)) {
		arguments = append(arguments, "-D", key+"="+s.set[key])
	}
	for _, text := range x.Statements {
		arguments = append(arguments, "-e", text)
	}
	return launch.Executor(launch.PassEnvironment(passed...), launch.Program(arguments, x.Call)).Start(ctx, env, name)
}

// sqlGateway passes requests on to a process that serves SQL. It starts it when the first one comes, and again when one comes
// after its end.
type sqlGateway struct {
	dir   string // for logs
	env   []string
	proxy http.Handler

	mu      sync.Mutex
	temp    string // has the socket
	process *process.Process
	closed  bool
}

// newSQLGateway serves the SQL of the JobManager at url. token is what its jobs are handed over with; it may be empty.
func newSQLGateway(dir, url, token string, c *config.Configuration) *sqlGateway {
	g := &sqlGateway{dir: dir, env: append(os.Environ(), launch.JobManagerVariable+"="+url, launch.PropertiesVariable+"="+c.Text())}
	if token != "" {
		g.env = append(g.env, "FLOTT_TOKEN="+token)
	}
	g.proxy = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(&sqlGatewayURL) },
		Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			socket, err := g.socket(ctx)
			if err != nil {
				return nil, err
			}
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("Content-Type", "application/json; charset=UTF-8")
			w.WriteHeader(http.StatusBadGateway)
			_ = json.NewEncoder(w).Encode(restapi.Errors{Errors: []string{g.why(err)}}) // the client has gone
		},
	}
	return g
}

// sqlGatewayURL is for requests that go through a socket, which has no host.
var sqlGatewayURL = url.URL{Scheme: "http", Host: "sql-gateway"}

// ServeHTTP passes a request on.
func (g *sqlGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) { g.proxy.ServeHTTP(w, r) }

// socket is where the process listens, which is started if there is none.
func (g *sqlGateway) socket(ctx context.Context) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return "", errors.New("the JobManager ends")
	}
	if g.process != nil {
		select {
		case <-g.process.Done():
			g.remove()
		default:
			return filepath.Join(g.temp, "socket"), nil
		}
	}
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	if g.temp, err = os.MkdirTemp("", "flott-sql-"); err != nil { // sockets have short paths
		return "", err
	}
	p, err := process.Start(process.Command{
		Name: "SQL gateway", Path: self, Args: []string{"sql-gateway", "--socket", filepath.Join(g.temp, "socket")}, Env: g.env,
		Log: process.Log{Path: filepath.Join(g.dir, "log", "sql-gateway.log")},
	})
	if err == nil {
		_, err = p.Ready(ctx)
		if err != nil {
			p.Kill()
			<-p.Done()
		}
	}
	if err != nil {
		g.remove()
		return "", err
	}
	g.process = p
	return filepath.Join(g.temp, "socket"), nil
}

// remove forgets a process that has ended.
func (g *sqlGateway) remove() {
	os.RemoveAll(g.temp)
	g.process, g.temp = nil, ""
}

// why says why a request could not be answered.
func (g *sqlGateway) why(err error) string {
	g.mu.Lock()
	p := g.process
	g.mu.Unlock()
	if p != nil {
		select {
		case <-p.Done():
			return fmt.Sprintf("the process that serves SQL has ended, and with it all sessions: %v; begin a new session", p.Wait())
		default:
		}
	}
	return "the process that serves SQL cannot be reached: " + err.Error()
}

// Close ends the process.
func (g *sqlGateway) Close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.closed = true
	if g.process != nil {
		g.process.Stop(5 * time.Second)
		g.remove()
	}
}
