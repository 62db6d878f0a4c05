package main

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/launch"
)

// portsOf are the ports at which processes listen, each with its process.
func portsOf(t *testing.T, pids []int) map[int]int {
	t.Helper()
	ports := map[int]int{}
	for _, pid := range pids {
		own := map[string]bool{} // the inodes of its sockets
		fds, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		for _, fd := range fds {
			if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
				own[strings.TrimSuffix(strings.TrimPrefix(to, "socket:["), "]")] = true
			}
		}
		for _, table := range []string{"tcp", "tcp6"} {
			text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/net/%s", pid, table))
			for line := range strings.Lines(string(text)) {
				const listens = "0A"
				f := strings.Fields(line)
				if len(f) < 10 || f[3] != listens || !own[f[9]] {
					continue
				}
				_, digits, _ := strings.Cut(f[1], ":")
				port, err := strconv.ParseUint(digits, 16, 16)
				if err != nil {
					t.Fatal(err)
				}
				ports[int(port)] = pid
			}
		}
	}
	return ports
}

// TestPorts finds every port at which a process of a cluster with certificates listens, whatever it is for: none lets a peer in that
// shows no certificate, or that of another cluster, or speaks no TLS.
func TestPorts(t *testing.T) {
	f := flott{t, t.TempDir()}
	ours, others := filepath.Join(t.TempDir(), "ours"), filepath.Join(t.TempDir(), "others")
	f.run("cluster", "certificates", ours)
	f.run("cluster", "certificates", others)
	t.Setenv(launch.ConfigurationVariable, filepath.Join(ours, certificate.ClientOptions))
	f.run("cluster", "start", "--conf", filepath.Join(ours, certificate.ClusterOptions), "-D", "taskmanager.numberOfTaskSlots=4", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0",
		"-D", "metrics.reporters=prom", "-D", "metrics.reporter.prom.port=0")
	defer func() { f.run("cluster", "stop") }()
	job := f.command(jobVariable, t.TempDir())
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.url())
	var said bytes.Buffer
	job.Stdout, job.Stderr = &said, &said
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	f.until("a checkpoint", func() bool { return f.checkpoints() > 1 })
	ports := portsOf(t, processesOf(t, f.dir))
	listening := map[int]int{}
	for _, pid := range ports {
		listening[pid]++
	}
	if jm, tm, worker := listening[f.pid("jobmanager")], listening[f.pid("taskmanager-1")], listening[f.worker()]; jm != 2 || tm != 2 || worker != 1 {
		t.Fatalf("the JobManager has %d ports, the TaskManager %d, a worker %d: docs/security.md tells of 2, 2 and 1", jm, tm, worker)
	}
	stranger := func(file string) *tls.Config {
		c := &tls.Config{InsecureSkipVerify: true} //nolint:gosec // who breaks in does not care
		if file != "" {
			pair, err := tls.LoadX509KeyPair(filepath.Join(others, file), filepath.Join(others, file))
			if err != nil {
				t.Fatal(err)
			}
			c.Certificates = []tls.Certificate{pair}
		}
		return c
	}
	for port := range ports {
		for how, c := range map[string]*tls.Config{"without a certificate": stranger(""), "with that of another cluster": stranger("internal.pem"), "with that of another client": stranger("client.pem"), "without TLS": nil} {
			nc, err := net.Dial("tcp", fmt.Sprint("127.0.0.1:", port))
			if err != nil {
				t.Fatal(err)
			}
			_ = nc.SetDeadline(time.Now().Add(time.Minute)) // by then it has said something, or hung up
			if c != nil {
				nc = tls.Client(nc, c)
			}
			_, _ = io.WriteString(nc, "GET /overview HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
			answer, err := io.ReadAll(nc)
			refused := c == nil && !bytes.Contains(answer, []byte(" 200 ")) || len(answer) == 0
			if netErr, ok := err.(net.Error); !refused || ok && netErr.Timeout() {
				t.Errorf("port %d of process %d, %s: %q, %v", port, ports[port], how, answer, err)
			}
			nc.Close()
		}
	}
	if out := f.run("cancel", "counts"); !strings.Contains(out, "is cancelled") {
		t.Errorf("the job did not go on: %s", out)
	}
	_ = job.Wait() // it was cancelled
}
