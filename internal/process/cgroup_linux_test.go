package process

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func groupNumberOf(t *testing.T, g *group, file string) int64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestGroupV2: a child is born in its cgroup of version 2, and removing that kills it. Whether the machine
// limits memory there does not matter here.
func TestGroupV2(t *testing.T) {
	mount, _, err := groupMount(true)
	if err != nil {
		t.Skip("no cgroups of version 2: ", err)
	}
	name, err := groupName("test")
	if err != nil {
		t.Fatal(err)
	}
	g := &group{groupBase{mount, true}, filepath.Join(mount, name)}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		t.Skip("nobody may make cgroups: ", err)
	}
	defer g.remove()
	child := exec.Command("sleep", "1000")
	child.SysProcAttr = attributes(false)
	if err := g.start(child); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", child.Process.Pid))
	if err != nil || !strings.Contains(string(text), "/"+name+"\n") {
		t.Errorf("the child is in %s, %v; want %s", text, err, name)
	}
	pids, err := g.pids()
	if err != nil || len(pids) != 1 || pids[0].PID != child.Process.Pid {
		t.Errorf("in the cgroup: %v, %v", pids, err)
	}
	if err := g.remove(); err != nil {
		t.Error(err)
	}
	if err := child.Wait(); err == nil || err.Error() != "signal: killed" {
		t.Errorf("the child ended with %v", err)
	}
	if exists(g.dir) {
		t.Error("the cgroup is still there")
	}
}

// TestGroupRefused: a start that the kernel refuses in a cgroup is made without, under watch, and the
// reason is told.
func TestGroupRefused(t *testing.T) {
	dir := t.TempDir()
	for _, f := range []string{"cgroup.subtree_control", "cgroup.controllers", "cgroup.procs"} {
		if err := os.WriteFile(filepath.Join(dir, f), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := command(t, dir, "idle")
	c.Memory = Memory{Limit: 64 << 20, Group: dir}
	p := start(t, c)
	ready(t, p)
	if how, why := p.Memory(); how != Watched || why != "cgroup "+dir+": the controller of memory is not delegated to it" {
		t.Errorf("limited by %q, %q", how, why)
	}
	h := newHold(Command{Memory: Memory{Limit: 64 << 20, WatchOnly: true}})
	h.group = &group{groupBase{dir, true}, filepath.Join(dir, "not-a-cgroup")} // a directory, but no cgroup
	if err := os.Mkdir(h.group.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	child := exec.Command("true")
	child.SysProcAttr = attributes(false)
	err := h.start(child)
	if err == nil {
		t.Fatal("started in a directory that is no cgroup")
	}
	if gone := h.group.dir; !h.refuse(err) || h.how != Watched || h.why != err.Error() || exists(gone) {
		t.Errorf("limited by %q, %q", h.how, h.why)
	}
}

// TestPrepared: what a cgroup of version 2 must be for others to be made in it. The files are plain ones.
func TestPrepared(t *testing.T) {
	self := strconv.Itoa(os.Getpid())
	for name, c := range map[string]struct {
		controllers, subtree, procs string
		wrong                       string
		moves                       bool
	}{
		"ready":          {"cpu memory", "memory", "1\n2\n", "", false},
		"not delegated":  {"cpu memoryx", "", "", "not delegated", false},
		"empty":          {"cpu memory", "cpu", "", "", false},
		"others":         {"cpu memory", "", "1\n2\n", "other processes", false},
		"this one alone": {"memory", "", self + "\n", "", true},
	} {
		dir := t.TempDir()
		leaf, err := groupName("main")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Mkdir(filepath.Join(dir, leaf), 0o700); err != nil {
			t.Fatal(err)
		}
		for file, text := range map[string]string{
			"cgroup.controllers": c.controllers + "\n", "cgroup.subtree_control": c.subtree + "\n",
			"cgroup.procs": c.procs, leaf + "/cgroup.procs": "",
		} {
			if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err = prepared(groupBase{dir, true})
		if (err == nil) != (c.wrong == "") || err != nil && !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: error %v, want %q", name, err, c.wrong)
		}
		moved, err := os.ReadFile(filepath.Join(dir, leaf, "cgroup.procs"))
		if err != nil || (string(moved) == self) != c.moves {
			t.Errorf("%s: moved %q, %v", name, moved, err)
		}
		control, err := os.ReadFile(filepath.Join(dir, "cgroup.subtree_control"))
		if err != nil || c.wrong == "" && !strings.Contains(string(control), "memory") {
			t.Errorf("%s: controls %q, %v", name, control, err)
		}
	}
}

// TestMemoryMax: a cgroup counts what the child uses, and not what its parent has, as the kernel does else.
func TestMemoryMax(t *testing.T) {
	large := make([]byte, 100<<20)
	for i := 0; i < len(large); i += 512 {
		large[i] = 1
	}
	c := command(t, t.TempDir(), "idle")
	c.Memory.Limit = 1 << 30
	p := start(t, c)
	ready(t, p)
	p.Kill()
	e := p.Wait()
	if large[0] = 2; e.Enforcement != Watched && (e.MemoryMax > 90<<20 || e.MemoryMax < 1<<20) {
		t.Errorf("it has used %s", bytesText(e.MemoryMax))
	}
}

func TestOwnerOf(t *testing.T) {
	name, err := groupName("7")
	if err != nil {
		t.Fatal(err)
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	if owner, ok := ownerOf(name); !ok || owner != self || !owner.Alive() {
		t.Errorf("%s belongs to %v, %v", name, owner, ok)
	}
	for _, other := range []string{"", "flott", "flott-1-2-3-4", "user.slice", name + "-1"} {
		if owner, ok := ownerOf(other); ok {
			t.Errorf("%q belongs to %v", other, owner)
		}
	}
}

// TestMemoryWithin: one that stays below is left alone, and its start in a cgroup counts there.
func TestMemoryWithin(t *testing.T) {
	c := command(t, t.TempDir(), "allocate", "40")
	c.Memory.Limit = 1 << 30
	p := start(t, c)
	ready(t, p)
	if p.hold.group != nil && !p.hold.group.base.v2 {
		used := groupNumberOf(t, p.hold.group, "memory.usage_in_bytes")
		if used < 40<<20 || used > 1<<30 {
			t.Errorf("the cgroup counts %d bytes", used)
		}
	}
	usage, err := p.ID().Usage()
	if err != nil || usage.RSS < 40<<20 && usage.RSS > 0 {
		t.Errorf("uses %+v, %v", usage, err)
	}
}
