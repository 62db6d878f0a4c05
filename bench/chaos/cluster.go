//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/launch"
)

const (
	taskManagers   = 3 // one more than the job needs
	slots          = 2
	heartbeat      = 200 * time.Millisecond
	lostTimeout    = 10 * time.Second
	silenceTimeout = 2 * time.Second
)

// cluster is a JobManager and TaskManagers, processes that can be broken.
type cluster struct {
	dir, flott string
	program    string   // of the job; "" for this one
	network    *network // nil: all are on the loopback
	jobManager *node
	tms        []*node
	rpc, url   string // of the JobManager
	client     *client.Client
	jobID      string
	well       bool            // all tasks have run since the last fault
	pids       map[string]bool // of all processes that were started
}

// node is a process of the cluster, which can be started again after it has ended.
type node struct {
	c     *cluster
	name  string
	args  []string
	cmd   *exec.Cmd
	ended chan struct{}
}

// directories are those that a cluster has below its own.
var directories = []string{"tmp", "log"}

// newCluster starts a cluster in a directory. TaskManagers get more arguments.
func newCluster(dir, flott string, n *network, tmArgs ...string) (c *cluster, err error) {
	c = &cluster{dir: dir, flott: flott, network: n, pids: map[string]bool{}}
	defer func() {
		if err != nil {
			c.killAll()
		}
	}()
	for _, d := range directories {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			return c, err
		}
	}
	if n != nil {
		if err := certificate.Make(c.certificates(), n.addresses(), time.Hour); err != nil {
			return c, err
		}
	}
	c.jobManager = c.node("jobmanager", "jobmanager", "jobmanager.rpc.port=0", "rest.port=0")
	if n != nil {
		at := n.address(c.jobManager.name)
		c.jobManager.set("jobmanager.rpc.address="+at, "rest.address="+at)
	}
	if err := c.jobManager.start(); err != nil {
		return c, err
	}
	if err := c.ready(); err != nil {
		return c, err
	}
	rpcHost, rpcPort, _ := strings.Cut(c.rpc, ":")
	_, restPort, _ := strings.Cut(c.url[strings.Index(c.url, "//")+2:], ":")
	c.jobManager.set("jobmanager.rpc.port="+rpcPort, "rest.port="+restPort) // for its next life
	for i := range taskManagers {
		tm := c.node(fmt.Sprintf("taskmanager-%d", i+1), "taskmanager", "jobmanager.rpc.address="+rpcHost, "jobmanager.rpc.port="+rpcPort,
			fmt.Sprintf("taskmanager.numberOfTaskSlots=%d", slots),
			"taskmanager.memory.process.size=2g")
		if n != nil {
			tm.set("taskmanager.host=" + n.address(tm.name))
		}
		tm.args = append(tm.args, tmArgs...)
		c.tms = append(c.tms, tm)
		if err := tm.start(); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *cluster) certificates() string { return filepath.Join(c.dir, "certificates") }

// node is a process that is not started yet, with options as key=value.
func (c *cluster) node(name, role string, options ...string) *node {
	n := &node{c: c, name: name, args: []string{role, "--dir", filepath.Join(c.dir, name)}}
	if c.network != nil {
		n.args = append(n.args, "--conf", filepath.Join(c.certificates(), certificate.ClusterOptions))
	}
	n.set("high-availability.type=directory", "high-availability.storageDir="+filepath.Join(c.dir, "ha"))
	n.set("heartbeat.interval="+heartbeat.String(), "heartbeat.timeout="+silenceTimeout.String())
	// A TaskManager that dies while there is no JobManager is waited for that long by the next one.
	n.set("jobmanager.lost.timeout=" + lostTimeout.String())
	n.set(options...)
	if c.network != nil {
		c.network.add(name)
	}
	return n
}

// set sets options; what is set last counts.
func (n *node) set(options ...string) {
	for _, o := range options {
		n.args = append(n.args, "-D", o)
	}
}

func (c *cluster) environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + filepath.Join(c.dir, "tmp")}
	if c.network != nil {
		env = append(env, launch.ConfigurationVariable+"="+filepath.Join(c.certificates(), certificate.ClientOptions))
	}
	return env
}

