package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/ha/configured"
	"github.com/flott-dev/flott/internal/process"
)

// clientFlags are the options of commands that talk to a JobManager.
type clientFlags struct {
	configFlags
	JobManager string `name:"jobmanager" short:"m" env:"FLOTT_JOBMANAGER" placeholder:"URL" help:"The JobManager, or several with commas between them; by default the one that leads if high-availability.type is set, rest.address and rest.port, or the local cluster that runs."`
	Name       string `default:"default" help:"The name of the local cluster."`
}

// url is the JobManager's: that of the flag, of the configuration if it names one, of the local cluster if one
// runs, or the default.
func (f *clientFlags) url(c *config.Configuration) string {
	if f.JobManager != "" {
		var all []string
		for address := range strings.SplitSeq(f.JobManager, ",") {
			if address = strings.TrimSpace(address); !strings.Contains(address, "://") {
				address = scheme(c) + address
			}
			all = append(all, address)
		}
		return strings.Join(all, ",")
	}
	if configured.Survives(c) {
		if url, err := leaderOf(c); err == nil {
			return url
		}
	}
	_, address := config.RestAddress.Lookup(c)
	_, port := config.RestPort.Lookup(c)
	if !address && !port {
		if dir, err := process.StateDir(f.Name); err == nil {
			daemons, _ := process.ClusterStatus(dir, time.Now())
			var all []string // one leads, others know it
			for _, d := range daemons {
				if url := d.Addresses["rest"]; url != "" && d.Alive {
					all = append(all, url)
				}
			}
			if len(all) > 0 {
				return strings.Join(all, ",")
			}
		}
	}
	return restURL(c)
}

// leaderTimeout is how long a command looks for the JobManager that leads.
const leaderTimeout = 10 * time.Second

// leaderOf finds the JobManager that leads in the store of high availability that the configuration names.
func leaderOf(c *config.Configuration) (url string, err error) {
	ctx, stop := context.WithTimeout(context.Background(), leaderTimeout)
	defer stop()
	s, err := configured.Open(ctx, c, nil)
	if err != nil {
		return "", err
	}
	defer s.Close()
	l, err := configured.FindLeader(ctx, s)
	return l.REST, err
}

func (f *clientFlags) client() (*client.Client, error) {
	c, err := f.effective()
	if err != nil {
		return nil, err
	}
	secure, err := certificate.RestClient(c)
	if err != nil {
		return nil, err
	}
	return client.New(f.url(c), client.Options{Token: os.Getenv("FLOTT_TOKEN"), TLS: secure, Version: version})
}

// jobFlags are the options of commands about one job.
type jobFlags struct {
	clientFlags
	Job string `arg:"" help:"The job's id, or as much of its beginning as no other has, or its name: those of jobs that run come first."`
}

// job is the client and the id of the job.
func (f *jobFlags) job(ctx context.Context) (*client.Client, string, error) {
	c, err := f.client()
	if err != nil {
		return nil, "", err
	}
	all, err := c.Jobs(ctx)
	if err != nil {
		return nil, "", err
	}
	id, err := find(all, f.Job)
	if id == "" && err == nil {
		err = fmt.Errorf("the JobManager at %s knows no job %q; flott list shows what it knows", c.URL(), f.Job)
	}
	return c, id, err
}

// find is the id of the job that a name means, which may be an id or its beginning, "" if there is none. Jobs that run come first.
func find(all []client.JobSummary, name string) (string, error) {
	var ids, ended []string
	for _, j := range all {
		switch {
		case j.ID == name:
			return j.ID, nil
		case !strings.HasPrefix(j.ID, name) && j.Name != name:
		case j.State.Done():
			ended = append(ended, j.ID)
		default:
			ids = append(ids, j.ID)
		}
	}
	if len(ids) == 0 {
		ids = ended
	}
	switch len(ids) {
	case 0:
		return "", nil
	case 1:
		return ids[0], nil
	}
	return "", fmt.Errorf("%q may be any of these jobs: %s", name, strings.Join(ids, ", "))
}

type listCmd struct {
	clientFlags
	All bool `short:"a" help:"Jobs that have ended too."`
}

