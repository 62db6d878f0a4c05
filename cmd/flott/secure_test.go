package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/wire"
	"github.com/flott-dev/flott/launch"
)

// fails runs a command that must fail, and returns what it prints.
func (f flott) fails(args ...string) string {
	f.t.Helper()
	out, err := f.command(flottVariable, "1", args...).CombinedOutput()
	if err == nil {
		f.t.Errorf("flott %s does not fail: %s", strings.Join(args, " "), out)
	}
	return string(out)
}

// says starts a process that goes on, and ends it when it has printed a text.
func (f flott) says(want string, args ...string) {
	f.t.Helper()
	cmd := f.command(flottVariable, "1", args...)
	r, w, err := os.Pipe()
	if err != nil {
		f.t.Fatal(err)
	}
	defer r.Close()
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		f.t.Fatal(err)
	}
	w.Close()
	giveUp := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
	defer giveUp.Stop()
	var said bytes.Buffer
	found := false
	for lines := bufio.NewScanner(io.TeeReader(r, &said)); !found && lines.Scan(); {
		found = strings.Contains(lines.Text(), want)
	}
	_ = cmd.Process.Signal(syscall.SIGTERM)
	_, _ = io.Copy(io.Discard, r)
	_ = cmd.Wait()
	if !found {
		f.t.Errorf("flott %s does not say %q:\n%s", strings.Join(args, " "), want, said.String())
	}
}

// TestSecureCluster: a cluster with certificates runs a job, and takes nobody without.
func TestSecureCluster(t *testing.T) {
	f := flott{t, t.TempDir()}
	dir, ours, others := t.TempDir(), filepath.Join(t.TempDir(), "ours"), filepath.Join(t.TempDir(), "others")
	f.run("cluster", "certificates", ours)
	f.run("cluster", "certificates", others)
	conf := filepath.Join(ours, certificate.ClusterOptions)
	t.Setenv(launch.ConfigurationVariable, filepath.Join(ours, certificate.ClientOptions))
	t.Log(f.run("cluster", "start", "--conf", conf, "--taskmanagers", "2", "-D", "taskmanager.numberOfTaskSlots=2",
		"-D", "rest.port=0", "-D", "jobmanager.rpc.port=0"))
	defer func() { t.Log(f.run("cluster", "stop")) }()
	if !strings.HasPrefix(f.url(), "https://") {
		t.Errorf("the REST interface is at %s", f.url())
	}
	job := f.command(jobVariable, dir)
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.url())
	var said bytes.Buffer
	job.Stdout, job.Stderr = &said, &said
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	f.until("a checkpoint", func() bool { return f.checkpoints() > 1 })
	f.strangerAtWorker()
	f.strangers(others)
	if err := job.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	wantEachOnce(t, filepath.Join(dir, "out"))
	log, err := os.ReadFile(filepath.Join(f.dir, "flott", "default", "log", "jobmanager.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"it speaks no TLS, and this side does (security.ssl.internal.enabled)", "against security.ssl.internal.ca-file: x509"} {
		if !strings.Contains(string(log), want) {
			t.Errorf("the JobManager's log does not say %q", want)
		}
	}
}

// strangers tries to come in without certificates, and with those of another cluster.
func (f flott) strangers(others string) {
	rpc := []string{"-D", "jobmanager.rpc.port=" + portOf(f.rpc())}
	otherConf := []string{"--conf", filepath.Join(others, certificate.ClusterOptions)}
	f.says("with TLS only (security.ssl.internal.enabled)", append([]string{"taskmanager", "--drain=1ms", "--drain=1ms"}, rpc...)...)
	f.says("against security.ssl.internal.ca-file: x509", append(append([]string{"taskmanager", "--drain=1ms", "--drain=1ms"}, otherConf...), rpc...)...)
	// One that trusts the cluster is not trusted by it.
	ca := filepath.Join(filepath.Dir(os.Getenv(launch.ConfigurationVariable)), "internal-ca.pem")
	f.says("does not accept this side's certificate (security.ssl.internal.cert-file)",
		append(append([]string{"taskmanager", "--drain=1ms", "--drain=1ms"}, otherConf...), append(rpc, "-D", "security.ssl.internal.ca-file="+ca)...)...)

	restCA := filepath.Join(others, "rest-ca.pem")
	client := filepath.Join(others, "client.pem")
	for want, args := range map[string][]string{
		"security.ssl.rest.ca-file names whom the client trusts": {"-D", "security.ssl.rest.ca-file=" + restCA},
		"security.ssl.rest.cert-file names that":                 {"-D", "security.ssl.rest.cert-file=" + client},
		"with https://":                                          {"--jobmanager", "http://" + strings.TrimPrefix(f.url(), "https://")},
	} {
		if out := f.fails(append([]string{"list"}, args...)...); !strings.Contains(out, want) {
			f.t.Errorf("%v: %q, want %q", args, out, want)
		}
	}
}

