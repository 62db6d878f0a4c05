package sql_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
	"github.com/flott-dev/flott/stream"
)

// interrupted runs jobs in two parts: up to a batch of their sources, and from the snapshot that was taken there.
type interrupted struct {
	batch   int64
	options []launch.Option
}

func (x interrupted) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	first, cancel := context.WithCancel(ctx)
	p := &parts{done: make(chan struct{}), cancel: cancel}
	var snapshot *launch.Snapshot
	j, err := launch.Start(first, env, name, append(x.options, launch.SnapshotAtBatch(x.batch, func(s *launch.Snapshot, err error) {
		if err == nil {
			snapshot = s
		}
		cancel()
	}))...)
	if err != nil {
		cancel()
		return nil, err
	}
	go func() {
		defer close(p.done)
		p.err = j.Wait()
		if !errors.Is(p.err, launch.ErrCanceled) || snapshot == nil || ctx.Err() != nil {
			return
		}
		p.err = launch.Run(ctx, env, name, append(x.options, launch.Restore(snapshot))...)
		interruptions.Lock()
		interruptions.n++
		interruptions.Unlock()
	}()
	return p, nil
}

// interruptions counts jobs that were restored.
var interruptions struct {
	sync.Mutex
	n int
}

type parts struct {
	done   chan struct{}
	cancel context.CancelFunc
	err    error
}

func (p *parts) Wait() error           { <-p.done; return p.err }
func (p *parts) Done() <-chan struct{} { return p.done }
func (p *parts) Cancel()               { p.cancel() }
func (p *parts) Stop()                 {}

// TestGoldenCasesRestored stops each streaming case after a batch, and goes on from the snapshot: the changes of both
// parts are those of Flink together.
func TestGoldenCasesRestored(t *testing.T) {
	files, err := sqltest.Files([]string{"testdata/golden", "testdata/queries"})
	if err != nil {
		t.Fatal(err)
	}
	data, remove, err := sqltest.Data("testdata/data")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(remove)
	differs := differences(t)
	seed := turns(t)
	for i, file := range files {
		c, err := sqltest.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		if c.Head["mode"] != "streaming" || c.Error != "" || differs[c.Name] != "" || !strings.Contains(c.Sections["setup"], "CREATE TABLE") ||
			strings.Contains(c.Sections["query"]+c.Sections["setup"], "MATCH_RECOGNIZE") {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			for k, at := range []struct {
				batch   int64
				backend string
				set     string
			}{{2, "hashmap", ""}, {5, "pebble", ""}, {4, "hashmap", miniBatch}, {3, "hashmap", miniBatch + split}} {
				if !isTurn(uint64(i), uint64(k), seed, false) {
					continue
				}
				if at.set != "" && c.Head["order-sensitive"] != "" {
					continue
				}
				cfg := &sqltest.Config{Data: data, EachRow: at.set == "", NewSession: func(options ...sql.Option) *sql.Session {
					options = append(options, settings(at.set)...)
					options = append(options, sql.With(all.Factories(), all.Formats()), sql.Set("state.backend.type", at.backend),
						sql.On(interrupted{at.batch, []launch.Option{launch.BatchRows(2)}}))
					return sql.NewSession(options...)
				}}
				if v := sqltest.Run(t.Context(), cfg, c); v.Outcome == sqltest.Failed {
					t.Errorf("restored after batch %d, %s\n%s\n%s", at.batch, at.backend, c.Sections["query"], v.Report)
				}
			}
		})
	}
	if interruptions.n < 100 {
		t.Errorf("%d jobs were restored; there are more cases", interruptions.n)
	}
}
