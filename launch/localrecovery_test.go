package launch_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// wideCounts counts by key in states that are too large to be inline in a manifest.
func wideCounts(s *stream.Stream[int64]) *stream.Stream[[2]int64] {
	return stream.Scan(stream.KeyBy(s, func(v int64) int64 { return v % 10 }),
		func(c *stream.Ctx[int64, [2]int64], s *[]int64, _ int64) error {
			if *s == nil {
				*s = make([]int64, 4000)
				for i := range *s {
					(*s)[i] = int64(i) * 0x9E3779B9
				}
			}
			(*s)[0]++
			c.Emit([2]int64{c.Key(), (*s)[0]})
			return nil
		})
}

// TestLocalRecovery: a job whose checkpoint directory cannot be read any more when a task fails goes on from
// the copies on its own disk, and leaves none.
func TestLocalRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, temp := t.TempDir(), t.TempDir()
		var failed atomic.Bool
		out := collect.To[[2]int64]()
		env := durable(dir, stream.LocalRecovery(), stream.Restart(stream.FixedDelay(1, time.Second)))
		wideCounts(stream.TryMap(slowly(env, 300), func(v int64) (int64, error) {
			if v == 150 && !failed.Swap(true) {
				if err := flip(t, dir); err != nil {
					return 0, err
				}
				return 0, errBroken
			}
			return v, nil
		})).To(out)
		if err := launch.Run(t.Context(), env, "durable", launch.TempDir(temp)); err != nil {
			t.Fatal(err)
		}
		wantCounts(t, out.Results(), 300)
		if left, _ := os.ReadDir(temp); len(left) > 0 {
			t.Errorf("%v is left", left)
		}
	})
}

// flip damages all data objects.
func flip(t *testing.T, dir string) error {
	damaged := 0
	for _, f := range files(t, dir) {
		if strings.HasPrefix(filepath.Base(f), "manifest") {
			continue
		}
		data, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		for i := range data {
			data[i] ^= 1
		}
		if err := os.WriteFile(f, data, 0o666); err != nil {
			return err
		}
		damaged++
	}
	if damaged == 0 {
		return fmt.Errorf("there are no objects in %s", dir)
	}
	return nil
}
