package rest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/stream"
)

// TestPendingRecords: a source tells what it has still to read, a vertex without one has no such metric.
func TestPendingRecords(t *testing.T) {
	const count = 1 << 40
	s := newSite(t, rest.Options{}, func(env *stream.Env) {
		numbers := stream.From(env, datagen.Source(func(n int64) int64 { return n }, datagen.Options{Count: count}))
		numbers.Rebalance().To(discard.To[int64]())
	}, stream.Parallelism(2))
	s.Join("tm-1", 2)
	id := s.Submit(nil)
	var job restapi.JobDetails
	s.must(200, "GET", "/jobs/"+id, "", &job)
	path := func(v int) string { return "/jobs/" + id + "/vertices/" + job.Vertices[v].ID + "/subtasks/metrics" }
	s.Until("the source tells", func() bool {
		var sums []restapi.MetricSummary
		s.must(200, "GET", path(0)+"?get=pendingRecords&agg=sum", "", &sums)
		return len(sums) == 1 && *sums[0].Sum > 0 && *sums[0].Sum < count
	})
	var names []restapi.MetricSummary
	s.must(200, "GET", path(1), "", &names)
	if len(names) == 0 || slices.ContainsFunc(names, func(m restapi.MetricSummary) bool { return strings.HasPrefix(m.ID, "pending") }) {
		t.Errorf("the metrics of what has no source: %+v", names)
	}
	s.must(202, "PATCH", "/jobs/"+id, "", nil)
}
