package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestReady(t *testing.T) {
	p := start(t, command(t, t.TempDir(), "idle"))
	a := ready(t, p)
	if a["pid"] != fmt.Sprint(p.ID().PID) || a["name"] != "idle" {
		t.Errorf("ready with %v, want pid %d", a, p.ID().PID)
	}
	if !p.ID().Alive() {
		t.Error("it is not alive")
	}
	p.Kill()
	if e := p.Wait(); e.Signal != syscall.SIGKILL || e.Err() == nil {
		t.Errorf("ended with %v", e)
	}
	if p.ID().Alive() {
		t.Error("it is alive after its end")
	}
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Errorf("signal after the end: %v", err)
	}
}

func TestNotReady(t *testing.T) {
	p := start(t, command(t, t.TempDir(), "unable"))
	_, err := p.Ready(guard(t))
	if err == nil || err.Error() != "unable does not start: port 8081 is taken" {
		t.Errorf("got %v", err)
	}
	p = start(t, command(t, t.TempDir(), "exit", "3"))
	_, err = p.Ready(guard(t))
	if err == nil || err.Error() != "exit ended: exit code 3; its last lines:\n\tone\n\ttwo" {
		t.Errorf("got %v", err)
	}
	p = start(t, command(t, t.TempDir(), "panic"))
	_, err = p.Ready(guard(t))
	if err == nil || !strings.Contains(err.Error(), "exit code 2") || !strings.Contains(err.Error(), "\tpanic: at the end of its wits") {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	p = start(t, command(t, t.TempDir(), "stubborn"))
	ready(t, p)
	p = start(t, Command{Name: "sleep", Path: "/bin/sleep", Args: []string{"1000"}, Log: Log{Path: filepath.Join(t.TempDir(), "log")}})
	cancel(errors.New("no patience"))
	if _, err = p.Ready(ctx); err == nil || !strings.Contains(err.Error(), "sleep is not ready: no patience; it has written nothing") {
		t.Errorf("got %v", err)
	}
}

// TestTether: a process whose pipe closes ends by itself, also before it is detached, and says why.
func TestTether(t *testing.T) {
	c := command(t, t.TempDir(), "idle")
	c.Detached = true
	p := start(t, c)
	ready(t, p)
	p.life.Close()
	want := fmt.Sprintf("idle ends: process %d, which has started it, has ended", os.Getpid())
	if e := p.Wait(); e.Signal != syscall.SIGKILL || !slices.Equal(e.LastLines, []string{want}) {
		t.Errorf("ended with %v, want the line %q", e, want)
	}
	p = start(t, c)
	ready(t, p)
	if err := p.Detach(); err != nil {
		t.Fatal(err)
	}
	if e := p.Stop(time.Minute); e.Err() != nil {
		t.Error(e)
	}
	if err := start(t, command(t, t.TempDir(), "idle")).Detach(); err == nil {
		t.Error("a child is detached")
	}
}

// TestAnswerOfDead: what a process has said just before its end is heard, also if a descendant keeps the
// pipe open.
func TestAnswerOfDead(t *testing.T) {
	w := newWitness(t)
	if err := w.r.SetReadDeadline(past); err != nil { // as if it ended before anybody could read
		t.Fatal(err)
	}
	r := newReadiness(w.r)
	<-r.read
	if _, err := w.w.WriteString("last words"); err != nil {
		t.Fatal(err)
	}
	r.end()
	<-r.done
	if string(r.text) != "last words" {
		t.Errorf("heard %q", r.text)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("FLOTT_TEST_A", "a")
	t.Setenv("FLOTT_TEST_B", "b")
	dir := t.TempDir()
	c := command(t, dir, "environ", "x", "y z")
	c.Env = append(c.Env, "FLOTT_TEST_C=c=c")
	c.Inherit = []string{"FLOTT_TEST_A", "FLOTT_TEST_MISSING"}
	c.Dir = dir
	c.Memory = Memory{Limit: 100 << 20, WatchOnly: true}
	p := start(t, c)
	a := ready(t, p)
	var env []string
	if err := json.Unmarshal([]byte(a["environ"]), &env); err != nil {
		t.Fatal(err)
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"FLOTT_PARENT=" + self.String(), "FLOTT_TEST_A=a", "FLOTT_TEST_C=c=c", roleVariable + "=environ", "GOMEMLIMIT=94371840", noRaceSleep,
	}
	slices.Sort(env)
	if !slices.Equal(env, want) {
		t.Errorf("environment %q\nwant %q", env, want)
	}
	if a["dir"] != dir || a["args"] != "x y z" || a["group"] != a["pid"] {
		t.Errorf("got %v", a)
	}
	if e := p.Wait(); e.Err() != nil || e.User+e.System == 0 || e.MemoryMax < 1<<20 {
		t.Errorf("ended with %+v", e)
	}
}

func TestCommandIsChecked(t *testing.T) {
	_, err := Start(Command{Env: []string{"A"}, Detached: true, Memory: Memory{Limit: 1 << 20}, Log: Log{SizeMax: -1}})
	for _, want := range []string{"no name", "no executable", `"A"`, "16 MB", "no log file", "a daemon has no limit"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
	_, err = Start(Command{Name: "w", Path: "/no/such", Log: Log{Path: filepath.Join(t.TempDir(), "log")}, Memory: Memory{Limit: 64 << 20}})
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "start w: ") {
		t.Errorf("error %v, want that the file is not there", err)
	}
}

func TestStop(t *testing.T) {
	p := start(t, command(t, t.TempDir(), "drain"))
	ready(t, p)
	if e := p.Stop(time.Minute); e.Err() != nil || !e.Stopped || !slices.Equal(e.LastLines, []string{"drained"}) {
		t.Errorf("ended with %+v", e)
	}
	p = start(t, command(t, t.TempDir(), "idle"))
	ready(t, p)
	if e := p.Stop(time.Minute); e.Err() != nil || e.Signal != syscall.SIGTERM {
		t.Errorf("ended with %+v", e)
	}
}

func TestStopKills(t *testing.T) {
	want := " ended: signal: killed: it did not end within 10ms of SIGTERM; "
	p := start(t, command(t, t.TempDir(), "stubborn"))
	ready(t, p)
	if e := p.Stop(10 * time.Millisecond); e.Err() == nil || e.Err().Error() != "stubborn"+want+"its last lines:\n\tI stay" {
		t.Errorf("ended with %v", e.Err())
	}
	p = start(t, command(t, t.TempDir(), "drain"))
	ready(t, p)
	p.Signal(syscall.SIGSTOP)
	var status syscall.WaitStatus // SIGTERM would be first if it had not stopped yet
	if _, err := syscall.Wait4(p.ID().PID, &status, syscall.WUNTRACED, nil); err != nil || !status.Stopped() {
		t.Fatalf("frozen: %v, %v", status, err)
	}
	if e := p.Stop(10 * time.Millisecond); e.Err() == nil || e.Err().Error() != "drain"+want+"it has written nothing" {
		t.Errorf("ended with %v", e.Err())
	}
}

// TestDescendants: what a child has started in its group ends with it.
func TestDescendants(t *testing.T) {
	w := newWitness(t)
	c := command(t, t.TempDir(), "fork", "in its group")
	c.Inherit, c.Files = []string{"PATH"}, []*os.File{w.w}
	p := start(t, c)
	ready(t, p)
	p.signal(p.ID().PID, syscall.SIGKILL) // not the group
	w.gone(t)
	if e := p.Wait(); !strings.HasPrefix(e.String(), "fork ended: signal: killed (out of memory? largest ") {
		t.Errorf("got %v", e)
	}
}

// TestDescendantsInGroup: so does what has left the process group, if there is a cgroup.
func TestDescendantsInGroup(t *testing.T) {
	w := newWitness(t)
	c := command(t, t.TempDir(), "fork")
	c.Inherit, c.Files = []string{"PATH"}, []*os.File{w.w}
	c.Memory.Limit = 256 << 20
	if h := newHold(c); h.how == Watched || h.how == Unlimited {
		t.Skip("no cgroup: ", h.why)
	} else {
		h.release()
	}
	p := start(t, c)
	ready(t, p)
	p.signal(p.ID().PID, syscall.SIGKILL)
	w.gone(t)
	if e := p.Wait(); !strings.HasPrefix(e.String(), "fork ended: signal: killed (out of memory? limit 256 MB, largest ") {
		t.Errorf("got %v", e)
	}
	wantNoGroups(t, false)
}

// TestParentKilled: however a parent ends, and whenever, no child of it survives, frozen or not; what
// children have left is swept.
func TestParentKilled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range 20 {
		w := newWitness(t)
		cmd, lines := runParent(t, w, "parent", t.TempDir(), "idle")
		for range random.IntN(12) {
			lines.Scan()
		}
		for range random.IntN(20_000) {
			runtime.Gosched()
		}
		cmd.Process.Kill()
		w.gone(t)
	}
	if err := Sweep(""); err != nil {
		t.Error(err)
	}
	wantNoGroups(t, true)
}

func TestSweep(t *testing.T) {
	w := newWitness(t)
	cmd, lines := runParent(t, w, "parent", t.TempDir(), "fork")
	for range 4 {
		if !lines.Scan() {
			t.Fatal("the parent does not start children")
		}
	}
	cmd.Process.Kill()
	cmd.Wait()
	w.r.SetReadDeadline(past)
	w.w.Close()
	if _, err := w.r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("no descendant is left over to sweep: %v", err)
	}
	if err := Sweep(""); err != nil {
		t.Error(err)
	}
	w.gone(t)
	wantNoGroups(t, true)
}

