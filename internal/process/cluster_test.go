package process

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

func init() { roles["daemon"], roles["starter"] = daemon, starter }

// daemon adds its name to a file when it is told to end.
func daemon(args []string) error {
	c, term := tether(), terminated()
	if err := c.Ready(map[string]string{"rest": "127.0.0.1:" + strconv.Itoa(os.Getpid())}); err != nil {
		return err
	}
	<-term
	f, err := os.OpenFile(args[0], os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = fmt.Fprintln(f, c.Name())
	return err
}

// starter starts a cluster of a JobManager and some TaskManagers, and ends. They have the witness.
func starter(args []string) error {
	dir := args[0]
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	c, err := OpenCluster(dir, clock.System{})
	if err != nil {
		return err
	}
	if _, err := c.Begin(); err != nil {
		return err
	}
	for n := range count {
		role, name := "taskmanager", fmt.Sprintf("taskmanager-%d", n)
		if n == 0 {
			role, name = "jobmanager", "jobmanager"
		}
		cmd := roleCommand(filepath.Join(dir, name+".log"), "daemon", filepath.Join(dir, "order"))
		cmd.Name, cmd.Files = name, []*os.File{os.NewFile(3, "witness")}
		d, err := c.Start(context.Background(), role, cmd)
		if err != nil {
			return err
		}
		fmt.Println(d.Name)
	}
	return nil
}

func openCluster(t *testing.T, dir string) *Cluster {
	t.Helper()
	c, err := OpenCluster(dir, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Stop(0)
		c.Close()
	})
	return c
}

