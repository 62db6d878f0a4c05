// Package natsserver runs a server of NATS with JetStream within the process: a durable log for those who have none.
//
// Data flow: clients connect to its port, as to any other; what they publish to a stream lies in its directory.
package natsserver

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Options say where a server is.
type Options struct {
	// Dir is where streams lie.
	Dir string
	// Address is where it listens, as host:port; port 0 is any that is free.
	Address string
	// Sync is how often files are written through to the disk, besides what the operating system does; 0 is at each message.
	Sync time.Duration
	// Token is what clients must know, if it is not empty.
	Token string
}

// Server is a server that runs.
type Server struct{ s *server.Server }

// startTimeout is how long a server may take to recover its streams.
const startTimeout = 5 * time.Minute

// Start starts a server, and waits until it is ready.
func Start(o Options) (*Server, error) {
	host, port, err := net.SplitHostPort(o.Address)
	if err != nil {
		return nil, fmt.Errorf("the address %q is not host:port: %w", o.Address, err)
	}
	number, err := strconv.Atoi(port)
	if err != nil || number < 0 || number > 65535 {
		return nil, fmt.Errorf("the address %q has no port", o.Address)
	}
	if number == 0 {
		number = server.RANDOM_PORT
	}
	opts := &server.Options{
		ServerName: "flott", Host: host, Port: number, JetStream: true, StoreDir: o.Dir, NoSigs: true, SyncInterval: o.Sync, SyncAlways: o.Sync == 0,
		Authorization: o.Token,
	}
	s, err := server.NewServer(opts)
	if err != nil {
		return nil, err
	}
	log := &logger{}
	s.SetLogger(log, false, false)
	s.Start()
	if !s.ReadyForConnections(startTimeout) || !s.JetStreamEnabled() {
		s.Shutdown()
		s.WaitForShutdown()
		if last := log.last.Load(); last != nil {
			return nil, errors.New("the server does not start: " + *last)
		}
		return nil, fmt.Errorf("the server is not ready after %v", startTimeout)
	}
	return &Server{s}, nil
}

// URL is what clients connect to.
func (s *Server) URL() string { return s.s.ClientURL() }

// Done is closed when the server has ended.
func (s *Server) Done() <-chan struct{} {
	done := make(chan struct{})
	go func() {
		s.s.WaitForShutdown()
		close(done)
	}()
	return done
}

// Stop ends the server, and waits until all is in its files.
func (s *Server) Stop() {
	s.s.Shutdown()
	s.s.WaitForShutdown()
}

// logger passes on what the server warns of.
type logger struct{ last atomic.Pointer[string] }

func (l *logger) Noticef(string, ...any) {}
func (l *logger) Debugf(string, ...any)  {}
func (l *logger) Tracef(string, ...any)  {}

func (l *logger) Warnf(format string, args ...any) {
	slog.Warn("flott: nats server: " + fmt.Sprintf(format, args...))
}

func (l *logger) Errorf(format string, args ...any) {
	slog.Error("flott: nats server: " + fmt.Sprintf(format, args...))
}

func (l *logger) Fatalf(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	l.last.Store(&text)
	slog.Error("flott: nats server: " + text)
}
