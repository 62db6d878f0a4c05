package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/launch"
)

// TestRoles: a cluster with a file of credentials, at which commands are let in, or say what they lack.
func TestRoles(t *testing.T) {
	f := flott{t, t.TempDir()}
	path := filepath.Join(t.TempDir(), "credentials")
	const viewer, operator, admin = "the-token-of-viewers", "the-token-of-operators", "the-token-of-admins"
	if err := os.WriteFile(path, []byte("viewer grafana "+viewer+"\noperator shift "+operator+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FLOTT_TOKEN", admin)
	start := []string{
		"cluster", "start", "-D", "taskmanager.numberOfTaskSlots=4", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0",
		"-D", "security.rest.credentials-file=" + path,
	}
	if out := f.fails(start...); !strings.Contains(out, "security.rest.credentials-file: "+path+": others can read or change it (mode 0644): chmod 600") {
		t.Errorf("a file that others can read: %s", out)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Log(f.run(start...))
	defer func() { t.Log(f.run("cluster", "stop")) }()
	job := f.command(jobVariable, t.TempDir())
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.url())
	var said bytes.Buffer
	job.Stdout, job.Stderr = &said, &said
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	f.until("a checkpoint", func() bool { return f.checkpoints() > 1 })
	wantIn := func(out string, all ...string) {
		t.Helper()
		for _, want := range all {
			if !strings.Contains(out, want) {
				t.Errorf("%q is not in %q", want, out)
			}
		}
	}
	for _, token := range []string{"", "a-token-of-nobody"} {
		t.Setenv("FLOTT_TOKEN", token)
		wantIn(f.fails("list"), "401 Unauthorized", "FLOTT_TOKEN")
	}
	t.Setenv("FLOTT_TOKEN", viewer)
	wantIn(f.run("list"), "counts")
	wantIn(f.fails("cancel", "counts"), "403 Forbidden", "the role operator is needed for this, and \"grafana\" has the role viewer")
	t.Setenv("FLOTT_TOKEN", operator)
	again := f.command(jobVariable, t.TempDir())
	again.Env = append(again.Env, launch.JobManagerVariable+"="+f.url())
	out, err := again.CombinedOutput()
	if err == nil {
		t.Error("an operator submits a job")
	}
	wantIn(string(out), "403 Forbidden", "a token of a greater role, such as admin")
	wantIn(f.run("cancel", "counts"), "is cancelled")
	if err := job.Wait(); err == nil {
		t.Errorf("the job was not cancelled: %s", said.String())
	}
}