// TestClusterLives: daemons outlive the process that has started them, tell what they use, and stop in order.
func TestClusterLives(t *testing.T) {
	dir, w := t.TempDir(), newWitness(t)
	cmd, lines := runParent(t, w, "starter", dir, "4")
	for lines.Scan() {
		t.Log(lines.Text())
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	c := openCluster(t, dir)
	if _, err := c.Begin(); err == nil || !strings.Contains(err.Error(), "is running: jobmanager is process") {
		t.Errorf("started twice: %v", err)
	}
	now := c.Daemons()[0].Started.Add(time.Hour)
	all, err := ClusterStatus(dir, now)
	if err != nil || len(all) != 4 {
		t.Fatalf("status %v, %v", all, err)
	}
	for i, s := range all {
		name := "jobmanager"
		if i > 0 {
			name = fmt.Sprintf("taskmanager-%d", i)
		}
		if !s.Alive || s.Name != name || s.Log != filepath.Join(dir, name+".log") ||
			s.Addresses["rest"] != "127.0.0.1:"+strconv.Itoa(s.Identity.PID) || s.Uptime > time.Hour || s.Uptime <= 0 {
			t.Errorf("status %+v of %s", s, name)
		}
		if runtime.GOOS == "linux" && (s.Usage.RSS < 1<<20) {
			t.Errorf("%s uses %+v", name, s.Usage)
		}
	}
	killed, err := c.Stop(time.Minute)
	if err != nil || len(killed) != 0 {
		t.Errorf("stop: killed %v, %v", killed, err)
	}
	w.gone(t)
	text, err := os.ReadFile(filepath.Join(dir, "order"))
	order := strings.Fields(string(text))
	if err != nil || len(order) != 4 || order[3] != "jobmanager" {
		t.Errorf("stopped in the order %q, %v", order, err)
	}
	if all, err := ClusterStatus(dir, now); err != nil || len(all) != 0 {
		t.Errorf("status of a stopped cluster: %v, %v", all, err)
	}
}

// TestStarterKilled: whenever the starter is killed, each daemon that survives is in the file.
func TestStarterKilled(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	survived := 0
	for range 20 {
		dir, w := t.TempDir(), newWitness(t)
		cmd, lines := runParent(t, w, "starter", dir, "1000")
		for range random.IntN(4) {
			lines.Scan()
		}
		for range random.IntN(20_000) {
			runtime.Gosched()
		}
		cmd.Process.Kill()
		cmd.Wait()
		c := openCluster(t, dir)
		survived += len(c.Daemons())
		if _, err := c.Stop(time.Minute); err != nil {
			t.Error(err)
		}
		w.gone(t)
	}
	t.Logf("%d daemons survived", survived)
}

func TestClusterCrashed(t *testing.T) {
	dir := t.TempDir()
	c := openCluster(t, dir)
	cmd := command(t, dir, "stubborn")
	d, err := c.Start(guard(t), "taskmanager", cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Identity.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if err := d.Identity.Gone(guard(t)); err != nil {
		t.Fatal(err)
	}
	all, err := ClusterStatus(dir, time.Now())
	if err != nil || len(all) != 1 || all[0].Alive || all[0].Uptime != 0 {
		t.Errorf("status %+v, %v", all, err)
	}
	crashed, err := c.Begin()
	if err != nil || len(crashed) != 1 || crashed[0].Identity != d.Identity {
		t.Errorf("crashed: %v, %v", crashed, err)
	}
	if _, err := os.Stat(filepath.Join(dir, clusterFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file of the crashed cluster: %v", err)
	}
}

func TestClusterStopKills(t *testing.T) {
	dir := t.TempDir()
	c := openCluster(t, dir)
	for n := range 3 {
		cmd := command(t, dir, "stubborn")
		cmd.Name = fmt.Sprint("d", n)
		if _, err := c.Start(guard(t), "taskmanager", cmd); err != nil {
			t.Fatal(err)
		}
	}
	frozen := c.Daemons()[1]
	if err := frozen.Identity.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	killed, err := c.Stop(10 * time.Millisecond)
	if err != nil || len(killed) != 3 {
		t.Errorf("killed %v, %v", killed, err)
	}
	if frozen.Identity.Alive() {
		t.Error("a frozen one is still there")
	}
}

func TestDaemonDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	c := openCluster(t, dir)
	for role, want := range map[string]string{
		"unable": "unable does not start: port 8081 is taken",
		"exit":   "exit ended: exit code 7; its last lines:\n\tone\n\ttwo",
	} {
		if _, err := c.Start(guard(t), "jobmanager", command(t, dir, role, "7")); err == nil || err.Error() != want {
			t.Errorf("error %v, want %s", err, want)
		}
	}
	if len(c.Daemons()) != 0 {
		t.Errorf("in the file: %v", c.Daemons())
	}
}

// TestReusedPID: a process that happens to have the pid of a daemon of old is left alone.
func TestReusedPID(t *testing.T) {
	dir := t.TempDir()
	p := start(t, command(t, dir, "idle"))
	ready(t, p)
	for _, other := range []Identity{
		{p.ID().PID, p.ID().Start + 1, p.ID().Scope},
		{p.ID().PID, p.ID().Start, "another boot"},
	} {
		if other.Alive() || !errors.Is(other.Signal(syscall.SIGKILL), os.ErrProcessDone) || other.Gone(guard(t)) != nil {
			t.Errorf("%v is taken for %v", p.ID(), other)
		}
		c := openCluster(t, dir)
		c.list = []Daemon{{Name: "old", Role: "taskmanager", Identity: other}}
		if err := c.save(); err != nil {
			t.Fatal(err)
		}
		if all, err := ClusterStatus(dir, time.Now()); err != nil || len(all) != 1 || all[0].Alive {
			t.Errorf("status %v, %v", all, err)
		}
		if killed, err := c.Stop(0); err != nil || len(killed) != 0 {
			t.Errorf("stop: killed %v, %v", killed, err)
		}
		c.Close()
	}
	if !p.ID().Alive() {
		t.Error("it was killed for another")
	}
}

func TestClusterIsLocked(t *testing.T) {
	dir := t.TempDir()
	c := openCluster(t, dir)
	want := fmt.Sprintf("is being started or stopped by process %d", os.Getpid())
	if _, err := OpenCluster(dir, clock.System{}); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("opened twice: %v, want %q", err, want)
	}
	c.Close()
	openCluster(t, dir)
}

func TestStrangersDirectory(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenCluster(dir, clock.System{}); err == nil || !strings.Contains(err.Error(), "can be written to by others") {
		t.Error(err)
	}
}

func TestClusterFile(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{
		`{"version":`: "is damaged", `{"version":9}`: "version 9; this program knows 1",
	} {
		if err := os.WriteFile(filepath.Join(dir, clusterFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := ClusterStatus(dir, time.Now())
		_, err2 := OpenCluster(dir, clock.System{})
		if err == nil || err2 == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err2.Error(), want) {
			t.Errorf("%s: %v, %v; want %q", text, err, err2, want)
		}
	}
}

func TestStateDir(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", "/state")
	t.Setenv("HOME", "/home/a")
	if dir, err := StateDir("8081"); err != nil || dir != "/state/flott/8081" {
		t.Error(dir, err)
	}
	t.Setenv("XDG_STATE_HOME", "")
	if dir, err := StateDir("8081"); err != nil || dir != "/home/a/.local/state/flott/8081" {
		t.Error(dir, err)
	}
	t.Setenv("HOME", "")
	if dir, err := StateDir("8081"); err != nil || !strings.HasSuffix(dir, fmt.Sprintf("/flott-%d/8081", os.Getuid())) {
		t.Error(dir, err)
	}
	for _, name := range []string{"", "..", "a/b", ".x"} {
		if dir, err := StateDir(name); err == nil {
			t.Errorf("%q is in %s", name, dir)
		}
	}
}

func TestIdentityText(t *testing.T) {
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := parseIdentity(self.String()); err != nil || got != self || !self.Alive() {
		t.Errorf("%v, %v; want %v", got, err, self)
	}
	for _, text := range []string{"", "1", "1/2", "a/2/b", "1/-2/b"} {
		if got, err := parseIdentity(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := self.Gone(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("waiting for oneself: %v", err)
	}
	if err := self.Signal(0); err != nil {
		t.Error(err)
	}
}
