package servertest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, ends the servers, and then looks for goroutines that are left.
func Main(m *testing.M) {
	code := m.Run()
	all.Lock()
	for _, end := range all.ends {
		end()
	}
	all.ends = nil
	all.Unlock()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var all struct {
	sync.Mutex
	ends []func()
}

// atEnd has f called when the tests have ended.
func atEnd(f func()) {
	all.Lock()
	defer all.Unlock()
	all.ends = append(all.ends, f)
}

// missing skips a test, or fails it in CI.
func missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// cache is a directory of the user's cache that a function fills when it is not there.
func cache(name string, fill func(dir string) error) (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(base, "flott-test", name)
	if _, err := os.Stat(dir); err == nil {
		return dir, nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(filepath.Dir(dir), name+"-*")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	if err := fill(temp); err != nil {
		return "", err
	}
	if err := os.Rename(temp, dir); err != nil {
		if _, there := os.Stat(dir); there == nil { // another one was faster
			return dir, nil
		}
		return "", err
	}
	return dir, nil
}

// port is a port that is free now.
func port() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// process is a running server.
type process struct {
	cmd  *exec.Cmd
	log  *bytes.Buffer // to be read when it has ended
	done chan struct{}
}

// start starts a server that ends with this process.
func start(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, log: &bytes.Buffer{}, done: make(chan struct{})}
	if cmd.Stderr = p.log; cmd.Stdout == nil {
		cmd.Stdout = p.log
	}
	endWithParent(cmd)
	began := make(chan error)
	go func() {
		runtime.LockOSThread() // it ends with the thread that has started it
		err := cmd.Start()
		began <- err
		if err == nil {
			_ = cmd.Wait()
		}
		close(p.done)
	}()
	return p, <-began
}

// kill ends the server at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// failure is why a server has not become ready.
func (p *process) failure(err error) error {
	p.kill()
	text := p.log.String()
	return fmt.Errorf("%s: %w\n%s", filepath.Base(p.cmd.Path), err, text[max(0, len(text)-4000):])
}