// TestNothingLeaks: a hundred children come and go, and leave no descriptor, goroutine, thread that
// is locked, file or cgroup.
func TestNothingLeaks(t *testing.T) {
	dir := t.TempDir()
	life := func(n int) {
		c := command(t, dir, "drain")
		c.Memory.Limit = 64 << 20
		c.Memory.WatchOnly = n%4 == 0
		p, err := Start(c)
		if err != nil {
			t.Fatal(err)
		}
		switch n % 3 {
		case 0:
			ready(t, p)
			p.Stop(time.Minute)
		case 1:
			p.Stop(time.Minute)
		case 2:
			p.Kill()
		}
		p.Wait()
	}
	for n := range 4 {
		life(n) // what is there once
	}
	descriptors, goroutines := descriptorsOpen(t), runtime.NumGoroutine()
	for n := range 100 {
		life(n)
	}
	if now := descriptorsOpen(t); now != descriptors {
		t.Errorf("%d descriptors, before %d", now, descriptors)
	}
	for range 1_000_000 { // those that have just closed done are still ending
		if runtime.NumGoroutine() <= goroutines {
			break
		}
		runtime.Gosched()
	}
	if now := runtime.NumGoroutine(); now > goroutines {
		t.Errorf("%d goroutines, before %d", now, goroutines)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) > 1+logKeep {
		t.Errorf("%d log files: %v", len(files), err)
	}
	wantNoGroups(t, false)
}

// BenchmarkStart is from Start to the word of the child that it is ready, as early as it can be; CPU is the
// child's.
func BenchmarkStart(b *testing.B) {
	for name, memory := range map[string]Memory{"unlimited": {}, "limited": {Limit: 256 << 20}} {
		b.Run(name, func(b *testing.B) {
			c := command(b, b.TempDir(), "idle")
			c.Memory = memory
			var cpu time.Duration
			for b.Loop() {
				p, err := Start(c)
				if err != nil {
					b.Fatal(err)
				}
				ready(b, p)
				b.StopTimer()
				p.Kill()
				e := p.Wait()
				cpu += e.User + e.System
				b.StartTimer()
			}
			b.ReportMetric(float64(cpu.Microseconds())/float64(b.N), "child-cpu-µs/op")
		})
	}
}
