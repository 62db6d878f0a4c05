package jobmanager

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/schedule"
)

// left is a cluster whose JobManager is gone.
type left struct {
	t     *testing.T
	store *ha.Memory
	open  func(context.Context, string) (blob.Store, error)
}

// lead has a JobManager take over, until the test ends.
func (l *left) lead() (*Manager, *ha.Jobs) {
	l.t.Helper()
	l.store.Depose()
	leadership, err := l.store.Campaign(l.t.Context(), ha.Contender{Name: "test"})
	if err != nil {
		l.t.Fatal(err)
	}
	m := New(Options{Leadership: leadership, Open: l.open, Log: slog.New(slog.DiscardHandler)})
	l.t.Cleanup(m.Close)
	if err := m.Recover(l.t.Context()); err != nil {
		l.t.Fatal(err)
	}
	synctest.Wait()
	return m, ha.JobsOf(leadership)
}

// want wants the only job to be in a state, for a reason.
func (l *left) want(m *Manager, state schedule.State, reason string) {
	l.t.Helper()
	all := m.Jobs()
	if len(all) != 1 || all[0].State != state || !strings.Contains(all[0].Waits, reason) || reason == "" && all[0].Waits != "" {
		l.t.Fatalf("the jobs are %+v, want one that is %s: %q", all, state, reason)
	}
	if v, err := m.View(all[0].ID); err != nil || v.State != state {
		l.t.Errorf("%+v, %v", v, err)
	}
}

var recordedID = strings.Repeat("0a", 16)

func recorded(t *testing.T) []byte {
	s := control.Submission{ID: recordedID, Name: "orders", Graph: wide(1, 1)}
	s.Hash, s.Platform, s.Directory, s.Checkpoints.Interval = strings.Repeat("1f", 32), "linux/amd64", "s3://there", int64(time.Second)
	data, err := control.EncodeSubmission(&s)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestUnreachableStorage: a job that cannot be taken over is there with its state and the reason, is tried again, and can be
// cancelled meanwhile, for good.
func TestUnreachableStorage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var opened atomic.Int64
		l := &left{t, ha.NewMemory(), func(context.Context, string) (blob.Store, error) {
			opened.Add(1)
			return nil, errors.New("no route to s3")
		}}
		_, jobs := l.lead()
		if err := errors.Join(jobs.Submit(t.Context(), recordedID, recorded(t)),
			jobs.SetWorkers(t.Context(), recordedID, []byte(`[{"Worker":"w1","TaskManager":"tm-1"}]`))); err != nil {
			t.Fatal(err)
		}
		m, _ := l.lead()
		l.want(m, Reconciling, "TaskManager tm-1 has not told yet")
		time.Sleep(m.o.LostTimeout) // the worker has ended by then
		synctest.Wait()
		l.want(m, Initializing, "it cannot be taken over: checkpoint directory: no route to s3")
		before := opened.Load()
		time.Sleep(10 * retryResume)
		synctest.Wait()
		if opened.Load() < before+9 {
			t.Errorf("it was tried %d times, and then %d", before, opened.Load())
		}
		if v, _ := m.View(recordedID); len(v.Failures) != 1 || !strings.Contains(v.Failures[0].Text, "no route to s3") {
			t.Errorf("the exceptions are %+v", v.Failures)
		}
		if _, err := m.Job(recordedID); !errors.Is(err, ErrRecovering) {
			t.Error(err)
		}
		if err := m.Cancel(recordedID, CancelJob); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		l.want(m, schedule.Canceled, "")
		before = opened.Load()
		m, _ = l.lead()
		l.want(m, schedule.Canceled, "")
		time.Sleep(10 * retryResume)
		synctest.Wait()
		if l.want(m, schedule.Canceled, ""); opened.Load() != before {
			t.Error("it was tried again")
		}
	})
}

// TestUnreadableRecord: a job whose record cannot be read is there with the reason, and is not lost by that; it can be
// cancelled.
func TestUnreadableRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := &left{t, ha.NewMemory(), blob.Open}
		_, jobs := l.lead()
		if err := jobs.Submit(t.Context(), recordedID, []byte(`{"Name":"orders","Graph":{"Vertices":7}}`)); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			m, _ := l.lead()
			l.want(m, Suspended, "the record of the job cannot be read")
			if v, _ := m.View(recordedID); v.Name != "orders" || len(v.Failures) != 1 {
				t.Errorf("%+v", v)
			}
			if _, err := m.Job(recordedID); !errors.Is(err, ErrSuspended) {
				t.Error(err)
			}
			if _, err := m.Rescale(recordedID, 2, nil); !errors.Is(err, ErrSuspended) {
				t.Error(err)
			}
		}
		m, _ := l.lead()
		for range 2 {
			if err := m.Cancel(recordedID, CancelJob); err != nil {
				t.Fatal(err)
			}
		}
		l.want(m, schedule.Canceled, "")
		m, jobs = l.lead()
		l.want(m, schedule.Canceled, "")
		if run, ended, err := jobs.Recover(t.Context()); err != nil || len(run)+len(ended) > 0 {
			t.Errorf("left are %v, %v, %v", run, ended, err)
		}
	})
}
