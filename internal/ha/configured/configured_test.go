package configured_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/configured"
	"github.com/flott-dev/flott/internal/ha/etcdtest"
	"github.com/flott-dev/flott/internal/ha/hatest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, pairs ...string) (ha.Store, error) {
	t.Helper()
	var c config.Configuration
	hatest.Check(t, c.SetPairs(pairs...))
	s, err := configured.Open(t.Context(), &c, nil)
	if err == nil {
		t.Cleanup(func() { s.Close() })
	}
	return s, err
}

// works leads and writes a record of 2 MB, which another store of the same options reads.
func works(t *testing.T, pairs ...string) {
	t.Helper()
	s, err := open(t, pairs...)
	hatest.Check(t, err)
	other, err := open(t, pairs...)
	hatest.Check(t, err)
	l := hatest.Lead(t, s, "one")
	value := strings.Repeat("x", 2<<20)
	v, err := l.Put(t.Context(), "jobs/a", []byte(value))
	hatest.Check(t, err)
	if len(pairs) > 0 {
		hatest.WantRecord(t, other, "jobs/a", value, v)
	}
	hatest.Check(t, l.Resign(t.Context()))
}

func TestNone(t *testing.T) { works(t) }

func TestDirectory(t *testing.T) {
	d := t.TempDir()
	works(t, "high-availability.type=directory", "high-availability.storageDir=file://"+d, "high-availability.cluster-id=/a/b")
	if _, err := os.Stat(filepath.Join(d, "a", "b", "records", "jobs+a")); err != nil {
		t.Error(err)
	}
}

func TestEtcd(t *testing.T) {
	server := etcdtest.Start(t, false)
	d := t.TempDir()
	works(t, "high-availability.type=ETCD", "high-availability.storageDir="+d, "high-availability.cluster-id=mine",
		"high-availability.etcd.endpoints=http://"+server.Address+", http://"+server.Address, "high-availability.etcd.lease-timeout=1 min")
	if list, err := filepath.Glob(filepath.Join(d, "mine", "high-availability", "jobs", "*")); err != nil || len(list) != 1 {
		t.Errorf("there are %v, %v", list, err)
	}
}

func TestErrors(t *testing.T) {
	const dir, etcd = "high-availability.type=directory", "high-availability.type=etcd"
	const storage, endpoints = "high-availability.storageDir=", "high-availability.etcd.endpoints="
	for _, c := range []struct {
		pairs []string
		want  string
	}{
		{[]string{dir}, "high-availability.type: directory needs high-availability.storageDir"},
		{[]string{etcd}, "high-availability.type: etcd needs high-availability.storageDir"},
		{[]string{etcd, storage + "/x"}, "etcd needs high-availability.etcd.endpoints"},
		{[]string{etcd, storage + "/x", endpoints + ","}, "etcd needs high-availability.etcd.endpoints"},
		{[]string{etcd, storage + "memory://", endpoints + "a:1"}, "memory:// does not survive a JobManager"},
		{[]string{dir, storage + "s3://a/b"}, "s3://a/b is not a directory; write a path"},
		{[]string{dir, storage + "ftp://a"}, `high-availability.storageDir: open ftp://a: scheme "ftp" is not known`},
		{[]string{dir, storage + "/x", "high-availability.cluster-id=a b"}, `high-availability.cluster-id: "a b" is not a path`},
		{[]string{dir, storage + "/x", "high-availability.cluster-id=/"}, `high-availability.cluster-id: "/" is not a path`},
		{[]string{etcd, storage + "/x", endpoints + "a:1", "high-availability.etcd.cert-file=x"}, "a certificate for etcd and its key go together"},
		{[]string{etcd, storage + "/x", endpoints + "a:1", "high-availability.etcd.lease-timeout=1ms"}, "at least 1 s"},
	} {
		if _, err := open(t, c.pairs...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: the error is %v, want %s", c.pairs, err, c.want)
		}
	}
}
