package discard_test

import (
	"context"
	"fmt"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCountsAllSubtasks(t *testing.T) {
	env := stream.NewEnv(stream.Parallelism(3))
	out := discard.To[int64]()
	stream.From(env, slice.Sequence(1, 10_000)).To(out).Name("nowhere")
	job, err := launch.Start(context.Background(), env, "count")
	if err != nil {
		t.Fatal(err)
	}
	if err := job.Wait(); err != nil {
		t.Fatal(err)
	}
	metered := int64(0)
	for _, v := range job.Status().Vertices {
		for _, s := range v.Subtasks {
			for _, m := range s.Metrics["nowhere"] {
				if m.Name == "numRecordsDropped" {
					metered += m.Value
				}
			}
		}
	}
	if out.Count() != 10_000 || metered != 10_000 {
		t.Errorf("%d records counted, %d in the metrics", out.Count(), metered)
	}
}

func ExampleTo() {
	env := stream.NewEnv()
	out := discard.To[int64]()
	stream.From(env, slice.Sequence(1, 100)).To(out)
	if err := launch.Run(context.Background(), env, "drop"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(out.Count(), "records")
	// Output:
	// 100 records
}
