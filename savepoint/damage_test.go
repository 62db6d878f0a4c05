package savepoint_test

import (
	"context"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/savepoint"
	"github.com/flott-dev/flott/stream"
)

const manyKeys = 3000

// noise is what belongs to a key, and does not compress: snapshots have objects of it.
func noise(key int64) []int64 {
	rng := rand.New(rand.NewPCG(uint64(key), 1))
	out := make([]int64, 7)
	for i := range out {
		out[i] = rng.Int64()
	}
	return out
}

// many is a running job that has counted every key once, and goes on to do so.
func many(t *testing.T, dir string) *launch.Job {
	t.Helper()
	env := stream.NewEnv(stream.Parallelism(2), stream.MaxParallelism(16), stream.CheckpointDir(dir))
	seen := make(chan struct{}, 1)
	s := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{PerSecond: 1e5})).
		Parallelism(1).UID("in")
	stream.Scan(stream.KeyBy(s, func(n int64) int64 { return n % manyKeys }),
		func(_ *stream.Ctx[int64, int64], count *[8]int64, n int64) error {
			count[0]++
			copy(count[1:], noise(n%manyKeys))
			if n > 2*manyKeys {
				select {
				case seen <- struct{}{}:
				default:
				}
			}
			return nil
		}).UID("counts").To(discard.To[int64]())
	j, err := launch.Start(t.Context(), env, "many")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		j.Cancel()
		_ = j.Wait()
	})
	<-seen
	return j
}

// checkCounts reads the state of many. What is read before an error must be right, too.
func checkCounts(t *testing.T, s *savepoint.Snapshot) error {
	t.Helper()
	st, err := s.State("counts", "state")
	if err != nil {
		return err
	}
	rows := 0
	for row, err := range savepoint.Read[int64, [8]int64](st) {
		if err != nil {
			return err
		}
		if row.Value[0] == 0 || !slices.Equal(row.Value[1:], noise(row.Key)) {
			t.Errorf("key %d has %v", row.Key, row.Value)
		}
		rows++
	}
	if rows != manyKeys {
		t.Errorf("%d rows, want %d", rows, manyKeys)
	}
	return nil
}

// TestReadingWhileTheJobRetiresTheCheckpoint: the rows are right, or there is an error that says what has
// happened.
func TestReadingWhileTheJobRetiresTheCheckpoint(t *testing.T) {
	dir := t.TempDir()
	j := many(t, dir)
	if _, err := j.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	first, err := savepoint.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkCounts(t, first); err != nil {
		t.Fatal(err)
	}
	if first, err = savepoint.Open(context.Background(), dir); err != nil { // with nothing read ahead
		t.Fatal(err)
	}
	for { // until nothing of it is part of a newer one
		left, err := filepath.Glob(filepath.Join(dir, "many", "chk-1", "*"))
		if err != nil {
			t.Fatal(err)
		}
		if len(left) == 0 {
			break
		}
		if _, err := j.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	err = checkCounts(t, first)
	for _, part := range []string{`operator "counts"`, "may have deleted the checkpoint", "it is missing", "chk-1/"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v, want %s", err, part)
		}
	}
	again, err := savepoint.Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkCounts(t, again); err != nil {
		t.Error(err)
	}
}

// TestTornObject: an object of data that ends early is named with its path.
func TestTornObject(t *testing.T) {
	j := many(t, t.TempDir())
	uri, err := j.Savepoint(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(uri, "file://")
	var objects []string
	err = filepath.WalkDir(path, func(p string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "_metadata" {
			objects = append(objects, p)
		}
		return err
	})
	if err != nil || len(objects) == 0 {
		t.Fatalf("no objects, %v", err)
	}
	for _, p := range objects {
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		flipped := []byte(string(data))
		flipped[len(data)-1] ^= 1
		for problem, torn := range map[string][]byte{"length is wrong": data[:len(data)-1], "checksum": flipped} {
			if err := os.WriteFile(p, torn, 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := savepoint.Open(context.Background(), path)
			if err == nil {
				err = checkCounts(t, s)
			}
			if err == nil || !strings.Contains(err.Error(), p) || !strings.Contains(err.Error(), problem) ||
				strings.Contains(err.Error(), "may have deleted") {
				t.Errorf("got %v, want %s of %s", err, problem, p)
			}
		}
		if err := os.WriteFile(p, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestS3 takes a savepoint into S3, reads it there, writes another and starts a job from it.
func TestS3(t *testing.T) {
	fake := gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithAutoBucket(true))
	server := httptest.NewServer(fake.Server())
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": server.URL, "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "key",
		"AWS_SECRET_ACCESS_KEY": "secret",
	} {
		t.Setenv(name, value)
	}
	j := many(t, t.TempDir())
	uri, err := j.Savepoint(t.Context(), "s3://state/savepoints")
	if err != nil {
		t.Fatal(err)
	}
	s, err := savepoint.Open(context.Background(), uri)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkCounts(t, s); err != nil {
		t.Error(err)
	}
	if err := savepoint.Rehash(t.Context(), 32, uri, "s3://state/rehashed"); err != nil {
		t.Fatal(err)
	}
	if s, err = savepoint.Open(context.Background(), "s3://state/rehashed"); err != nil {
		t.Fatal(err)
	}
	if err := checkCounts(t, s); err != nil {
		t.Error(err)
	}
	if _, err := savepoint.Open(context.Background(), "s3://state/none"); err == nil ||
		!strings.Contains(err.Error(), "does not exist or is empty") {
		t.Errorf("got %v", err)
	}
}
