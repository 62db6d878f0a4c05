package jobmanager

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/schedule"
)

// endedJob is the view of a job that ended n seconds after it could first have.
func endedJob(n int) *JobView {
	v := &JobView{Cause: errors.New("disk full")}
	began := time.UnixMilli(1_700_000_000_000).UTC()
	v.ID, v.Name, v.State, v.Began, v.Ended = fmt.Sprintf("%032x", n), "job", schedule.Failed, began, began.Add(time.Duration(n)*time.Second)
	v.Program.Hash, v.Settings.Directory = "1f", "file:///x"
	return v
}

// keeper is a history in a directory with jobs that have ended, and what it logs.
func keeper(t *testing.T, o History, jobs ...int) (h *history, log *bytes.Buffer) {
	t.Helper()
	log = &bytes.Buffer{}
	if o.Directory == "" {
		o.Directory = t.TempDir()
	}
	h = &history{History: o, open: blob.Open, log: slog.New(slog.NewTextHandler(log, nil))}
	for _, n := range jobs {
		v := endedJob(n)
		data, err := encodeArchive(v)
		if err == nil {
			err = h.put(t.Context(), nameOf(v), data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return h, log
}

// idsOf are the numbers of jobs.
func idsOf(all []*JobView) (ns []int) {
	for _, v := range all {
		var n int
		fmt.Sscanf(v.ID, "%x", &n)
		ns = append(ns, n)
	}
	return ns
}

// TestHistoryReads: the newest archives are read, those after a time only, as they were written.
func TestHistoryReads(t *testing.T) {
	h, log := keeper(t, History{}, 3, 1, 2, 40)
	for _, c := range []struct {
		most  int
		after time.Time
		want  []int
	}{{9, time.Time{}, []int{1, 2, 3, 40}}, {2, time.Time{}, []int{3, 40}}, {9, endedJob(2).Ended, []int{3, 40}}} {
		all, err := h.read(t.Context(), c.most, c.after)
		if got := idsOf(all); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v, %v are read, want %v", got, err, c.want)
		}
	}
	all, _ := h.read(t.Context(), 1, time.Time{})
	if want := endedJob(40); !reflect.DeepEqual(all[0], want) {
		t.Errorf("it is\n%+v, was\n%+v", all[0], want)
	}
	if log.Len() > 0 {
		t.Error(log)
	}
}

// TestDamagedArchives: an archive that is cut off, or of which any byte is another, or that is not what its name says, is
// reported by its name and passed over; what is no archive is left alone.
func TestDamagedArchives(t *testing.T) {
	h, log := keeper(t, History{}, 1, 2)
	path := filepath.Join(h.Directory, nameOf(endedJob(2)))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	reads := func(what string, data []byte) {
		t.Helper()
		log.Reset()
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		all, err := h.read(t.Context(), 9, time.Time{})
		if got := idsOf(all); err != nil || !slices.Equal(got, []int{1}) {
			t.Errorf("%s: %v, %v are read", what, got, err)
		}
		if !strings.Contains(log.String(), path) {
			t.Errorf("%s: the archive is not named in %q", what, log)
		}
	}
	for n := range len(whole) {
		reads(fmt.Sprintf("%d bytes", n), whole[:n])
	}
	for i := range whole {
		other := bytes.Clone(whole)
		if other[i] ^= 1; decodes(whole, other) {
			t.Fatalf("byte %d may be another", i)
		}
		reads(fmt.Sprintf("byte %d", i), other)
	}
	reads("another job's", must(encodeArchive(endedJob(1))))
	running := endedJob(2)
	running.State = schedule.Running
	reads("one that runs", must(encodeArchive(running)))

	log.Reset()
	for _, name := range []string{"README", nameOf(endedJob(3)) + "~"} {
		if err := os.WriteFile(filepath.Join(h.Directory, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if all, err := h.read(t.Context(), 9, time.Time{}); err != nil || len(all) != 1 || log.Len() > 0 {
		t.Errorf("%v, %v are read, and %q logged", idsOf(all), err, log)
	}
}

// decodes reports whether data is that of the same job, though it is not the same.
func decodes(whole, other []byte) bool {
	a, _ := decodeArchive(whole)
	b, err := decodeArchive(other)
	return err == nil && !reflect.DeepEqual(a, b)
}

func must(data []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return data
}

// TestHistoryPrunes: archives are deleted that are too many, or too old.
func TestHistoryPrunes(t *testing.T) {
	for _, c := range []struct {
		o    History
		want []int
	}{
		{History{}, []int{1, 2, 3, 4, 5}},
		{History{Jobs: 2}, []int{4, 5}},
		{History{Jobs: 9}, []int{1, 2, 3, 4, 5}},
		{History{Age: 3 * time.Second}, []int{3, 4, 5}},
		{History{Age: 3 * time.Second, Jobs: 1}, []int{5}},
	} {
		h, _ := keeper(t, c.o, 1, 2, 3, 4, 5)
		if err := h.prune(t.Context(), endedJob(5).Ended); err != nil {
			t.Error(err)
		}
		all, err := h.read(t.Context(), 9, time.Time{})
		if got := idsOf(all); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("of %+v %v, %v are left, want %v", c.o, got, err, c.want)
		}
	}
}

// shown are the jobs that a Manager shows.
func shown(m *Manager) (ids []string) {
	for _, j := range m.Jobs() {
		ids = append(ids, j.ID)
	}
	return ids
}

// TestForgottenByAge: jobs that have ended are forgotten when they are too old, and the archives of those that are too old are
// deleted, also while nothing happens.
func TestForgottenByAge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The clock of the bubble stands still: they have ended a moment, one, two and three hours ago.
		h, _ := keeper(t, History{Age: 3*time.Hour + time.Minute})
		now := time.Now()
		var ids []string
		for _, hours := range []int{3, 2, 1, 0} {
			v := endedJob(hours + 1)
			v.Began, v.Ended = now.Add(-10*time.Hour), now.Add(-time.Duration(hours)*time.Hour)
			ids = append([]string{v.ID}, ids...)
			if err := h.put(t.Context(), nameOf(v), must(encodeArchive(v))); err != nil {
				t.Fatal(err)
			}
		}
		m := New(Options{History: h.History, Expire: 2*time.Hour + time.Minute, Log: slog.New(slog.DiscardHandler)})
		defer m.Close()
		if err := m.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := func(jobs, archives int) {
			t.Helper()
			synctest.Wait()
			if got := shown(m); !slices.Equal(got, ids[:jobs]) {
				t.Errorf("%v are shown, want %v", got, ids[:jobs])
			}
			if _, names, err := h.names(t.Context()); err != nil || len(names) != archives {
				t.Errorf("archives %v, %v are left, want %d", names, err, archives)
			}
		}
		want(3, 4)
		time.Sleep(2 * time.Minute)
		want(2, 4)
		time.Sleep(58 * time.Minute)
		want(2, 3)
		time.Sleep(4 * time.Hour)
		want(0, 0)
	})
}

// TestArchiveOfWhatIsRecorded: a JobManager that takes over makes the archive that the one before has not made, and tries again
// when it cannot be written; one that only reads makes none.
func TestArchiveOfWhatIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, _ := keeper(t, History{}, 1)
		var opened atomic.Int64
		open := func(ctx context.Context, uri string) (blob.Store, error) {
			if n := opened.Add(1); n > 1 && n < 4 {
				return nil, errors.New("no route to s3")
			}
			return blob.Open(ctx, uri)
		}
		store := ha.NewMemory()
		leadership, err := store.Campaign(t.Context(), ha.Contender{Name: "test"})
		if err != nil {
			t.Fatal(err)
		}
		if err := ha.JobsOf(leadership).End(t.Context(), endedJob(2).ID, must(encodeView(endedJob(2)))); err != nil {
			t.Fatal(err)
		}
		m := New(Options{Leadership: leadership, Open: open, History: h.History, Log: slog.New(slog.DiscardHandler)})
		if err := m.Recover(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got, want := shown(m), []string{endedJob(1).ID, endedJob(2).ID}; !slices.Equal(got, want) {
			t.Errorf("%v are shown, want %v", got, want)
		}
		m.Close() // waits for it
		all, err := h.read(t.Context(), 9, time.Time{})
		if got := idsOf(all); err != nil || !slices.Equal(got, []int{1, 2}) || opened.Load() != 4 {
			t.Errorf("archives of %v, %v, after it was opened %d times", got, err, opened.Load())
		}
		m = New(Options{History: History{Directory: h.Directory, Jobs: 1, ReadOnly: true}, Log: slog.New(slog.DiscardHandler)})
		if err := m.Recover(t.Context()); err != nil || len(m.Jobs()) != 2 {
			t.Errorf("%v, %v are shown", shown(m), err)
		}
		m.Close()
		if _, names, err := h.names(t.Context()); err != nil || len(names) != 2 {
			t.Errorf("%v, %v are left by one that only reads", names, err)
		}
	})
}
