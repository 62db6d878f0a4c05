package rest

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/flott-dev/flott/internal/exposition"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/jobmanager"
)

// metricsPath is that of scrapes. It is also answered while the JobManager stands by: each process has metrics of its own.
const metricsPath = "/metrics"

var metricsRoute = raw("GET", metricsPath, plainText, (*Server).scrape, "all metrics in the text format of Prometheus: see metrics.md").by(viewers)

// taskManagerRoutes are all that a TaskManager is asked for, at metrics.reporter.prom.port.
var taskManagerRoutes = []route{
	metricsRoute,
	get(healthPath, (*Server).health, "answers if the server serves, and tells nothing else").by(anybody),
}

// NewMetrics returns a server of a TaskManager's metrics, which gather gathers. It lets in whom a JobManager with these Options
// does.
func NewMetrics(gather func(context.Context) []exposition.Scope, o Options) *Server {
	s := New(nil, o)
	s.gather, s.routes = gather, taskManagerRoutes
	s.leads.Store(true)
	s.http.Handler = s.Handler()
	return s
}

// scrape answers Prometheus.
func (s *Server) scrape(w http.ResponseWriter, r *http.Request) error {
	gather := exposition.Handler(s.gather, exposition.Options{PlainLabels: s.o.PlainLabels})
	gather.ServeHTTP(slowWriter{w, s.o.WriteTimeout}, r)
	return nil
}

// clusterMetrics are those of a JobManager besides those of its process.
var clusterMetrics = []exposition.Metric[jobmanager.ClusterView]{
	exposition.Always("taskSlotsAvailable", "slots that no job has", func(c *jobmanager.ClusterView) int { return c.FreeSlots }),
	exposition.Always("taskSlotsTotal", "slots that there are", func(c *jobmanager.ClusterView) int { return c.Slots }),
	exposition.Always("numRegisteredTaskManagers", "TaskManagers that are there", func(c *jobmanager.ClusterView) int { return c.TaskManagers }),
	exposition.Always("numRunningJobs", "jobs that have not ended", runningJobs),
}

func runningJobs(c *jobmanager.ClusterView) (n int) {
	for state, jobs := range c.Jobs {
		if !state.Done() {
			n += jobs
		}
	}
	return n
}

// managerValues are the JobManager's own metrics.
func (s *Server) managerValues() []exposition.Value {
	all := exposition.Process()
	if s.leads.Load() {
		c := s.m.Cluster()
		all = append(all, exposition.Read(clusterMetrics, &c)...)
	}
	return all
}

// figuresOf is what the metrics of a job are read of.
func figuresOf(v *jobmanager.JobView) *job.Figures {
	return &job.Figures{
		Restarts: v.Restarts, Uptime: time.Duration(durationOf(&v.JobSummary)) * time.Millisecond, Checkpoints: v.Checkpoints,
	}
}

// managerScopes are the metrics of a JobManager, and of the jobs that it leads.
func (s *Server) managerScopes(context.Context) []exposition.Scope {
	host := exposition.Host()
	all := []exposition.Scope{{Name: exposition.JobManagerScope, Labels: []exposition.Label{host}, Values: s.managerValues()}}
	if !s.leads.Load() {
		return all
	}
	for _, v := range s.m.Running() {
		all = append(all, exposition.Scope{
			Name:   job.MetricsScope,
			Labels: []exposition.Label{host, {Name: "job_id", Value: v.ID}, {Name: "job_name", Value: v.Name}},
			Values: exposition.Read(job.Metrics, figuresOf(v)),
		})
	}
	return all
}

// texts are values as the REST interface has them.
func texts(values []exposition.Value) map[string]string {
	all := map[string]string{}
	for _, v := range values {
		all[v.Name] = strconv.FormatFloat(v.V, 'f', -1, 64)
	}
	return all
}
