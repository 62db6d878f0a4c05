package process

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	watchHere  = Watched
	whyNoWatch = ""
)

// group is a cgroup that holds the memory of one child and its descendants.
type group struct {
	base groupBase
	dir  string
}

// groupBase is a cgroup in which others may be made.
type groupBase struct {
	dir string
	v2  bool
}

// groupPrefix begins the names of cgroups: flott-NAMESPACE-PID-START-NUMBER, of the parent.
const groupPrefix = "flott-"

var groupNumber atomic.Int64

// newGroup makes a cgroup for a child of this process.
func newGroup(m Memory) (*group, error) {
	base, err := baseOf(m.Group)
	if err != nil {
		return nil, err
	}
	name, err := groupName(strconv.FormatInt(groupNumber.Add(1), 10))
	if err != nil {
		return nil, err
	}
	g := &group{base, filepath.Join(base.dir, name)}
	if err := os.Mkdir(g.dir, 0o755); err != nil {
		return nil, err
	}
	if err := g.limit(m.Limit); err != nil {
		g.remove()
		return nil, err
	}
	return g, nil
}

// groupName is the name of a cgroup that belongs to this process.
func groupName(last string) (string, error) {
	self, err := Self()
	if err != nil {
		return "", err
	}
	space, err := pidSpace()
	return fmt.Sprintf("%s%s-%d-%d-%s", groupPrefix, space, self.PID, self.Start, last), err
}

// ownerOf is the process that has made the cgroup of a name; false if that cannot be known here.
func ownerOf(name string) (Identity, bool) {
	own, err := scope()
	space, err2 := pidSpace()
	parts := strings.Split(name, "-")
	if err != nil || err2 != nil || len(parts) != 5 || parts[0]+"-" != groupPrefix || parts[1] != space {
		return Identity{}, false
	}
	pid, err := strconv.Atoi(parts[2])
	begun, err2 := strconv.ParseUint(parts[3], 10, 64)
	return Identity{pid, begun, own}, err == nil && err2 == nil
}

func (g *group) how() Enforcement {
	if g.base.v2 {
		return GroupV2
	}
	return GroupV1
}

// limit sets the limit, of memory with what is swapped out.
func (g *group) limit(bytes int64) error {
	n := strconv.FormatInt(bytes, 10)
	if g.base.v2 {
		g.write("memory.swap.max", "0") // there may be no swap
		g.write("memory.oom.group", "1")
		return g.write("memory.max", n)
	}
	g.write("memory.memsw.limit_in_bytes", n) // first, if it grows
	if err := g.write("memory.limit_in_bytes", n); err != nil {
		return err
	}
	g.write("memory.memsw.limit_in_bytes", n) // there may be no swap
	g.write("memory.oom_control", "0")        // kill, also if those above only freeze
	return nil
}

func (g *group) write(file, text string) error { return writeGroup(filepath.Join(g.dir, file), text) }

func writeGroup(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteString(text)
	return err
}

// start starts a child in the cgroup: no byte of it is counted elsewhere. In version 2 the kernel has a
// way to. In version 1 a child is born where the thread is that starts it, so the thread goes there for
// that time; what it uses itself is counted where its process is. The caller has the thread for itself.
func (g *group) start(child *exec.Cmd) error {
	if g.base.v2 {
		dir, err := os.Open(g.dir)
		if err != nil {
			return err
		}
		defer dir.Close()
		child.SysProcAttr.UseCgroupFD, child.SysProcAttr.CgroupFD = true, int(dir.Fd())
		return child.Start()
	}
	home, err := ownGroup()
	if err != nil {
		return err
	}
	thread := strconv.Itoa(unix.Gettid())
	if err := g.write("tasks", thread); err != nil {
		return err
	}
	err = child.Start()
	if back := writeGroup(filepath.Join(home.dir, "tasks"), thread); back != nil {
		if err == nil {
			child.Process.Kill()
			child.Wait()
		}
		return fmt.Errorf("%w: %w", errThread, back)
	}
	return err
}

// oomKills is how many processes the kernel has killed at the limit.
func (g *group) oomKills() int {
	file := "memory.oom_control"
	if g.base.v2 {
		file = "memory.events"
	}
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			kills, _ := strconv.Atoi(strings.TrimSpace(n)) // 0 if it is no number
			return kills
		}
	}
	return 0
}

// peak is the most memory used at a time, in bytes; 0 if the kernel does not tell.
func (g *group) peak() int64 {
	file := "memory.max_usage_in_bytes"
	if g.base.v2 {
		file = "memory.peak"
	}
	text, err := os.ReadFile(filepath.Join(g.dir, file))
	if err != nil {
		return 0
	}
	n, _ := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64) // 0 if it is no number
	return n
}

// endingMax bounds how often remove tries again when there is nobody to wait for.
const endingMax = 100_000

// remove kills what is in the cgroup, and removes it. What cannot be removed in time is left to Sweep.
func (g *group) remove() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	for idle := 0; ; {
		err := os.Remove(g.dir)
		if err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if !errors.Is(err, syscall.EBUSY) {
			return err
		}
		pids, listErr := g.pids()
		if listErr != nil || ctx.Err() != nil || idle > endingMax {
			return errors.Join(err, listErr)
		}
		for _, id := range pids {
			id.Signal(syscall.SIGKILL)
		}
		for _, id := range pids {
			id.Gone(ctx)
		}
		if len(pids) == 0 { // but some are still ending, which takes them microseconds of CPU
			idle++
			runtime.Gosched()
		}
	}
}

