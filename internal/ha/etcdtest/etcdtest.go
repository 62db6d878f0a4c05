//go:build unix

// Package etcdtest runs etcd servers for tests: processes that can be killed, stopped and started again
// with their data, and connections to them that can be held and cut.
//
// Data flow: tests of internal/ha/etcd and of its users call Start and NewProxy.
package etcdtest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Server is an etcd of one member.
type Server struct {
	Address string // host:port
	args    []string
	process *exec.Cmd
	drained chan struct{} // is closed when the process says nothing more
}

// readyMax is how long a server may take to be ready before a test fails.
const readyMax = time.Minute

// Start starts a server, with TLS if secure, which is killed when the test ends. More arguments go to its command line. If there is no etcd, the test is skipped, but fails in CI.
func Start(t testing.TB, secure bool, args ...string) *Server {
	t.Helper()
	if _, err := exec.LookPath("etcd"); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("there is no etcd, and CI must have one: see .ci/run")
		}
		t.Skip("there is no etcd: install etcd-server")
	}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	s := &Server{Address: FreeAddress(t)}
	client, peer := scheme+"://"+s.Address, "http://"+FreeAddress(t)
	// Without fsync a busy disk does not hold it up; what is lost is lost by a crash of the machine, and not by SIGKILL.
	s.args = append([]string{
		"--unsafe-no-fsync",
		"--name", "one", "--data-dir", t.TempDir(), "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "one=" + peer,
		"--heartbeat-interval", "20", "--election-timeout", "200", "--logger", "zap", "--log-outputs", "stderr",
	}, args...)
	s.Restart(t)
	t.Cleanup(s.Kill)
	return s
}

// FreeAddress is an address of this machine that nobody listens on.
func FreeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// Restart starts the server again, with its data, and waits until it is ready.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	p := exec.Command("etcd", s.args...)
	p.Env = append(os.Environ(), "ETCD_UNSUPPORTED_ARCH="+runtime.GOARCH)
	out, err := p.StderrPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.process, s.drained = p, make(chan struct{})
	ready := make(chan bool, 1)
	var log strings.Builder
	go func() {
		defer close(s.drained)
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			fmt.Fprintln(&log, lines.Text())
			if strings.Contains(lines.Text(), "serving client traffic") {
				ready <- true
				break
			}
		}
		_, _ = io.Copy(io.Discard, out)
		select {
		case ready <- false:
		default:
		}
	}()
	stuck := time.AfterFunc(readyMax, func() { _ = p.Process.Kill() })
	defer stuck.Stop()
	if !<-ready {
		s.Kill()
		t.Fatalf("etcd does not start:\n%s", log.String())
	}
}

// Kill kills the server with SIGKILL, if it runs.
func (s *Server) Kill() {
	if s.process.ProcessState == nil {
		_ = s.process.Process.Kill()
		<-s.drained
		_ = s.process.Wait()
	}
}

// Stop stops the server with SIGSTOP.
func (s *Server) Stop(t testing.TB) { s.signal(t, syscall.SIGSTOP) }

// Continue lets a stopped server go on.
func (s *Server) Continue(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *Server) signal(t testing.TB, sig syscall.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Proxy is a way to a server that can be held and cut.
type Proxy struct {
	Address string
	to      string
	listen  net.Listener
	all     sync.WaitGroup
	mu      struct {
		sync.Mutex
		conns []net.Conn
		held  [2]chan struct{} // is not nil while a direction is held: to the server, and back
	}
}

// Directions of a proxy.
const (
	Requests = iota
	Answers
)

// NewProxy returns a way to an address, which ends with the test.
func NewProxy(t testing.TB, to string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{Address: l.Addr().String(), to: to, listen: l}
	p.all.Go(p.accept)
	t.Cleanup(p.Close)
	return p
}

// Close ends it: nobody listens at its address any more.
func (p *Proxy) Close() {
	p.listen.Close()
	p.Release(Requests)
	p.Release(Answers)
	p.Cut()
	p.all.Wait()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listen.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.to)
		if err != nil {
			client.Close()
			continue
		}
		p.mu.Lock()
		p.mu.conns = append(p.mu.conns, client, server)
		p.mu.Unlock()
		p.all.Go(func() { p.copy(server, client, Requests) })
		p.all.Go(func() { p.copy(client, server, Answers) })
	}
}

func (p *Proxy) copy(to, from net.Conn, direction int) {
	defer to.Close()
	defer from.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		p.mu.Lock()
		held := p.mu.held[direction]
		p.mu.Unlock()
		if held != nil {
			<-held
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

// Hold keeps what goes in one direction until Release.
func (p *Proxy) Hold(direction int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.held[direction] == nil {
		p.mu.held[direction] = make(chan struct{})
	}
}

// Release lets what was held pass.
func (p *Proxy) Release(direction int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if held := p.mu.held[direction]; held != nil {
		close(held)
		p.mu.held[direction] = nil
	}
}

// Cut closes all connections. What is held is lost.
func (p *Proxy) Cut() {
	p.mu.Lock()
	conns := p.mu.conns
	p.mu.conns = nil
	p.mu.Unlock()
	for _, c := range conns {
		c.Close()
	}
}
