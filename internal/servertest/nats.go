package servertest

import (
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"
)

// NATS is a nats-server with JetStream, of the operating system's package.
type NATS struct {
	// URL is what clients connect to.
	URL string

	dir     string
	port    int
	args    []string
	process *process // nil while it does not run
}

// NewNATS is a server of the test's own, which it can kill. args are more arguments. A configuration of the test's own (-c) must have
// JetStream: the server forgets what its command line has of that when it reads its configuration again.
func NewNATS(t testing.TB, args ...string) *NATS {
	t.Helper()
	if _, err := exec.LookPath("nats-server"); err != nil {
		missing(t, "there is no nats-server: %v", err)
	}
	p, err := port()
	if err != nil {
		t.Fatal(err)
	}
	n := &NATS{URL: fmt.Sprintf("nats://127.0.0.1:%d", p), dir: t.TempDir(), port: p, args: args}
	n.Start(t)
	t.Cleanup(n.Kill)
	return n
}

// Start starts the server, with what it had if it was killed.
func (n *NATS) Start(t testing.TB) {
	t.Helper()
	args := append([]string{"-a", "127.0.0.1", "-p", fmt.Sprint(n.port)}, n.args...)
	if !slices.Contains(n.args, "-c") {
		args = append(args, "-js", "-sd", filepath.Join(n.dir, "data"))
	}
	p, err := start(exec.Command("nats-server", args...))
	if err != nil {
		t.Fatal(err)
	}
	for began := time.Now(); ; {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", n.port))
		if err == nil {
			c.Close()
			n.process = p
			return
		}
		select {
		case <-p.done:
			t.Fatal(p.failure(err))
		case <-time.After(10 * time.Millisecond):
		}
		if time.Since(began) > startTimeout {
			t.Fatal(p.failure(err))
		}
	}
}

// Kill ends the server as a crash does.
func (n *NATS) Kill() {
	if n.process != nil {
		n.process.kill()
		n.process = nil
	}
}

// Reload has the server read its configuration again, soon.
func (n *NATS) Reload(t testing.TB) {
	t.Helper()
	if err := n.process.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}
