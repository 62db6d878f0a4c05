package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// Cluster is the daemons of one local cluster, which a directory remembers. Who has a Cluster has it
// alone.
type Cluster struct {
	dir   string
	clock clock.Clock
	lock  *os.File
	list  []Daemon
}

// Daemon is one process of a local cluster, as the file of the cluster has it.
type Daemon struct {
	// Name is how errors and logs call it.
	Name string `json:"name"`
	// Role says what it is to the cluster: "jobmanager", "taskmanager".
	Role string `json:"role"`
	// Identity is the process.
	Identity Identity `json:"identity"`
	// Addresses are where it listens, by what for; empty while it is not ready.
	Addresses map[string]string `json:"addresses,omitempty"`
	// Log is its log file.
	Log string `json:"log"`
	// Started is when it was started.
	Started time.Time `json:"started"`
}

// Files in the directory of a cluster.
const (
	clusterFile = "cluster.json"
	lockFile    = "lock"
)

// StateDir is the directory for a local cluster of a name, such as its REST port: below
// XDG_STATE_HOME, ~/.local/state, or if there is neither, the directory of temporary files.
func StateDir(instance string) (string, error) {
	if instance == "" || instance != filepath.Base(instance) || strings.HasPrefix(instance, ".") {
		return "", fmt.Errorf("%q is no name for a local cluster: want one that may name a directory", instance)
	}
	if state := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(state) {
		return filepath.Join(state, "flott", instance), nil
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, ".local", "state", "flott", instance), nil
	}
	return filepath.Join(os.TempDir(), "flott-"+strconv.Itoa(os.Getuid()), instance), nil
}

// OpenCluster opens a directory, and makes it if there is none. It fails at once if another process has
// it open. A file of a cluster that has crashed is no error; see Alive.
func OpenCluster(dir string, c clock.Clock) (*Cluster, error) {
	if err := ownDir(dir); err != nil {
		return nil, err
	}
	lock, err := lockDir(dir)
	if err != nil {
		return nil, err
	}
	list, err := readCluster(dir)
	if err != nil {
		lock.Close()
		return nil, err
	}
	return &Cluster{dir, c, lock, list}, nil
}

// lockDir takes the lock of a directory, which goes with the process. The file says who has it.
func lockDir(dir string) (*os.File, error) {
	self, err := Self()
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	err = lockNow(f, syscall.LOCK_EX)
	if errors.Is(err, errLocked) {
		holder, _ := io.ReadAll(f) // what is missing shows
		id, parseErr := parseIdentity(strings.TrimSpace(string(holder)))
		if parseErr != nil || id.Alive() {
			f.Close()
			return nil, fmt.Errorf("the cluster of %s is being started or stopped by process %d", dir, id.PID)
		}
		// It was killed while it started a daemon, which has the lock until it comes to its program.
		err = lock(f, syscall.LOCK_EX)
	}
	text := self.String() + "\n"
	if err == nil {
		_, err = f.WriteAt([]byte(text), 0)
	}
	if err == nil {
		err = f.Truncate(int64(len(text)))
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", f.Name(), err)
	}
	return f, nil
}

// Close lets others open the cluster. Its daemons go on.
func (c *Cluster) Close() error { return c.lock.Close() }

// Dir is the directory.
func (c *Cluster) Dir() string { return c.dir }

// Daemons are those that were started and not stopped since, in order of their start, whether they live
// or not.
func (c *Cluster) Daemons() []Daemon { return slices.Clone(c.list) }

// Begin prepares the start of a cluster: it forgets one that has crashed, whose daemons it returns, and
// fails if any of them still lives.
func (c *Cluster) Begin() (crashed []Daemon, err error) {
	for _, d := range c.list {
		if d.Identity.Alive() {
			return nil, fmt.Errorf("the cluster of %s is running: %s is process %d: stop it first, or start one of another name",
				c.dir, d.Name, d.Identity.PID)
		}
	}
	crashed, c.list = c.list, nil
	return crashed, c.save()
}