// strangerAtWorker connects to workers of the job without TLS.
func (f flott) strangerAtWorker() {
	address := f.worksAt()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		f.t.Fatal(err)
	}
	if _, err = wire.Client(nc, wire.Options{Name: "stranger"}); err == nil || !strings.Contains(err.Error(), "with TLS only (security.ssl.internal.enabled)") {
		f.t.Errorf("a worker says %v", err)
	}
}

// worksAt is the address of a worker of the only job.
func (f flott) worksAt() string {
	flags := clientFlags{JobManager: f.url()}
	c, err := flags.client()
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	jobs, err := c.Jobs(context.Background())
	if err != nil || len(jobs) != 1 {
		f.t.Fatalf("jobs %v, %v", jobs, err)
	}
	job, err := c.Job(context.Background(), jobs[0].ID)
	if err != nil {
		f.t.Fatal(err)
	}
	conf, err := flags.effective()
	if err != nil {
		f.t.Fatal(err)
	}
	secure, err := certificate.RestClient(conf)
	if err != nil {
		f.t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: secure}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Get(f.url() + "/jobs/" + job.ID + "/vertices/" + job.Vertices[0].ID)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	var vertex struct{ Subtasks []struct{ Endpoint string } }
	if err := json.NewDecoder(resp.Body).Decode(&vertex); err != nil || len(vertex.Subtasks) == 0 {
		f.t.Fatal(vertex, err)
	}
	return vertex.Subtasks[0].Endpoint
}

// TestCredentials: with credentials processes listen where other machines reach them, and not without; what is wrong with
// certificates is said at the start.
func TestCredentials(t *testing.T) {
	f := flott{t, t.TempDir()}
	dir, old := filepath.Join(t.TempDir(), "new"), filepath.Join(t.TempDir(), "old")
	f.run("cluster", "certificates", dir)
	if err := certificate.Make(old, nil, time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	conf := filepath.Join(dir, certificate.ClusterOptions)
	ports := []string{"-D", "jobmanager.rpc.port=0", "-D", "rest.port=0"}
	all := append(ports, "-D", "jobmanager.rpc.address=0.0.0.0", "-D", "rest.address=0.0.0.0")
	for _, c := range []struct {
		want string
		args []string
	}{
		{"listens for TaskManagers on", append([]string{"jobmanager", "--conf", conf}, all...)},
		{"no credentials are configured", append([]string{"jobmanager"}, all...)},
		{"rest: listen on 0.0.0.0: other machines could reach it", append([]string{"jobmanager", "--conf", conf, "-D", "security.ssl.rest.authentication-enabled=false"}, all...)},
		{"jobmanager.rpc: listen on 0.0.0.0: other machines could reach it", append([]string{"jobmanager", "--conf", conf, "-D", "security.ssl.internal.enabled=false"}, all...)},
		{"configure them with security.ssl.internal.enabled", []string{"taskmanager", "--drain=1ms", "-D", "taskmanager.host=0.0.0.0"}},
		{"offers 1 slots", append([]string{"taskmanager", "--drain=1ms", "--conf", conf, "-D", "taskmanager.host=0.0.0.0"}, ports[2:]...)},
		{"security.ssl.internal.cert-file is not set", append([]string{"jobmanager", "-D", "security.ssl.internal.enabled=true"}, ports...)},
		{"none.pem: no such file", append([]string{"taskmanager", "--drain=1ms", "--conf", conf, "-D", "security.ssl.internal.ca-file=none.pem"}, ports...)},
		{"the certificate was valid until", append([]string{"jobmanager", "--conf", filepath.Join(old, certificate.ClusterOptions)}, ports...)},
	} {
		f.says(c.want, c.args...)
	}
	var conf2 config.Configuration
	if err := conf2.Set("security.ssl.rest.enabled", "true"); err != nil {
		t.Fatal(err)
	}
	if got := (&clientFlags{JobManager: "jm:8081"}).url(&conf2); got != "https://jm:8081" {
		t.Errorf("a client with TLS looks at %s", got)
	}
}
