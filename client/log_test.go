package client_test

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/rest/resttest"
)

// TestLogs reads logs of a JobManager and of a TaskManager: whole ones, longer than what is sent at a time, on from an offset, and
// those that have begun anew.
func TestLogs(t *testing.T) {
	dir := t.TempDir()
	own := filepath.Join(dir, "jobmanager[1].log")
	for path, text := range map[string]string{own: "new\n", own + ".1": "old\n", filepath.Join(dir, "secret"): "x"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build, options := counted(t, 0, 0)
	s := resttest.New(t, rest.Options{LogFile: own}, build, options...)
	long := strings.Repeat("0123456789abcde\n", 50_000)
	const worker = "worker-0123abcd-1-1.log"
	s.Join("tm", 1).Logs = map[string]string{worker: long, "taskmanager.log": "hello\n"}
	s.Until("the TaskManager registers", func() bool { return len(s.Manager.TaskManagers()) == 1 })
	c, err := client.New(s.URL, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	names := func(tm string) (all []string) {
		files, err := c.Logs(ctx, tm)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			all = append(all, f.Name)
		}
		return all
	}
	if got := strings.Join(append(names(""), names("tm")...), " "); got != "jobmanager[1].log jobmanager[1].log.1 taskmanager.log "+worker {
		t.Errorf("the logs are %s", got)
	}
	if !(client.LogFile{Name: worker}).WorkerOf("0123abcdef") || (client.LogFile{Name: worker}).WorkerOf("0123abceef") {
		t.Error("whose worker has a log is mistaken")
	}
	read := func(tm, name string, offset int64) string {
		r, err := c.ReadLog(ctx, client.LogFile{TaskManager: tm, Name: name}, offset)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, c := range []struct {
		tm, name string
		offset   int64
		want     string
	}{
		{"", "jobmanager[1].log", 0, "new\n"},
		{"", "jobmanager[1].log.1", 1, "ld\n"},
		{"", "jobmanager[1].log", 4, ""},
		{"", "jobmanager[1].log", 9, "new\n"},
		{"tm", worker, 0, long},
		{"tm", worker, int64(len(long)) - 3, "de\n"},
		{"tm", worker, int64(len(long)), ""},
	} {
		if got := read(c.tm, c.name, c.offset); got != c.want {
			t.Errorf("%s of %q from %d on has %d bytes, want %d", c.name, c.tm, c.offset, len(got), len(c.want))
		}
	}
	for _, f := range []client.LogFile{{Name: "secret"}, {Name: "../secret"}, {TaskManager: "tm", Name: "none"}, {TaskManager: "none", Name: "x"}} {
		if _, err := c.ReadLog(ctx, f, 0); !errors.Is(err, client.ErrNotFound) {
			t.Errorf("%+v: %v", f, err)
		}
	}
	c.Close()
}
