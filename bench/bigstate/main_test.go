package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv(variable) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

const (
	peakMax = 256 << 20
	// sizeVariable is the bytes of state of TestStateLargerThanMemory.
	sizeVariable = "FLOTT_BIGSTATE_SIZE"
)

// TestStateLargerThanMemory holds more state than its processes may have memory, with checkpoints
// going on, and has a second process restore it. Each process measures its own peak. It runs in the
// phase bigstate of internal/citest, with 1 GB.
func TestStateLargerThanMemory(t *testing.T) {
	size := os.Getenv(sizeVariable)
	if size == "" {
		t.Skipf("needs a program without the race detector, and minutes: make bigstate, or %s=1GB", sizeVariable)
	}
	bytes, err := parseBytes(size)
	if err != nil {
		t.Fatal(err)
	}
	c := config{
		Dir: t.TempDir(), EntryBytes: 4000, Memory: 64 << 20, Limit: 180 << 20, Parallelism: 2, Interval: 2 * time.Second,
	}
	c.Entries = (bytes/int64(c.EntryBytes) + changeEvery) / changeEvery * changeEvery
	for i, records := range []int64{c.Entries + c.Entries/20, c.Entries / 20} {
		c.Records = records
		f, err := c.spawn()
		if err != nil {
			t.Fatalf("process %d: %v", i, err)
		}
		t.Logf("process %d: %d records, %.1f s of CPU, peak of memory %d MB, %d checkpoints, the last of %d MB", i,
			f.Records, f.CPU.Seconds(), f.PeakBytes>>20, f.Checkpoints, f.StateBytes>>20)
		if f.StateBytes < c.Entries*int64(c.EntryBytes) {
			t.Errorf("process %d: a checkpoint of %d bytes cannot hold %d values of %d", i, f.StateBytes, c.Entries, c.EntryBytes)
		}
		if f.PeakBytes > peakMax {
			t.Errorf("process %d: it has had %d bytes of memory, more than %d", i, f.PeakBytes, peakMax)
		}
	}
}

// Each round has each key once, and what a value holds tells its key and round.
func TestRecords(t *testing.T) {
	c := config{Entries: 1000}
	seen := map[uint64]bool{}
	for n := range 2 * c.Entries {
		k := c.keyOf(n)
		if k >= uint64(c.Entries) || seen[k] != (n >= c.Entries) {
			t.Fatalf("record %d has key %d", n, k)
		}
		seen[k] = true
	}
	values := map[string]bool{}
	for key := range uint64(100) {
		for round := range int64(10) {
			v := make([]byte, 21)
			fill(v, key, round)
			values[string(v)] = true
		}
	}
	if len(values) != 1000 {
		t.Errorf("of 1000 values %d differ", len(values))
	}
}

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]int64{"7": 7, "64MB": 64e6, "20gb": 20e9, "": 0, "-1": 0, "9999999999TB": 0} {
		if n, err := parseBytes(s); n != want || (err == nil) != (want > 0) {
			t.Errorf("%q is %d, %v", s, n, err)
		}
	}
}

func TestProgress(t *testing.T) {
	c := config{Records: 900}
	got := c.progress(figures{Records: 300, Checkpoints: 7, StateBytes: 5 << 20}, 20*time.Second)
	want := "    20 s  300 of 900 records, 7 checkpoints, the last of 5 MB; "
	now, ok := strings.CutPrefix(got, want)
	var mb int
	if n, err := fmt.Sscanf(now, "%d MB resident", &mb); !ok || n != 1 || mb < 1 {
		t.Errorf("%q, %v; want %q and the memory that is resident", got, err, want)
	}
}
