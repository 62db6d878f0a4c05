package queries

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/internal/storage/storagetest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

var rewrite = flag.Bool("rewrite", false, "write the golden plans and savepoints that there are none of")

// A golden plan of each query in SQL is kept of every version of the form that was released, with a savepoint in the middle of
// its events. They must run and restore forever:
//
//	testdata/savepoints/v<version>/<query>/plan.json     the compiled plan
//	testdata/savepoints/v<version>/<query>/_metadata     a savepoint
//	testdata/savepoints/v<version>/<query>/results.txt   hashes of the results up to there, and of all
//
// What there is none of is written by go test ./bench/queries -run TestGoldenPlans -rewrite, which leaves alone what there is.
const (
	goldenRoot    = "testdata/savepoints"
	goldenVersion = "v1"
	goldenEvents  = 300
	goldenRate    = 20
	goldenStop    = goldenEvents/2*time.Second/goldenRate - time.Millisecond
)

// notGolden are queries that have none, and why.
var notGolden = map[string]string{
	"q10": "it writes files, whose names are in the savepoint",
}

// goldenRun runs a query, and notes its job.
type goldenRun struct {
	options []launch.Option
	job     *launch.Job
	probe   Probe
}

func (r *goldenRun) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	var err error
	r.job, err = launch.Start(ctx, env, name, r.options...)
	return r.job, err
}

// start runs the statements of a script, and returns the result of the last one.
func (r *goldenRun) start(t *testing.T, script string, options ...sql.Option) (last *sql.Result) {
	t.Helper()
	r.probe.Hash = true
	options = append(options, sql.On(r), sql.Set("pipeline.max-parallelism", "8"))
	err := SQLSession(&r.probe, options...).Script(t.Context(), script, func(_ string, result *sql.Result) error {
		last = result
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return last
}

// hash is the hash of the results, and how many rows there were.
func (r *goldenRun) hash(t *testing.T) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(r.probe.FinalHash(), 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// goldenScript is the statements of a query, whose events come in time: from the beginning of bubbles on.
func goldenScript(t *testing.T, name string) string {
	t.Helper()
	script, err := SQLScript(name, SQLOptions{Options: Options{Config: nexmark.Config{Events: goldenEvents, RatePerSecond: goldenRate}}, Readers: 1}, "out")
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return strings.ReplaceAll(script, "'connector' = 'nexmark'", fmt.Sprintf("'connector' = 'nexmark', 'paced' = 'true', 'base-time' = '%d'", begin.UnixMilli()))
}

func writeGolden(t *testing.T, name, dir string) {
	t.Helper()
	whole, half := &goldenRun{}, &goldenRun{}
	script := goldenScript(t, name)
	synctest.Test(t, func(t *testing.T) {
		if err := whole.start(t, script).Wait(); err != nil {
			t.Fatal(err)
		}
	})
	if err := os.MkdirAll(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	compile := fmt.Sprintf("COMPILE AND EXECUTE PLAN '%s' FOR INSERT", filepath.Join(dir, "plan.json"))
	synctest.Test(t, func(t *testing.T) {
		half.start(t, strings.Replace(script, "INSERT", compile, 1), sql.Set("parallelism.default", "2"))
		time.Sleep(goldenStop)
		path, err := half.job.StopWithSavepoint(t.Context(), dir, false)
		if err != nil {
			t.Fatal(err)
		}
		path = strings.TrimPrefix(path, "file://")
		if err := os.Rename(filepath.Join(path, "_metadata"), filepath.Join(dir, "_metadata")); err != nil {
			t.Fatal(err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatalf("the savepoint is more than a file: %v", err)
		}
	})
	text := fmt.Sprintf("before %016x\nall %016x\n", half.hash(t), whole.hash(t))
	if err := os.WriteFile(filepath.Join(dir, "results.txt"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestGoldenPlans(t *testing.T) {
	if raceEnabled {
		t.Skip("the same as in sql")
	}
	if err := storagetest.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	root, err := filepath.Abs(goldenRoot)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range SQLNames() {
		dir := filepath.Join(root, goldenVersion, name)
		_, err := os.Stat(filepath.Join(dir, "results.txt"))
		switch {
		case notGolden[name] != "" || err == nil:
		case *rewrite:
			writeGolden(t, name, dir)
		default:
			t.Errorf("there is no golden plan of %s; -rewrite writes it", name)
		}
	}
	dirs, err := filepath.Glob(filepath.Join(root, "v*", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		for _, x := range []struct{ parallelism, backend string }{{"1", "hashmap"}, {"2", "pebble"}} {
			version := filepath.Base(filepath.Dir(dir))
			t.Run(fmt.Sprintf("%s/%s/%s", version, filepath.Base(dir), x.parallelism), func(t *testing.T) {
				runGolden(t, dir, sql.Set("parallelism.default", x.parallelism), sql.Set("state.backend.type", x.backend))
			})
		}
	}
}

// runGolden executes a plan from its beginning, and from its savepoint.
func runGolden(t *testing.T, dir string, options ...sql.Option) {
	stored, err := os.ReadFile(filepath.Join(dir, "results.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var before, all uint64
	if _, err := fmt.Sscanf(string(stored), "before %x\nall %x\n", &before, &all); err != nil {
		t.Fatal(err)
	}
	execute := fmt.Sprintf("EXECUTE PLAN '%s'", filepath.Join(dir, "plan.json"))
	whole := &goldenRun{}
	rest := &goldenRun{options: []launch.Option{launch.RestoreFrom(dir, launch.NoClaim)}}
	synctest.Test(t, func(t *testing.T) {
		if err := whole.start(t, execute, options...).Wait(); err != nil {
			t.Fatal(err)
		}
	})
	if got := whole.hash(t); got != all {
		t.Errorf("the plan gives the hash %016x, want %016x", got, all)
	}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(goldenStop)
		if err := rest.start(t, execute, options...).Wait(); err != nil {
			t.Fatal(err)
		}
	})
	if got := before + rest.hash(t); got != all {
		t.Errorf("with the savepoint the plan gives the hash %016x, want %016x", got, all)
	}
}
