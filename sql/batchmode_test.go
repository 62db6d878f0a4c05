package sql_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

// watched runs jobs and notes what a checkpoint of them gives.
type watched struct{ noted chan error }

func (x watched) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	j, err := launch.Start(ctx, env, name)
	if err != nil {
		return nil, err
	}
	time.AfterFunc(20*time.Millisecond, func() { // some intervals of checkpoints
		_, err := j.Checkpoint(ctx)
		if last, _, _ := j.Checkpoints(); err == nil || len(last) > 0 {
			panic("there are checkpoints")
		}
		j.Cancel()
		x.noted <- err
	})
	return j, nil
}

// TestBatchTakesNoCheckpoints: operators of batch mode have no state that a checkpoint could hold.
func TestBatchTakesNoCheckpoints(t *testing.T) { synctest.Test(t, testBatchTakesNoCheckpoints) }

func testBatchTakesNoCheckpoints(t *testing.T) {
	noted := make(chan error, 1)
	s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(watched{noted}),
		sql.Set("execution.runtime-mode", "BATCH"), sql.Set("execution.checkpointing.interval", "1 ms"))
	script(t, s, "CREATE TABLE d (a INT) WITH ('connector' = 'datagen', 'number-of-rows' = '100000', 'rows-per-second' = '1')")
	r, err := s.Execute(t.Context(), "SELECT a, COUNT(*) FROM d GROUP BY a ORDER BY a")
	if err != nil {
		t.Fatal(err)
	}
	if err := <-noted; err == nil || !strings.Contains(err.Error(), "a job in batch mode takes no snapshots") {
		t.Errorf("a checkpoint gives %v", err)
	}
	for b, err := range r.Batches() {
		if err == nil {
			t.Errorf("there are %d rows", b.Len())
		}
	}
}
