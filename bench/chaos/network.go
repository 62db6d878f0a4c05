//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

// network is one of the command's own, in its namespace: each node has a namespace and an address, and all traffic between
// nodes passes a router, which is the command's namespace.
//
//	jobmanager 10.77.1.2 ── 10.77.1.1 ┐
//	                                  router
//	taskmanager-1 10.77.2.2 ── 10.77.2.1 ┘
type network struct {
	nodes []string
	// holders keep the namespaces of nodes alive, which live longer than the nodes' processes.
	holders map[string]*exec.Cmd
	err     error
}

func newNetwork() (*network, error) {
	n := &network{holders: map[string]*exec.Cmd{}}
	_, err := exec.LookPath("nsenter")
	// A rule that does nothing shows that there are rules.
	nothing := []string{"blackhole", "from", "192.0.2.1", "to", "192.0.2.2"}
	return n, errors.Join(err, ip("link", "set", "lo", "up"),
		ip(append([]string{"rule", "add"}, nothing...)...), ip(append([]string{"rule", "delete"}, nothing...)...),
		os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0))
}

// addresses are all that nodes may have.
func (n *network) addresses() (all []string) {
	for i := range taskManagers + 1 {
		all = append(all, fmt.Sprintf("10.77.%d.2", i+1))
	}
	return all
}

func (n *network) address(node string) string {
	for i, name := range n.nodes {
		if name == node {
			return fmt.Sprintf("10.77.%d.2", i+1)
		}
	}
	panic("chaos: no node " + node)
}

// add makes the namespace of a node. The first error is kept for enter.
func (n *network) add(node string) {
	n.nodes = append(n.nodes, node)
	number := len(n.nodes)
	holder := exec.Command("sleep", "infinity")
	holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := holder.Start(); err != nil {
		n.err = errors.Join(n.err, err)
		return
	}
	n.holders[node] = holder
	here, there := fmt.Sprintf("to%d", number), fmt.Sprintf("node%d", number)
	router, at := fmt.Sprintf("10.77.%d.1", number), n.address(node)
	inside := func(args ...string) []string {
		return append([]string{"-t", strconv.Itoa(holder.Process.Pid), "-n", "ip"}, args...)
	}
	n.err = errors.Join(n.err,
		ip("link", "add", here, "type", "veth", "peer", "name", there),
		ip("link", "set", there, "netns", strconv.Itoa(holder.Process.Pid)),
		ip("address", "add", router+"/24", "dev", here), ip("link", "set", here, "up"),
		command("nsenter", inside("link", "set", "lo", "up")...),
		command("nsenter", inside("address", "add", at+"/24", "dev", there)...),
		command("nsenter", inside("link", "set", there, "up")...),
		command("nsenter", inside("route", "add", "default", "via", router)...))
}

// enter has a command run in the namespace of a node.
func (n *network) enter(cmd *exec.Cmd, node string) {
	if n.err != nil {
		cmd.Err = n.err
		return
	}
	args := append([]string{"nsenter", "-t", strconv.Itoa(n.holders[node].Process.Pid), "-n"}, cmd.Args...)
	path, err := exec.LookPath(args[0])
	cmd.Path, cmd.Args, cmd.Err = path, args, err
}

// cut drops what two nodes send each other.
func (n *network) cut(a, b string) (heal func() error, err error) {
	rules := func(do string) error {
		return errors.Join(
			ip("rule", do, "blackhole", "from", n.address(a), "to", n.address(b)),
			ip("rule", do, "blackhole", "from", n.address(b), "to", n.address(a)))
	}
	return func() error { return rules("delete") }, rules("add")
}

// close ends the namespaces, if nobody else is in them.
func (n *network) close() {
	for _, h := range n.holders {
		_ = h.Process.Kill()
		_ = h.Wait()
	}
}

func ip(args ...string) error { return command("ip", args...) }

// command runs a program of the system.
func command(name string, args ...string) error {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}

// holds reports whether a process is there for the network only.
func (n *network) holds(pid int) bool {
	for _, h := range n.holders {
		if h.Process.Pid == pid {
			return true
		}
	}
	return false
}
