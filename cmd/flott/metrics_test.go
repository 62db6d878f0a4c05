package main

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/flott-dev/flott/launch"
)

// metricsURL is where the TaskManager serves its metrics.
func (f flott) metricsURL() string {
	log, err := os.ReadFile(filepath.Join(f.dir, "flott", "default", "log", "taskmanager-1.log"))
	if err != nil {
		f.t.Fatal(err)
	}
	return regexp.MustCompile(`metrics are at (\S+)`).FindStringSubmatch(string(log))[1]
}

// scrape asks with a token, and returns the sums of what comes by names.
func (f flott) scrape(url, token string) (status int, sums map[string]float64, text string) {
	f.t.Helper()
	r, err := http.NewRequest("GET", url, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	if resp.StatusCode != 200 {
		return resp.StatusCode, nil, string(body)
	}
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(strings.NewReader(string(body)))
	if err != nil {
		f.t.Fatalf("%v: %s", err, body)
	}
	sums = map[string]float64{}
	for name, family := range families {
		for _, m := range family.Metric {
			sums[name] += m.Gauge.GetValue()
		}
	}
	return resp.StatusCode, sums, string(body)
}

// TestMetricsOfProcesses scrapes a cluster with tokens: nobody without one, its JobManager, and its TaskManager with the worker of a
// job, also while the worker stands still, and after the job.
func TestMetricsOfProcesses(t *testing.T) {
	f := flott{t, t.TempDir()}
	const token, viewer = "the-token-of-the-administrator", "the-token-of-grafana"
	credentials := filepath.Join(t.TempDir(), "credentials")
	if err := os.WriteFile(credentials, []byte("viewer grafana "+viewer+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("FLOTT_TOKEN", token)
	f.run("cluster", "start", "-D", "taskmanager.numberOfTaskSlots=4", "-D", "rest.port=0", "-D", "jobmanager.rpc.port=0",
		"-D", "metrics.reporters=prom", "-D", "metrics.reporter.prom.port=0", "-D", "security.rest.credentials-file="+credentials)
	defer func() { f.run("cluster", "stop") }()
	job := f.command(jobVariable, t.TempDir())
	job.Env = append(job.Env, launch.JobManagerVariable+"="+f.url())
	if err := job.Start(); err != nil {
		t.Fatal(err)
	}
	f.until("a checkpoint", func() bool { return f.checkpoints() > 1 })
	manager, url := f.url()+"/metrics", f.metricsURL()
	for _, url := range []string{manager, url} {
		for _, wrong := range []string{"", viewer + "x"} {
			if status, _, text := f.scrape(url, wrong); status != 401 {
				t.Errorf("%s with the token %q: %d %s", url, wrong, status, text)
			}
		}
	}
	if _, got, text := f.scrape(manager, viewer); got["flink_jobmanager_job_numberOfCompletedCheckpoints"] < 2 || got["flink_jobmanager_taskSlotsTotal"] != 4 {
		t.Errorf("the JobManager tells %s", text)
	}
	const in, silent = "flink_taskmanager_job_task_numRecordsIn", "flink_taskmanager_Status_WorkersSilent"
	_, got, text := f.scrape(url, viewer)
	if got[in] <= 0 || got["flink_taskmanager_job_task_operator_numRecordsIn"] <= 0 || got["flink_taskmanager_Status_Workers"] != 1 || got[silent] != 0 {
		t.Errorf("the TaskManager tells %s", text)
	}
	if n := strings.Count(text, "\nflink_taskmanager_Status_JVM_Threads_Count{"); n != 2 {
		t.Errorf("%d processes tell of their goroutines", n)
	}
	if strings.Contains(text, token) || strings.Contains(text, viewer) {
		t.Error("a token is among the metrics")
	}
	worker := f.worker()
	if err := syscall.Kill(worker, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, got, text := f.scrape(url, viewer); got[silent] != 1 || got[in] != 0 {
			t.Errorf("of a worker that stands still it tells %s", text)
		}
	}
	if err := syscall.Kill(worker, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	f.until("an answer of the worker", func() bool {
		_, got, _ := f.scrape(url, viewer)
		return got[silent] == 0 && got[in] > 0
	})
	f.run("cancel", "counts")
	_ = job.Wait() // it was cancelled
	f.until("an end of the job's metrics", func() bool {
		_, got, text := f.scrape(url, viewer)
		return got["flink_taskmanager_Status_Workers"] == 0 && !strings.Contains(text, "job_name")
	})
	if _, got, _ := f.scrape(manager, viewer); got["flink_jobmanager_numRunningJobs"] != 0 {
		t.Errorf("the JobManager tells %v", got)
	}
}
