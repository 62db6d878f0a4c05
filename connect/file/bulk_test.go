package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func TestSinkRollsOnCheckpoint(t *testing.T) {
	dir := t.TempDir()
	s := Sink(dir, EncodeLines(text), SinkOptions[string]{RollOnCheckpoint: true})
	d := drive(t, s, 0, 0)
	d.add("a", "b")
	state := d.checkpoint()
	d.commit()
	expect(t, dir, "part-0-0: a|b|")
	d.add("lost")
	must(t, d.Flush(false))
	must(t, d.writer.Close())

	d = drive(t, s, 0, 1, state) // nothing is cut: no part was open
	d.checkpoint()
	d.commit() // no record, no file
	d.add("c")
	d.checkpoint()
	d.commit()
	expect(t, dir, "part-0-0: a|b|", "part-0-1: c|")
}

// TestBulkPartsEndAtCheckpoints: what a compressed part needs at its end is there whenever it is shown.
func TestBulkPartsEndAtCheckpoints(t *testing.T) {
	for suffix, of := range map[string]func(Encoder[string]) Encoder[string]{
		".gz": Gzip[string], ".zst": Zstd[string],
	} {
		t.Run(suffix, func(t *testing.T) {
			dir := t.TempDir()
			s := Sink(dir, of(EncodeLines(text)), SinkOptions[string]{Suffix: ".txt", PartBytes: 1 << 20})
			d := drive(t, s, 0, 0)
			d.add("a", "b")
			d.add("c")
			state := d.checkpoint()
			prepared := d.items
			d.add("lost")
			must(t, d.writer.Close())

			d = drive(t, s, 0, 1, state)
			must(t, d.Commit(prepared))
			d.add("d", strings.Repeat("e", 3*flushBytes))
			must(t, d.Flush(true))
			d.checkpoint()
			d.commit()
			must(t, d.writer.Close())
			got, err := read(t, Lines(dir))
			must(t, err)
			slices.Sort(got)
			if want := []string{"a", "b", "c", "d", strings.Repeat("e", 3*flushBytes)}; !slices.Equal(got, want) {
				t.Errorf("the files have %d records, %.40q", len(got), got)
			}
			names, err := filepath.Glob(filepath.Join(dir, "part-*.txt"+suffix))
			if err != nil || len(names) != 2 {
				t.Errorf("the files are %v, %v", names, err)
			}
		})
	}
}

// bracketed writes its records between brackets.
type bracketed struct {
	w   io.Writer
	err error
}

func (b *bracketed) Write(records []string) error {
	_, err := fmt.Fprintf(b.w, "%s;", strings.Join(records, " "))
	return errors.Join(err, b.err)
}

func (b *bracketed) Close() error {
	_, err := io.WriteString(b.w, "]")
	return err
}

func brackets(err error) Encoder[string] {
	return Encoder[string]{Bulk: func(w io.Writer) (BulkWriter[string], error) {
		_, writeErr := io.WriteString(w, "[")
		return &bracketed{w, err}, writeErr
	}}
}

// TestBulkWriterSeesRuns: consecutive records of a bucket come in one call, and parts end by size and age.
func TestBulkWriterSeesRuns(t *testing.T) {
	dir := t.TempDir()
	s := Sink(dir, brackets(nil), SinkOptions[string]{
		PartBytes: 8, Bucket: func(v *string, _ time.Time) string { return (*v)[:1] },
	})
	d := drive(t, s, 0, 0)
	d.add("a1", "a2", "b1", "a3")
	expect(t, dir, "a/.part-0-0.inprogress.0: [a1 a2;a3;]", "b/.part-0-1.inprogress.0: ")
	d.now = epoch.Add(time.Hour)
	must(t, d.Tick(d.now))
	d.checkpoint()
	d.commit()
	expect(t, dir, "a/part-0-0: [a1 a2;a3;]", "b/part-0-1: [b1;]")
}

func TestBulkErrors(t *testing.T) {
	dir := t.TempDir()
	d := drive(t, Sink(dir, brackets(syscall.ENOSPC), SinkOptions[string]{}), 0, 0)
	wantError(t, d.Write([]string{"a"}, []int64{0}), "part-0-0", "no space left on device; make room")
	wantError(t, d.Flush(false), "no space left")
	s := Sink(dir, Gzip(Encoder[string]{Append: func(dst []byte, v *string) ([]byte, error) {
		return dst, errors.New("no such letter")
	}}), SinkOptions[string]{})
	wantError(t, drive(t, s, 0, 1).Write([]string{"ä"}, []int64{0}), "encode record 1 of 1, ä", "no such letter")

	env := stream.NewEnv()
	stream.From(env, slice.Of("a")).To(Sink(dir, Zstd(Gzip(EncodeLines(text))), SinkOptions[string]{}))
	wantError(t, launch.Run(context.Background(), env, "bad"), "a bulk one cannot be compressed")
}

// TestCompressedJob writes compressed files, stops with a savepoint and goes on, twice.
func TestCompressedJob(t *testing.T) {
	dir, saved := t.TempDir(), ""
	for _, parallelism := range []int{2, 3, 1} {
		env := stream.NewEnv(stream.Parallelism(parallelism), stream.SavepointDir(t.TempDir()))
		var made atomic.Int64
		some := make(chan struct{})
		numbers := datagen.Source(func(n int64) int64 {
			if made.Add(1) == 1000 {
				close(some)
			}
			return n
		}, datagen.Options{})
		stream.From(env, numbers).UID("numbers").To(Sink(dir, Gzip(EncodeLines(func(n int64) string {
			return fmt.Sprint(n)
		})), SinkOptions[int64]{PartBytes: 5000})).UID("files")
		var options []launch.Option
		if saved != "" {
			options = append(options, launch.RestoreFrom(saved, launch.NoClaim))
		}
		job, err := launch.Start(context.Background(), env, "compressed", options...)
		must(t, err)
		<-some
		saved, err = job.StopWithSavepoint(context.Background(), "", false)
		must(t, err)
		must(t, job.Wait())
	}
	got, err := read(t, JSONLines[int64](dir))
	must(t, err)
	expectNumbers(t, got)
	if hidden, _ := filepath.Glob(filepath.Join(dir, ".part*")); len(hidden) > 0 {
		t.Errorf("hidden files are left: %v", hidden)
	}
}