// Run lists the jobs.
func (l *listCmd) Run(ctx context.Context) error {
	c, err := l.client()
	if err != nil {
		return err
	}
	all, err := c.Jobs(ctx)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	n := 0
	for _, j := range all {
		if j.State.Done() && !l.All {
			continue
		}
		if n++; n == 1 {
			fmt.Fprintln(w, "JOB\tNAME\tSTATE\tSINCE\tTASKS\tNOTE")
		}
		end := j.Ended
		if end.IsZero() {
			end = time.Now()
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d/%d\t%s\n", j.ID, j.Name, j.State, end.Sub(j.Began).Round(time.Second), j.Tasks["running"], j.Tasks["total"], j.Waits)
	}
	if n == 0 {
		fmt.Println("No jobs are running; flott list -a shows those that have ended.")
	}
	return w.Flush()
}

type cancelCmd struct{ jobFlags }

// Run cancels a job.
func (c *cancelCmd) Run(ctx context.Context) error {
	cl, id, err := c.job(ctx)
	if err != nil {
		return err
	}
	if err := cl.Cancel(ctx, id); err != nil {
		return err
	}
	if err := cl.Wait(ctx, id); err != nil && !errors.Is(err, client.ErrCanceled) {
		return err
	}
	fmt.Printf("flott: job %s is cancelled\n", id)
	return nil
}

type stopCmd struct {
	jobFlags
	SavepointPath string `short:"p" name:"savepoint-path" placeholder:"DIR" help:"Where the savepoint goes; by default the job's directory for savepoints."`
	Drain         bool   `short:"d" help:"End the sources first, so that all windows fire. Such a job is not meant to go on."`
	Native        bool   `help:"Write keyed state on disk as the files it is in."`
}

// Run stops a job with a savepoint.
func (s *stopCmd) Run(ctx context.Context) error {
	c, id, err := s.job(ctx)
	if err != nil {
		return err
	}
	path, err := c.Stop(ctx, id, client.StopOptions{Directory: absolutePath(s.SavepointPath), Drain: s.Drain, Native: s.Native})
	if err != nil {
		return err
	}
	fmt.Printf("flott: job %s is stopped; its savepoint is %s\n", id, path)
	return nil
}

type savepointCmd struct {
	jobFlags
	Dir     string `arg:"" optional:"" help:"Where the savepoint goes; by default the job's directory for savepoints."`
	Native  bool   `help:"Write keyed state on disk as the files it is in."`
	Dispose bool   `help:"Delete the savepoint whose path is given in place of the job."`
}

// Run takes a savepoint, or deletes one.
func (s *savepointCmd) Run(ctx context.Context) error {
	if s.Dispose {
		c, err := s.client()
		if err != nil {
			return err
		}
		return c.DisposeSavepoint(ctx, absolutePath(s.Job))
	}
	c, id, err := s.job(ctx)
	if err != nil {
		return err
	}
	path, err := c.Savepoint(ctx, id, client.SavepointOptions{Directory: absolutePath(s.Dir), Native: s.Native})
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}

type infoCmd struct{ jobFlags }

// Run shows a job.
func (i *infoCmd) Run(ctx context.Context) error {
	c, id, err := i.job(ctx)
	if err != nil {
		return err
	}
	j, err := c.Job(ctx, id)
	if err != nil {
		return err
	}
	fmt.Printf("%s  %s  %s", j.ID, j.Name, j.State)
	if j.Waits != "" {
		fmt.Printf(": %s", j.Waits)
	}
	s, err := c.Scaling(ctx, id)
	if err != nil {
		return err
	}
	fmt.Printf("\nbegan %s, restarts %d, rescales %d\n", j.Began.Format(time.DateTime), j.Restarts, s.Rescales)
	if s.Rescales > 0 || s.Scheduler != "Default" {
		fmt.Printf("it has its parallelism since %s\n", s.Reason)
	}
	if s.Refused != "" {
		fmt.Printf("it was not rescaled: %s\n", s.Refused)
	}
	fmt.Println()
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VERTEX\tPARALLELISM\tSTATE\tRECORDS IN\tRECORDS OUT\tBUSY\tBACKPRESSURED")
	for _, v := range j.Vertices {
		fmt.Fprintf(w, "%s\t%d\t%s\t%d\t%d\t%s\t%s\n", v.Name, v.Parallelism, v.State, v.RecordsIn, v.RecordsOut,
			v.Busy.Round(time.Millisecond), v.Backpressured.Round(time.Millisecond))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if !j.State.Done() {
		e, err := c.Explain(ctx, id)
		if err != nil {
			return err
		}
		fmt.Printf("\n%s\n", e.Bottleneck)
		for _, evidence := range e.Evidence {
			fmt.Println("  " + evidence)
		}
		printAdvice(e.BottleneckAdvice)
		fmt.Println(e.Watermark)
		printAdvice(e.WatermarkAdvice)
		if err := printHotKeys(ctx, c, j); err != nil {
			return err
		}
	}
	printAutoscaler(s)
	failures, _, err := c.Exceptions(ctx, id, 3)
	for _, f := range failures {
		fmt.Printf("\n%s  %s\n", f.At.Format(time.DateTime), f.Text)
	}
	return err
}

// hotKeysShown is how many are printed of each vertex.
const hotKeysShown = 3

// printHotKeys prints the hottest keys of each vertex that has some.
func printHotKeys(ctx context.Context, c *client.Client, j *client.Job) error {
	for _, v := range j.Vertices {
		keys, err := c.HotKeys(ctx, j.ID, v.ID)
		if err != nil {
			return err
		}
		for i, k := range keys[:min(hotKeysShown, len(keys))] {
			if i == 0 {
				fmt.Printf("hot keys of %q:\n", v.Name)
			}
			fmt.Printf("  %.0f %% %s, at subtask %d\n", 100*k.Share, k.Key, k.Subtask)
		}
	}
	return nil
}

func printAdvice(text string) {
	if text != "" {
		fmt.Println("  → " + text)
	}
}

// absolutePath makes a path of this machine mean the same elsewhere; URIs stay.
func absolutePath(path string) string {
	if path == "" || strings.Contains(path, "://") || strings.HasPrefix(path, "/") {
		return path
	}
	wd, err := os.Getwd()
	if err != nil {
		return path
	}
	return wd + "/" + path
}

// fetchArtifact gets executables from a JobManager with a URL.
func fetchArtifact(c *config.Configuration) (func(ctx context.Context, url, hash string) (io.ReadCloser, error), error) {
	secure, err := certificate.RestClient(c)
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.TLSClientConfig = secure
	hc := &http.Client{Transport: transport}
	return func(ctx context.Context, url, hash string) (io.ReadCloser, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/v1/flott/artifacts/"+hash, nil)
		if err != nil {
			return nil, err
		}
		if token := os.Getenv("FLOTT_TOKEN"); token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := hc.Do(r)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusOK {
			resp.Body.Close()
			return nil, fmt.Errorf("%s: %s", r.URL, resp.Status)
		}
		return resp.Body, nil
	}, nil
}