// start starts the process.
func (n *node) start() error {
	log, err := os.OpenFile(n.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	n.cmd = exec.Command(n.c.flott, n.args...)
	if n.c.network != nil {
		n.c.network.enter(n.cmd, n.name)
	}
	n.cmd.Env, n.cmd.Stdout, n.cmd.Stderr = n.c.environment(), log, log
	n.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := n.cmd.Start(); err != nil {
		return err
	}
	n.c.pids[strconv.Itoa(n.cmd.Process.Pid)] = true
	n.ended = make(chan struct{})
	go func() {
		_ = n.cmd.Wait()
		close(n.ended)
	}()
	return nil
}

func (n *node) log() string { return filepath.Join(n.c.dir, "log", n.name+".log") }

func (n *node) signal(s syscall.Signal) error { return syscall.Kill(n.cmd.Process.Pid, s) }

// kill ends the process at once.
func (n *node) kill() error {
	err := n.signal(syscall.SIGKILL)
	<-n.ended
	return err
}

// stop ends the process in good order.
func (n *node) stop() error {
	if err := n.signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("%s: %w", n.name, err)
	}
	select {
	case <-n.ended:
		if code := n.cmd.ProcessState.ExitCode(); code != 0 {
			return fmt.Errorf("%s has ended with %v: %s", n.name, n.cmd.ProcessState, n.log())
		}
		return nil
	case <-time.After(30 * time.Second):
		return errors.Join(fmt.Errorf("%s does not end after SIGTERM", n.name), n.kill())
	}
}

var listens = regexp.MustCompile(`TaskManagers on (\S+), and serves (\S+)\n`)

var offers = regexp.MustCompile(`TaskManager (\S+) offers`)

// id is the name of a TaskManager in its present life, "" as long as it has not said it.
func (n *node) id() (string, error) {
	log, err := os.ReadFile(n.log())
	lives := offers.FindAllSubmatch(log, -1)
	if err != nil || len(lives) == 0 {
		return "", err
	}
	return string(lives[len(lives)-1][1]), nil
}

// ready waits until the JobManager says where it is.
func (c *cluster) ready() error {
	for {
		log, err := os.ReadFile(c.jobManager.log())
		if err != nil {
			return err
		}
		if at := listens.FindSubmatch(log); at != nil {
			c.rpc, c.url = string(at[1]), string(at[2])
			return c.connect()
		}
		select {
		case <-c.jobManager.ended:
			return fmt.Errorf("the JobManager has ended: %s", log)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (c *cluster) connect() error {
	var conf *config.Configuration
	if c.network != nil {
		var err error
		if conf, err = config.Load(filepath.Join(c.certificates(), certificate.ClientOptions)); err != nil {
			return err
		}
	}
	secure, err := certificate.RestClient(conf)
	if err != nil {
		return err
	}
	c.client, err = client.New(c.url, client.Options{TLS: secure, Version: "chaos"})
	return err
}

// submit hands the job over.
func (c *cluster) submit(ctx context.Context, j job) error {
	program, err := c.program, error(nil)
	if program == "" {
		program, err = os.Executable()
	}
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, program, j.args()...)
	cmd.Env = append(c.environment(), launch.JobManagerVariable+"="+c.url, launch.DetachedVariable+"=true")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("submit the job: %w: %s", err, out)
	}
	jobs, err := c.client.Jobs(ctx)
	if err != nil {
		return err
	}
	c.jobID = jobs[len(jobs)-1].ID // in order of submission
	return nil
}

// stop ends all processes in good order.
func (c *cluster) stop() error {
	var errs []error
	for _, tm := range c.tms {
		errs = append(errs, tm.stop())
	}
	c.client.Close()
	return errors.Join(append(errs, c.jobManager.stop())...)
}

// killAll ends what there is of a cluster that is of no use.
func (c *cluster) killAll() {
	for _, n := range append(c.tms, c.jobManager) {
		if n != nil && n.cmd != nil {
			_ = n.kill()
		}
	}
}
