package launch

import (
	"context"
	"net/http"

	"github.com/flott-dev/flott/internal/exposition"
)

// MetricsHandler answers scrapes of Prometheus with the metrics of this process and of jobs that run in it, by the names that
// docs/metrics.md tells. What a job has ended goes with it. Jobs on a cluster are scraped there, and have none here.
//
//	http.Handle("GET /metrics", launch.MetricsHandler(job))
//
// Who may come in is for the program to say.
func MetricsHandler(jobs ...*Job) http.Handler {
	return exposition.Handler(func(context.Context) []exposition.Scope {
		host := exposition.Host()
		all := []exposition.Scope{{Name: exposition.TaskManagerScope, Labels: []exposition.Label{host}, Values: exposition.Process()}}
		for _, j := range jobs {
			if j.job == nil || j.job.State().Done() {
				continue
			}
			name := exposition.Label{Name: "job_name", Value: j.name}
			all = append(append(all, j.job.Scope(host, name)), j.job.TaskScopes(host, name)...)
		}
		return all
	}, exposition.Options{})
}
