package rest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/restapi"
)

// TestOperations begins operations twice, asks about them, forgets the oldest, and ends in the middle.
func TestOperations(t *testing.T) {
	ctx, end := context.WithCancel(context.Background())
	o := operations{ctx: ctx}
	id, runs := "00000000000000000000000000000ABC", 0
	release := make(chan bool)
	for range 2 {
		got, err := o.begin("job", "savepoint", id, func(context.Context) (restapi.Operation, error) {
			runs++
			<-release
			return restapi.Operation{Location: "there"}, nil
		})
		if err != nil || got.ID != "00000000000000000000000000000abc" {
			t.Fatal(got, err)
		}
	}
	if r, err := o.look("job", "savepoint", id); err != nil || r.Status.ID != restapi.InProgress || r.Operation != nil {
		t.Errorf("under way: %+v, %v", r, err)
	}
	for _, k := range []operationKey{{"other", "savepoint", id}, {"job", "checkpoint", id}} {
		if _, err := o.look(k.scope, k.kind, k.id); statusOf(err) != 404 {
			t.Errorf("%v: %v", k, err)
		}
	}
	close(release)
	o.running.Wait()
	if r, err := o.look("job", "savepoint", id); err != nil || runs != 1 || r.Status.ID != restapi.Completed || r.Operation.Location != "there" {
		t.Errorf("after %d runs: %+v, %v", runs, r, err)
	}
	var last *restapi.Trigger
	for range endedMost {
		var err error
		last, err = o.begin("job", "savepoint", "", func(context.Context) (restapi.Operation, error) {
			return restapi.Operation{}, errors.New("no")
		})
		if err != nil {
			t.Fatal(err)
		}
		o.running.Wait()
	}
	if _, err := o.look("job", "savepoint", id); statusOf(err) != 404 {
		t.Errorf("the oldest is not forgotten: %v", err)
	}
	if r, err := o.look("job", "savepoint", last.ID); err != nil || r.Operation.FailureCause.StackTrace != "no" {
		t.Errorf("the last: %+v, %v", r, err)
	}
	if len(o.mu.all) != endedMost {
		t.Errorf("%d are remembered", len(o.mu.all))
	}
	_, err := o.begin("job", "stop", "", func(ctx context.Context) (restapi.Operation, error) {
		<-ctx.Done()
		return restapi.Operation{}, ctx.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
	end()
	o.running.Wait()
	if _, err := o.begin("job", "stop", "", nil); statusOf(err) != 503 {
		t.Errorf("after the end: %v", err)
	}
}

// TestQuantiles compares with what Flink gives for the same values.
func TestQuantiles(t *testing.T) {
	q := quantilesOf([]int64{41, 10, 31})
	if got := fmt.Sprint(q); got != "{10 41 27 31 41 41 41 41}" {
		t.Errorf("quantiles %s", got)
	}
	if got := fmt.Sprint(quantilesOf(nil)); got != "{0 0 0 NaN NaN NaN NaN NaN}" {
		t.Errorf("of nothing %s", got)
	}
	if got := fmt.Sprint(spreadOf([]int64{4, 1, 3, 2})); got != "{1 4 2 10 2 1 3 4}" {
		t.Errorf("spread %s", got)
	}
}
