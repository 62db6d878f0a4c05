package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// config is what one process does.
type config struct {
	Dir         string // for everything
	Entries     int64
	EntryBytes  int
	Memory      int64 // stream.StateMemory
	Limit       int64 // GOMEMLIMIT
	Parallelism int
	Interval    time.Duration // between checkpoints
	Records     int64         // after which the process takes a last checkpoint and ends
}

// figures are what a process has measured.
type figures struct {
	Records     int64 // that it processed
	Elapsed     time.Duration
	PeakBytes   int64 // of memory that was resident
	CPU         time.Duration
	Restore     time.Duration // until the first record
	RestoreCPU  time.Duration
	Checkpoints int   // completed
	StateBytes  int64 // what the last checkpoint consists of
}

// stride takes one record to the key of the next, so that neighbours in time are none on disk.
const stride = 2_654_435_761

// keyOf is the key of a record. Each run of Entries records has each key once.
func (c *config) keyOf(n int64) uint64 {
	hi, lo := bits.Mul64(uint64(n%c.Entries), stride)
	_, key := bits.Div64(hi, lo, uint64(c.Entries))
	return key
}

// pause is how long a record takes when there were enough.
const pause = 100 * time.Microsecond

// fill makes the value of a key in a round: its round, then bytes that do not compress.
func fill(value []byte, key uint64, round int64) {
	binary.LittleEndian.PutUint64(value, uint64(round))
	x := key<<20 ^ uint64(round)
	for i := 8; i < len(value); i += 8 {
		x += 0x9e3779b97f4a7c15
		z := x
		z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
		z = (z ^ z>>27) * 0x94d049bb133111eb
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], z^z>>31)
		copy(value[i:], word[:])
	}
}

// changeEvery is how many keys there are for each one that every round changes. It divides Entries.
const changeEvery = 8

// build makes the job: each record finds the value that earlier rounds have left of its key, byte for
// byte, and some leave that of their own round.
func (c *config) build(done *discard.Sink[int64]) *stream.Env {
	env := stream.NewEnv(
		stream.Parallelism(c.Parallelism), stream.StateBackend("pebble"), stream.StateMemory(c.Memory),
		stream.Checkpoint(c.Interval), stream.CheckpointDir(filepath.Join(c.Dir, "checkpoints")),
	)
	numbers := stream.From(env, datagen.Source(func(n int64) int64 {
		if done.Count() >= c.Records {
			time.Sleep(pause) // only the last checkpoint is missing
		}
		return n
	}, datagen.Options{})).
		Parallelism(1).UID("numbers")
	keyed := stream.KeyBy(numbers, c.keyOf)
	want := make([][]byte, c.Parallelism)
	for i := range want {
		want[i] = make([]byte, c.EntryBytes)
	}
	stream.Scan(keyed, func(x *stream.Ctx[uint64, int64], value *[]byte, n int64) error {
		round, want := n/c.Entries, want[x.Subtask()]
		changes, last := n%changeEvery == 0, int64(0)
		if changes {
			last = round - 1
		}
		if round == 0 {
			if len(*value) > 0 {
				return fmt.Errorf("key %d has a value before it was written", x.Key())
			}
			*value = make([]byte, c.EntryBytes)
		} else if fill(want, x.Key(), last); !bytes.Equal(*value, want) {
			return fmt.Errorf("key %d is not as round %d has left it: %d bytes", x.Key(), last, len(*value))
		}
		if round == 0 || changes {
			fill(*value, x.Key(), round)
		}
		x.Emit(n)
		return nil
	}).UID("values").To(done)
	return env
}

// run runs the job, which goes on where an earlier process was, until it has processed so many
// records, takes a checkpoint and leaves it behind.
func (c *config) run(ctx context.Context) (f figures, err error) {
	began, cpu := time.Now(), cputime.Process()
	done := discard.To[int64]()
	j, err := launch.Start(ctx, c.build(done), "bigstate", launch.TempDir(c.Dir))
	if err != nil {
		return f, err
	}
	tick, tell := time.NewTicker(10*time.Millisecond), time.NewTicker(10*time.Second)
	defer tick.Stop()
	defer tell.Stop()
	var enough time.Time // when there were enough records
	for last := (launch.Checkpoint{}); enough.IsZero() || !last.Triggered.After(enough); {
		select {
		case <-j.Done():
			return f, fmt.Errorf("the job has ended by itself: %w", j.Wait())
		case <-tell.C:
			fmt.Fprintln(os.Stderr, c.progress(f, time.Since(began)))
		case <-tick.C:
		}
		if f.Records = done.Count(); f.Records > 0 && f.Restore == 0 {
			f.Restore, f.RestoreCPU = time.Since(began), cputime.Process()-cpu
		}
		if f.Records >= c.Records && enough.IsZero() {
			enough = time.Now()
		}
		last, f.Checkpoints = completed(j)
		f.StateBytes = last.FullSize
	}
	f.Records = done.Count()
	j.Cancel()
	if err := j.Wait(); !errors.Is(err, launch.ErrCanceled) {
		return f, err
	}
	f.CPU, f.Elapsed = cputime.Process()-cpu, time.Since(began)
	f.PeakBytes, err = memory(peak)
	return f, err
}

// progress says how far a process is.
func (c *config) progress(f figures, after time.Duration) string {
	text := fmt.Sprintf("%6.0f s  %d of %d records, %d checkpoints, the last of %d MB",
		after.Seconds(), f.Records, c.Records, f.Checkpoints, f.StateBytes>>20)
	if now, err := memory(resident); err == nil {
		text += fmt.Sprintf("; %d MB resident", now>>20)
	}
	return text
}

// completed is the last checkpoint that was completed, and how many were.
func completed(j *launch.Job) (last launch.Checkpoint, n int) {
	all, n, _ := j.Checkpoints()
	for _, c := range all {
		if c.Err == nil && c.Duration > 0 {
			last = c
		}
	}
	return last, n
}

// What memory can tell: how much of this process's memory is resident, and was ever.
const resident, peak = "VmRSS:", "VmHWM:"

// memory reads one of the figures above.
func memory(figure string) (int64, error) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, fmt.Errorf("the use of memory is not known on %s: %w", runtime.GOOS, err)
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, figure); ok {
			kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("/proc/self/status has no %s", strings.TrimSuffix(figure, ":"))
}
