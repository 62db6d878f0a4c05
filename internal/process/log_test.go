package process

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	writers = 4
	written = 20_000 // lines of each
)

// write writes from several goroutines, which rotate now and then while the others write, then crashes.
func write([]string) error {
	var s settings
	if err := json.Unmarshal([]byte(os.Getenv(childVariable)), &s); err != nil {
		return err
	}
	var rotor struct {
		sync.Mutex
		rotor
	}
	rotor.log, rotor.fds = s.Log, []int{1, 2}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			file := os.Stdout
			if w%2 == 1 {
				file = os.Stderr
			}
			for n := range written {
				fmt.Fprintf(file, "%d %d\n", w, n)
				if n%500 == 0 {
					rotor.Lock()
					if _, err := rotor.check(); err != nil {
						panic(err)
					}
					rotor.Unlock()
				}
			}
		})
	}
	all.Wait()
	panic("done")
}

func TestRotation(t *testing.T) {
	for _, keep := range []int{3, 1_000_000} {
		dir := t.TempDir()
		c := command(t, dir, "write")
		c.Log.SizeMax, c.Log.Keep = 10_000, keep
		e := start(t, c).Wait()
		if e.Code != 2 || !slices.Contains(e.LastLines, "panic: done") {
			t.Fatalf("ended with %v", e)
		}
		files, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		if keep == 3 {
			if len(files) != 4 {
				t.Errorf("%d files, want 4: %v", len(files), files)
			}
			continue
		}
		t.Logf("%d files", len(files))
		if len(files) < 10 {
			t.Errorf("%d files for 900 kB in files of 10 kB", len(files))
		}
		var next [writers]int
		for n := len(files) - 1; n >= 0; n-- { // the oldest first
			path := c.Log.Path
			if n > 0 {
				path = c.Log.older(n)
			}
			countLines(t, path, &next)
		}
		if next != [writers]int{written, written, written, written} {
			t.Errorf("the writers' lines end with %v", next)
		}
	}
}

// countLines counts the lines of each writer, which must have all of them in order.
func countLines(t *testing.T, path string, next *[writers]int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		var w, n int
		if k, _ := fmt.Sscanf(line, "%d %d\n", &w, &n); k < 2 {
			return // the crash
		}
		if n != next[w] {
			t.Fatalf("%s: line %d of writer %d, want %d", path, n, w, next[w])
		}
		next[w]++
	}
}

// fill writes until its file has been rotated twice.
func fill(args []string) error {
	tether()
	for {
		fmt.Println(strings.Repeat("x", 1000))
		if _, err := os.Stat(args[0] + ".2"); err == nil {
			return nil
		}
	}
}

// TestTetherRotates: a child looks after its file by itself.
func TestTetherRotates(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	c := roleCommand(path, "fill", path)
	c.Log.SizeMax, c.Log.Keep = 100_000, 2
	if err := start(t, c).Wait().Err(); err != nil {
		t.Fatal(err)
	}
}

// TestLives: each life has a file of its own, and the last lines are those of its life only.
func TestLives(t *testing.T) {
	dir := t.TempDir()
	for life := range 4 {
		c := command(t, dir, "exit", strconv.Itoa(life))
		c.Log.Keep = 2
		if e := start(t, c).Wait(); e.Code != life || !slices.Equal(e.LastLines, []string{"one", "two"}) {
			t.Errorf("ended with %v", e)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "exit.log*"))
	if err != nil || len(files) != 3 {
		t.Errorf("files %v, %v; want three", files, err)
	}
}

func TestLastLines(t *testing.T) {
	l := Log{Path: filepath.Join(t.TempDir(), "log")}
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	numbers := func(from, to int) string {
		var b strings.Builder
		for n := from; n < to; n++ {
			fmt.Fprintf(&b, "%d\n", n)
		}
		return b.String()
	}
	write(l.older(1), "of another life\n")
	end := newTail(l)
	for _, c := range []struct{ text, first, last string }{
		{numbers(0, 50), "30", "49"},
		{numbers(0, 3), "0", "2"},
		{strings.Repeat("x", tailBytes) + "\n" + numbers(0, 3), "0", "2"},
		{"begin\npanic: no\n" + numbers(0, 90), "panic: no", "18"},
		{"panic: no\n" + numbers(0, 9), "panic: no", "8"},
		{"a\xff\r\n" + strings.Repeat("é", 400) + "\n", "a�", strings.Repeat("é", 250) + " …"},
	} {
		write(l.Path, c.text)
		if got := end.lines(); got[0] != c.first || got[len(got)-1] != c.last {
			t.Errorf("%.20q: lines %q", c.text, got)
		}
	}
	if err := os.Rename(l.Path, l.older(1)); err != nil { // rotated
		t.Fatal(err)
	}
	write(l.Path, "new\n")
	if got := end.lines(); got[0] != "a�" || got[len(got)-1] != "new" {
		t.Errorf("after a rotation: %q", got)
	}
}

func TestNextLook(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		last        time.Duration
		grown, room int64
		want        time.Duration
	}{
		{10 * ms, 0, 100, 20 * ms},
		{800 * ms, 0, 100, time.Second},
		{100 * ms, 10, 100, 200 * ms},  // room for a second, but never more than twice
		{100 * ms, 100, 100, 50 * ms},  // half of the room
		{100 * ms, 5000, 100, 10 * ms}, // the least
		{100 * ms, 10, -5, 200 * ms},   // has been rotated
	} {
		if got := nextLook(c.last, c.grown, c.room); got != c.want {
			t.Errorf("nextLook(%v, %d, %d) = %v, want %v", c.last, c.grown, c.room, got, c.want)
		}
	}
}
