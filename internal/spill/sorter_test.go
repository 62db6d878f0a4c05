package spill_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/spill"
)

// records adds n records, whose payload begins with their number, and returns them.
func records(t *rapid.T, s *spill.Sorter, n int) (keys, payloads [][]byte) {
	for i := range n {
		key := []byte(strings.Repeat("k", rapid.IntRange(0, 12).Draw(t, "length")) + rapid.SampledFrom([]string{"", "a", "\x00"}).Draw(t, "key"))
		payload := fmt.Appendf(nil, "%d,", i)
		if rapid.IntRange(0, 50).Draw(t, "large") == 0 {
			payload = append(payload, bytes.Repeat([]byte{'x'}, rapid.SampledFrom([]int{30 << 10, 300 << 10}).Draw(t, "bytes"))...)
		}
		if err := s.Put(append(append(s.Room(), key...), payload...), len(key)); err != nil {
			t.Fatal(err)
		}
		keys, payloads = append(keys, key), append(payloads, payload)
	}
	return keys, payloads
}

func TestSorterAgainstModel(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		d := &spill.Dir{Parent: parent}
		s := &spill.Sorter{Dir: d, Budget: rapid.SampledFrom([]int64{1, 100, 3000, 1 << 30}).Draw(t, "budget")}
		if rapid.Bool().Draw(t, "some") {
			s.Keep = rapid.Int64Range(1, 300).Draw(t, "keep")
		}
		keys, payloads := records(t, s, rapid.IntRange(0, 500).Draw(t, "records"))
		order := make([]int, len(keys))
		for i := range order {
			order[i] = i
		}
		slices.SortStableFunc(order, func(i, j int) int { return bytes.Compare(keys[i], keys[j]) })
		if s.Keep > 0 {
			order = order[:min(int(s.Keep), len(order))]
		}
		if err := s.Sort(); err != nil {
			t.Fatal(err)
		}
		stop := rapid.IntRange(0, 2*len(order)).Draw(t, "stop")
		for n, i := range order {
			if n == stop { // what was not read goes too
				break
			}
			if !bytes.Equal(s.Key(), keys[i]) || !bytes.Equal(s.Payload(), payloads[i]) {
				t.Fatalf("record %d is %q %.10q, want %q %.10q", n, s.Key(), s.Payload(), keys[i], payloads[i])
			}
			if err := s.Next(); err != nil {
				t.Fatal(err)
			}
		}
		if s.Keep == 0 && stop > len(order) && s.Key() != nil {
			t.Fatal("there is more")
		}
		s.Close()
		dirs, _ := filepath.Glob(parent + "/*/*")
		if len(dirs) > 0 {
			t.Fatalf("left over: %v", dirs)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestSorterDropsWhatIsNotKept: nothing is written for a few of many.
func TestSorterDropsWhatIsNotKept(t *testing.T) {
	s := &spill.Sorter{Dir: &spill.Dir{Parent: "/no/such/directory"}, Budget: 2 << 20, Keep: 10}
	for i := range 200_000 {
		if err := s.Put(fmt.Appendf(s.Room(), "%09d,%d", (i*7919)%200_000, i), 9); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sort(); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		if want := fmt.Sprintf("%09d", i); string(s.Key()) != want {
			t.Fatalf("record %d is %s", i, s.Key())
		}
		if err := s.Next(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSorterOnFullDisk: the error says what is full, and where that is set; nothing stays open.
func TestSorterOnFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there is no /dev/full")
	}
	d := &spill.Dir{Parent: t.TempDir()}
	sub, err := d.Sub("x")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(sub)
	if err := os.Symlink("/dev/full", filepath.Join(dir, "1")); err != nil {
		t.Fatal(err)
	}
	s := &spill.Sorter{Dir: d, Budget: 100}
	for i := 0; err == nil && i < 100; i++ {
		err = s.Put(append(s.Room(), "abcdefgh"...), 4)
	}
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "io.tmp.dirs") {
		t.Errorf("got %v", err)
	}
	s.Close()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
}