// Start starts a daemon and waits until it is ready. It is in the file before it does anything
// by which it could live longer than this process. One that does not become ready before ctx is
// over is killed.
func (c *Cluster) Start(ctx context.Context, role string, cmd Command) (Daemon, error) {
	cmd.Detached = true
	p, err := Start(cmd)
	if err != nil {
		return Daemon{}, err
	}
	d := Daemon{Name: cmd.Name, Role: role, Identity: p.ID(), Log: p.cmd.Log.Path, Started: c.clock.Now()}
	c.list = append(c.list, d)
	err = c.save()
	if err == nil {
		d.Addresses, err = p.Ready(ctx)
	}
	last := len(c.list) - 1
	if err == nil {
		c.list[last].Addresses = d.Addresses
		err = c.save()
	}
	if err == nil {
		err = p.Detach()
	}
	if err != nil {
		p.Kill()
		p.Wait()
		c.list = c.list[:last]
		return Daemon{}, errors.Join(err, c.save())
	}
	return d, nil
}

// Stop ends all daemons, the roles in the opposite order of their start, those of one role at the same
// time: SIGTERM first, and SIGKILL to those that are still there after the grace. It says which ones had
// to be killed, and sweeps what they leave (Sweep). A daemon that had ended before is no error.
func (c *Cluster) Stop(grace time.Duration) (killed []Daemon, err error) {
	for len(c.list) > 0 {
		role := c.list[len(c.list)-1].Role
		var mine, rest []Daemon
		for _, d := range c.list {
			if d.Role == role {
				mine = append(mine, d)
			} else {
				rest = append(rest, d)
			}
		}
		late, err := c.stop(mine, grace)
		killed = append(killed, late...)
		if err != nil {
			return killed, err
		}
		c.list = rest
		if err := c.save(); err != nil {
			return killed, err
		}
	}
	return killed, Sweep("")
}

func (c *Cluster) stop(daemons []Daemon, grace time.Duration) (killed []Daemon, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	defer c.clock.AfterFunc(grace, cancel)()
	late, errs := make([]bool, len(daemons)), make([]error, len(daemons))
	var all sync.WaitGroup
	for i, d := range daemons {
		all.Go(func() { late[i], errs[i] = stopDaemon(ctx, d) })
	}
	all.Wait()
	for i, d := range daemons {
		if late[i] {
			killed = append(killed, d)
		}
	}
	return killed, errors.Join(errs...)
}

// stopDaemon ends one, and kills it when ctx is over.
func stopDaemon(ctx context.Context, d Daemon) (late bool, err error) {
	err = d.Identity.Signal(syscall.SIGTERM)
	if err == nil {
		err = d.Identity.Gone(ctx)
	}
	if errors.Is(err, context.Canceled) {
		late = true
		if err = d.Identity.Signal(syscall.SIGKILL); err == nil {
			err = d.Identity.Gone(context.Background())
		}
	}
	if err != nil && !errors.Is(err, os.ErrProcessDone) {
		return late, fmt.Errorf("stop %s, process %d: %w", d.Name, d.Identity.PID, err)
	}
	return late, nil
}

// save writes the file, so that a reader sees the old one or the new one. Without daemons there is no file.
func (c *Cluster) save() error {
	path := filepath.Join(c.dir, clusterFile)
	if len(c.list) == 0 {
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	text, err := json.MarshalIndent(clusterText{clusterVersion, c.list}, "", "  ")
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// clusterText is the file.
type clusterText struct {
	Version int      `json:"version"`
	Daemons []Daemon `json:"daemons"`
}

const clusterVersion = 1

func readCluster(dir string) ([]Daemon, error) {
	path := filepath.Join(dir, clusterFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var t clusterText
	if err := json.Unmarshal(text, &t); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w: if no daemon of it runs any more, delete it", path, err)
	}
	if t.Version != clusterVersion {
		return nil, fmt.Errorf("%s has version %d; this program knows %d: stop the cluster with the program that has started it",
			path, t.Version, clusterVersion)
	}
	return t.Daemons, nil
}

// Status is what has become of a daemon.
type Status struct {
	Daemon
	// Alive is false when it has ended, or crashed, without being stopped.
	Alive bool
	// Uptime is since its start; 0 if it is not alive.
	Uptime time.Duration
	// Usage is what it uses; 0 if it is not alive.
	Usage Usage
}

// ClusterStatus tells of the daemons of a directory, in order of their start, also while another process
// starts or stops them. There are none if there is no cluster.
func ClusterStatus(dir string, now time.Time) ([]Status, error) {
	daemons, err := readCluster(dir)
	if err != nil {
		return nil, err
	}
	var all []Status
	for _, d := range daemons {
		s := Status{Daemon: d}
		usage, err := d.Identity.Usage()
		if err == nil && d.Identity.Alive() {
			s.Alive, s.Uptime, s.Usage = true, now.Sub(d.Started), usage
		}
		all = append(all, s)
	}
	return all, nil
}
