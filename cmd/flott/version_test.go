//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"
	"testing"

	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/internal/wire"
)

// root is the repository's.
func root(t *testing.T) string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// goBuild builds a command in a directory with a go.mod.
func goBuild(t *testing.T, dir, out, pkg string, flags ...string) {
	t.Helper()
	cmd := exec.Command("go", append(append([]string{"build"}, flags...), "-o", out, pkg)...)
	cmd.Dir = dir
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, text)
	}
}

// withVersions builds flott of this tree with protocol versions that are ahead of its own.
func withVersions(t *testing.T, ahead int) string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "flott")
	const module = "github.com/flott-dev/flott/"
	goBuild(t, root(t), out, "./cmd/flott", "-tags", tags(), "-ldflags", fmt.Sprintf("-X main.version=ahead-%d -X %sinternal/wire.version=%d -X %sinternal/restapi.protocol=%d",
		ahead, module, int(wire.Version)+ahead, module, restapi.Protocol+ahead))
	return out
}

// tags are those that the test was built with: with others everything would be compiled once more.
func tags() string {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			return s.Value
		}
	}
	return ""
}

// taskManagers is how many have registered.
func (f flott) taskManagers() int {
	c, err := (&clientFlags{JobManager: f.urls()}).client()
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	all, err := c.TaskManagers(context.Background())
	if err != nil {
		return 0
	}
	return len(all)
}

// join starts a TaskManager of another program, and returns its log.
func (f flott) join(program string) (log string) {
	log = filepath.Join(f.t.TempDir(), "log")
	out, err := os.Create(log)
	if err != nil {
		f.t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(program, "taskmanager", "-D", "taskmanager.numberOfTaskSlots=2",
		"-D", "jobmanager.rpc.port="+portOf(f.rpc()), "-D", "rest.port="+portOf(f.url()))
	cmd.Env = append(os.Environ(), "XDG_STATE_HOME="+f.dir, "TMPDIR="+f.t.TempDir())
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	})
	return log
}

// TestVersionsOfProcesses: programs whose protocol is one version ahead work with a JobManager of this one, its TaskManagers and clients;
// those that are two ahead are refused, and both versions are named.
func TestVersionsOfProcesses(t *testing.T) {
	f := flott{t, t.TempDir()}
	next, far := withVersions(t, 1), withVersions(t, 2)
	f.run("cluster", "start", "--taskmanagers", "1", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0")
	t.Cleanup(func() { f.run("cluster", "stop") })

	f.join(next)
	f.until("a TaskManager of the next version", func() bool { return f.taskManagers() == 2 })
	if out, err := exec.Command(next, "list", "--jobmanager", f.url()).CombinedOutput(); err != nil {
		t.Errorf("a client of the next version: %v\n%s", err, out)
	}

	log := f.join(far)
	refusal := regexp.MustCompile(fmt.Sprintf(`(?s)protocol version %d,.* has %d; they may differ by one`, wire.Version, wire.Version+2))
	f.until("a refusal in the log of a TaskManager that is too far ahead", func() bool {
		text, _ := os.ReadFile(log)
		return refusal.Match(text)
	})
	if n := f.taskManagers(); n != 2 {
		t.Errorf("%d TaskManagers have registered, want 2", n)
	}
	out, err := exec.Command(far, "list", "--jobmanager", f.url()).CombinedOutput()
	for _, want := range []string{
		"ahead-2", fmt.Sprint("protocol version ", restapi.Protocol), fmt.Sprint("has ", restapi.Protocol+2), "they may differ by one",
	} {
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("a client that is too far ahead does not say %q: %v\n%s", want, err, out)
		}
	}
}

// TestLastVersion runs a program of the last version that has a tag, and its TaskManager, with the JobManager of this tree, and the other way
// round, if their protocols fit.
func TestLastVersion(t *testing.T) {
	tag, err := exec.Command("git", "-C", root(t), "describe", "--tags", "--abbrev=0").Output()
	if err != nil {
		t.Skip("no version has a tag yet")
	}
	last := strings.TrimSpace(string(tag))
	tree := filepath.Join(t.TempDir(), "tree")
	if out, err := exec.Command("git", "-C", root(t), "worktree", "add", "--detach", tree, last).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	defer func() { _ = exec.Command("git", "-C", root(t), "worktree", "remove", "--force", tree).Run() }()
	old, oldWords := filepath.Join(t.TempDir(), "flott"), filepath.Join(t.TempDir(), "wordcount")
	goBuild(t, tree, old, "./cmd/flott")
	goBuild(t, tree, oldWords, "./examples/wordcount")
	now, words := filepath.Join(t.TempDir(), "flott"), filepath.Join(t.TempDir(), "wordcount")
	goBuild(t, root(t), now, "./cmd/flott", "-tags", tags())
	goBuild(t, root(t), words, "./examples/wordcount", "-tags", tags())
	t.Run("programs of "+last, func(t *testing.T) { runOn(t, now, old, oldWords) })
	t.Run("programs of now", func(t *testing.T) { runOn(t, old, now, words) })
}

// runOn runs a program on a JobManager, with a TaskManager of another version. If their protocols do not fit, that must be said.
func runOn(t *testing.T, jobManager, taskManager, program string) {
	f := flott{t, t.TempDir()}
	start := exec.Command(jobManager, "cluster", "start", "--taskmanagers", "0", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0")
	start.Env = append(os.Environ(), "XDG_STATE_HOME="+f.dir, "TMPDIR="+t.TempDir())
	if out, err := start.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	t.Cleanup(func() { f.run("cluster", "stop") })
	log := f.join(taskManager)
	job := exec.Command(program, "-files", filepath.Join(root(t), "examples/wordcount/testdata/*.txt"))
	job.Env = append(os.Environ(), "FLOTT_JOBMANAGER="+f.url())
	out, err := job.CombinedOutput()
	said, _ := os.ReadFile(log)
	if misfit := "they may differ by one"; strings.Contains(string(out)+string(said), misfit) {
		t.Logf("the protocols do not fit: %s%s", out, said)
		return
	}
	if err != nil {
		t.Fatalf("%v\n%s\n%s", err, out, said)
	}
}
