package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/clock"
)

// roleVariable makes the test binary one of the children below.
const roleVariable = "FLOTT_TEST_ROLE"

var roles = map[string]func(args []string) error{
	"idle": idle, "drain": drain, "stubborn": stubborn, "exit": exit, "panic": crashing, "environ": environ,
	"allocate": allocate, "fork": fork, "write": write, "fill": fill, "parent": parent, "unable": unable,
	"allocate-later": allocateLater,
}

// allocateLater allocates 200 MB when there is a file, and ends.
func allocateLater(args []string) error {
	for {
		if _, err := os.Stat(args[0]); err == nil {
			break
		}
		time.Sleep(time.Millisecond)
	}
	var all [][]byte
	for range 200 {
		b := make([]byte, 1<<20)
		for i := range b {
			b[i] = 1
		}
		all = append(all, b)
	}
	time.Sleep(6 * watchEvery) // who watches sees it
	runtime.KeepAlive(all)
	return nil
}

func TestMain(m *testing.M) {
	role, ok := os.LookupEnv(roleVariable)
	if !ok {
		goleak.VerifyTestMain(m)
		return
	}
	if err := roles[role](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// noRaceSleep has children end at once that have the race detector.
const noRaceSleep = "GORACE=atexit_sleep_ms=0"

// command runs a role in a child.
func command(t testing.TB, dir, role string, args ...string) Command {
	t.Helper()
	return roleCommand(filepath.Join(dir, role+".log"), role, args...)
}

func roleCommand(log, role string, args ...string) Command {
	return Command{
		Name: role, Path: os.Args[0], Args: args, Env: []string{roleVariable + "=" + role, noRaceSleep},
		Log: Log{Path: log},
	}
}

func start(t testing.TB, c Command) *Process {
	t.Helper()
	p, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Kill()
		p.Wait()
	})
	return p
}

// guard ends a test that hangs.
func guard(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func ready(t testing.TB, p *Process) map[string]string {
	t.Helper()
	addresses, err := p.Ready(guard(t))
	if err != nil {
		t.Fatal(err)
	}
	return addresses
}

// witness is a pipe whose end shows that all are gone who had the file.
type witness struct{ r, w *os.File }

func newWitness(t testing.TB) witness {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return witness{r, w}
}

// gone waits until nobody has the file any more.
func (w witness) gone(t testing.TB) {
	t.Helper()
	w.w.Close()
	w.r.SetReadDeadline(time.Now().Add(2 * time.Minute))
	buf := make([]byte, 4096)
	for {
		if _, err := w.r.Read(buf); err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("somebody survives")
			}
			return
		}
	}
}

// tether is how the children begin.
func tether() *Child {
	c, err := Tether(clock.System{})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return c
}

// terminated is closed to by SIGTERM.
func terminated() <-chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGTERM)
	return c
}

func forever() { <-make(chan os.Signal) }

func idle([]string) error {
	c := tether()
	if err := c.Ready(map[string]string{"pid": strconv.Itoa(os.Getpid()), "name": c.Name()}); err != nil {
		return err
	}
	forever()
	return nil
}

func unable([]string) error {
	return tether().Failed(errors.New("port 8081 is taken"))
}

func drain([]string) error {
	c, term := tether(), terminated()
	if err := c.Ready(nil); err != nil {
		return err
	}
	<-term
	fmt.Println("drained")
	return nil
}

func stubborn([]string) error {
	c := tether()
	signal.Ignore(syscall.SIGTERM)
	fmt.Println("I stay")
	if err := c.Ready(nil); err != nil {
		return err
	}
	forever()
	return nil
}

func exit(args []string) error {
	tether()
	fmt.Println("one")
	fmt.Fprintln(os.Stderr, "two")
	code, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	os.Exit(code)
	return nil
}

func crashing([]string) error {
	tether()
	fmt.Println("before")
	for i := range 30 {
		go func() { forever(); fmt.Println(i) }()
	}
	runtime.Gosched()
	panic("at the end of its wits")
}

func environ([]string) error {
	c := tether()
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	text, err := json.Marshal(os.Environ())
	if err != nil {
		return err
	}
	return c.Ready(map[string]string{
		"environ": string(text), "dir": dir, "args": strings.Join(os.Args[1:], " "),
		"group": strconv.Itoa(syscall.Getpgrp()), "pid": strconv.Itoa(os.Getpid()),
	})
}

var kept [][]byte

// allocate takes memory without end, or if told, a number of MB.
func allocate(args []string) error {
	c := tether()
	limit := 2048
	if len(args) > 0 {
		var err error
		if limit, err = strconv.Atoi(args[0]); err != nil {
			return err
		}
	}
	for range limit {
		block := make([]byte, 1<<20)
		for i := 0; i < len(block); i += 512 {
			block[i] = 1
		}
		kept = append(kept, block)
	}
	if err := c.Ready(nil); err != nil {
		return err
	}
	forever()
	return nil
}

// fork starts processes that live on: one in its group, and if not told otherwise, one in a session of its own.
// They have the witness.
func fork(args []string) error {
	c := tether()
	for _, alone := range []bool{false, true} {
		if alone && len(args) > 0 {
			break
		}
		sleeper := exec.Command("sleep", "1000")
		sleeper.ExtraFiles = []*os.File{os.NewFile(FirstFile, "witness")}
		sleeper.SysProcAttr = &syscall.SysProcAttr{Setsid: alone}
		if err := sleeper.Start(); err != nil {
			return err
		}
	}
	if err := c.Ready(nil); err != nil {
		return err
	}
	forever()
	return nil
}

// parent starts children without end, freezes some, and says a line for each. They have the witness.
func parent(args []string) error {
	dir, role := args[0], args[1]
	for n := 0; ; n++ {
		c := roleCommand(filepath.Join(dir, fmt.Sprintf("%d.log", n)), role)
		c.Files = []*os.File{os.NewFile(3, "witness")}
		c.Inherit = []string{"PATH"}
		c.Memory.Limit = 64 << 20
		p, err := Start(c)
		if err != nil {
			return err
		}
		if role == "fork" {
			if _, err := p.Ready(context.Background()); err != nil {
				return err
			}
		}
		if n%3 == 2 {
			p.Signal(syscall.SIGSTOP)
		}
		if n > 8 {
			p.Kill()
			p.Wait()
		}
		fmt.Println(p.ID())
	}
}

// runParent runs role parent, or starter, and gives the lines that it writes.
func runParent(t testing.TB, w witness, role string, args ...string) (*exec.Cmd, *bufio.Scanner) {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = []string{roleVariable + "=" + role, noRaceSleep, "PATH=" + os.Getenv("PATH")}
	cmd.ExtraFiles = []*os.File{w.w}
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd, bufio.NewScanner(out)
}
