package flotttest

import (
	"context"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/stream"
)

// Collect runs the job of env in this process and returns the records of s. Those of one subtask
// are in order.
func Collect[T any](t testing.TB, env *stream.Env, s *stream.Stream[T]) []T {
	t.Helper()
	out := collect.To[T]()
	s.To(out)
	plan, settings, err := env.Plan()
	if err != nil {
		t.Fatal(err)
	}
	j, err := job.Start(context.Background(), plan, job.Options{
		Name: t.Name(), Checkpoints: settings.Checkpoints, Restart: settings.Strategy(), AtLeastOnce: settings.AtLeastOnce,
		Batch: settings.Mode == stream.Batch, Clock: clock.System{},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Wait(); err != nil {
		t.Fatal(err)
	}
	return out.Results()
}