// pids are the processes in the cgroup that have not ended.
func (g *group) pids() ([]Identity, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var ids []Identity
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		if id, err := Identify(pid); err == nil {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// sweepGroups removes the cgroups below base whose parents have ended, with what runs in them.
func sweepGroups(base groupBase) error {
	entries, err := os.ReadDir(base.dir)
	if err != nil {
		return err
	}
	var failed []error
	for _, e := range entries {
		owner, ok := ownerOf(e.Name())
		if ok && !owner.Alive() {
			failed = append(failed, (&group{base, filepath.Join(base.dir, e.Name())}).remove())
		}
	}
	return errors.Join(failed...)
}

// bases are those of version 2 that this process has prepared: it may have moved since.
var bases struct {
	sync.Mutex
	own *groupBase
}

// baseOf is the cgroup to make others in: dir if it is not empty, else that of this process. One of
// version 2 is prepared for it.
func baseOf(dir string) (groupBase, error) {
	bases.Lock()
	defer bases.Unlock()
	if dir != "" {
		return prepared(groupBase{dir, exists(filepath.Join(dir, "cgroup.subtree_control"))})
	}
	if bases.own != nil {
		return *bases.own, nil
	}
	base, err := ownGroup()
	if err != nil {
		return base, err
	}
	if base, err = prepared(base); err == nil {
		bases.own = &base
	}
	return base, err
}

// sweepBase is where cgroups of earlier processes may be: as baseOf, but nothing is prepared.
func sweepBase(dir string) (groupBase, error) {
	bases.Lock()
	defer bases.Unlock()
	switch {
	case dir != "":
		return groupBase{dir, exists(filepath.Join(dir, "cgroup.subtree_control"))}, nil
	case bases.own != nil:
		return *bases.own, nil
	}
	return ownGroup()
}

// prepared has a cgroup of version 2 limit the memory of its children. Only one without processes may, so
// this process moves into a child of it; if there are others, they are not ours to move.
func prepared(base groupBase) (groupBase, error) {
	if !base.v2 {
		return base, nil
	}
	has := func(file, word string) bool {
		text, err := os.ReadFile(filepath.Join(base.dir, file))
		return err == nil && strings.Contains(" "+strings.ReplaceAll(string(text), "\n", " ")+" ", " "+word+" ")
	}
	if has("cgroup.subtree_control", "memory") {
		return base, nil
	}
	if !has("cgroup.controllers", "memory") {
		return base, fmt.Errorf("cgroup %s: the controller of memory is not delegated to it", base.dir)
	}
	text, err := os.ReadFile(filepath.Join(base.dir, "cgroup.procs"))
	if err != nil {
		return base, err
	}
	switch self := strconv.Itoa(os.Getpid()); strings.TrimSpace(string(text)) {
	case "":
	case self:
		name, err := groupName("main")
		if err != nil {
			return base, err
		}
		leaf := filepath.Join(base.dir, name)
		if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
			return base, err
		}
		if err := writeGroup(filepath.Join(leaf, "cgroup.procs"), self); err != nil {
			os.Remove(leaf)
			return base, err
		}
	default:
		return base, fmt.Errorf("cgroup %s: other processes are in it", base.dir)
	}
	return base, writeGroup(filepath.Join(base.dir, "cgroup.subtree_control"), "+memory")
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ownGroup is the cgroup that holds the memory of this process.
func ownGroup() (groupBase, error) {
	v2, path := true, ""
	own, err := os.ReadFile("/proc/self/cgroup") // ID:CONTROLLERS:PATH
	if err != nil {
		return groupBase{}, err
	}
	for line := range strings.Lines(string(own)) {
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) != 3 {
			continue
		}
		if listed(parts[1], "memory") {
			v2, path = false, parts[2]
			break
		}
		if parts[0] == "0" {
			path = parts[2]
		}
	}
	if path == "" {
		return groupBase{}, errors.New("there are no cgroups")
	}
	mount, root, err := groupMount(v2)
	if err != nil {
		return groupBase{}, err
	}
	within, err := filepath.Rel(root, path)
	if err != nil || strings.HasPrefix(within, "..") {
		return groupBase{}, fmt.Errorf("cgroup %s is not below %s, which is mounted", path, root)
	}
	return groupBase{filepath.Join(mount, within), v2}, nil
}

func listed(list, word string) bool {
	for item := range strings.SplitSeq(list, ",") {
		if item == word {
			return true
		}
	}
	return false
}

// groupMount is where the cgroups are mounted that hold memory, and which of them is mounted there.
func groupMount(v2 bool) (mount, root string, err error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", "", err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		// ID PARENT DEVICE ROOT MOUNT OPTIONS … - TYPE SOURCE OPTIONS
		before, after, ok := strings.Cut(lines.Text(), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !ok || len(left) < 5 || len(right) < 3 {
			continue
		}
		if v2 && right[0] == "cgroup2" || !v2 && right[0] == "cgroup" && listed(right[2], "memory") {
			return left[4], left[3], nil
		}
	}
	return "", "", errors.Join(errors.New("cgroups are not mounted"), lines.Err())
}
