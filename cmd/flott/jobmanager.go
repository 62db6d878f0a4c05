package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/configured"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/probe"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/schedule"
	"github.com/flott-dev/flott/internal/trace"
	"github.com/flott-dev/flott/internal/wire"
	"github.com/flott-dev/flott/launch"
)

// processFlags are the options of commands that are processes of a cluster.
type processFlags struct {
	configFlags
	Insecure bool   `help:"Listen where other machines can reach it although no credentials are configured: who does can run code."`
	Dir      string `placeholder:"DIR" help:"Where logs, programs of jobs and temporary files go; by default a directory of its own among the temporary ones."`

	LogLevel  string `placeholder:"LEVEL" help:"What is logged, at least: debug, info, warn or error. It is env.log.level."`
	LogFormat string `placeholder:"FORMAT" help:"How: text or json. It is env.log.format."`
}

// logs begins the log of the process. What is said besides, for people, is a line of it if that is JSON.
func (f *processFlags) logs(c *config.Configuration) (o logOptions, err error) {
	for key, value := range map[string]string{config.LogLevel.Key: f.LogLevel, config.LogFormat.Key: f.LogFormat} {
		if value == "" {
			continue
		}
		if err := c.Set(key, value); err != nil {
			return o, err
		}
	}
	o.level, o.format = &slog.LevelVar{}, config.LogFormat.Get(c)
	level, err := logging.ParseLevel(config.LogLevel.Get(c))
	if err != nil {
		return o, err
	}
	o.level.Set(level)
	logging.Install(logging.New(o.format, o.level, os.Stderr))
	return o, nil
}

// logOptions are what the log of this process is.
type logOptions struct {
	level  *slog.LevelVar
	format string
}

// say tells people what they want to know.
func (o logOptions) say(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); o.format == logging.JSON {
		slog.Info(text)
	} else {
		fmt.Println(text)
	}
}

// directory is Dir, or a new one, which remove removes.
func (f *processFlags) directory(pattern string) (dir string, remove func(), err error) {
	if f.Dir != "" {
		return f.Dir, func() {}, os.MkdirAll(f.Dir, 0o700)
	}
	dir, err = os.MkdirTemp("", pattern)
	return dir, func() { os.RemoveAll(dir) }, err
}

func wireOptions(c *config.Configuration, members *certificate.Files) wire.Options {
	return wire.Options{Heartbeat: config.HeartbeatInterval.Get(c), Timeout: config.HeartbeatTimeout.Get(c), TLS: members.Mutual()}
}

// adaptiveOptions say with how many slots jobs run.
func adaptiveOptions(c *config.Configuration) schedule.AdaptiveConfig {
	o := schedule.AdaptiveConfig{
		StartStabilization:   int64(config.AdaptiveStart.Get(c)),
		RescaleStabilization: int64(config.AdaptiveRescale.Get(c)),
		Cooldown:             int64(config.AdaptiveCooldown.Get(c)),
		MinIncrease:          config.AdaptiveIncrease.Get(c),
	}
	mode, _ := config.SchedulerMode.Lookup(c)
	switch {
	case mode == "REACTIVE":
		o.Mode = schedule.ReactiveScheduler
		if _, given := config.AdaptiveStart.Lookup(c); !given {
			o.StartStabilization = 0
		}
		if _, given := config.AdaptiveRescale.Lookup(c); !given {
			o.RescaleStabilization = 0
		}
	case config.Scheduler.Get(c) == "Adaptive":
		o.Mode = schedule.AdaptiveScheduler
	}
	if o.Mode != schedule.DefaultScheduler {
		if d, given := config.AdaptiveWait.Lookup(c); given {
			o.WaitTimeout = int64(d)
		}
	}
	return o
}

// autoscaleOptions say how the parallelism of jobs follows their load.
func autoscaleOptions(c *config.Configuration) jobmanager.Autoscale {
	return jobmanager.Autoscale{
		Enabled: config.AutoscalerEnabled.Get(c), Min: config.AutoscalerMin.Get(c), Max: config.AutoscalerMax.Get(c),
		AutoscaleConfig: schedule.AutoscaleConfig{
			Target: config.AutoscalerTarget.Get(c), Boundary: config.AutoscalerBoundary.Get(c),
			DownMax: config.AutoscalerDownMax.Get(c), CatchUp: int64(config.AutoscalerCatchUp.Get(c)),
			Downtime: int64(config.AutoscalerRestart.Get(c)), Window: int64(config.AutoscalerWindow.Get(c)),
			Stabilization: int64(config.AutoscalerStabilization.Get(c)), Cooldown: int64(config.AutoscalerCooldown.Get(c)),
			DownDelay: int64(config.AutoscalerDownDelay.Get(c)),
		},
	}
}

type jobmanagerCmd struct {
	processFlags
	Application string   `placeholder:"PROGRAM" help:"A job's program, which is run when the JobManager leads: it submits its jobs here. When it has ended, so does the JobManager, and its TaskManagers."`
	Args        []string `arg:"" optional:"" passthrough:"" help:"The program's arguments."`
}

// Run is the life of a JobManager.
func (j *jobmanagerCmd) Run(ctx context.Context) (err error) {
	child, err := process.Tether(clock.System{})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = child.Failed(err)
		}
	}()
	c, err := j.effective()
	if err != nil {
		return err
	}
	logs, err := j.logs(c)
	if err != nil {
		return err
	}
	dir, remove, err := j.directory("flott-jobmanager-")
	if err != nil {
		return err
	}
	defer remove()
	members, err := certificate.Internal(c)
	if err != nil {
		return err
	}
	visitors, err := restAccess(c)
	if err != nil {
		return err
	}
	rpc, err := process.Listen(ctx, config.JobManagerAddress.Get(c), config.JobManagerPort.Get(c),
		process.Security{Credentials: members != nil, Insecure: j.Insecure})
	if err != nil {
		return fmt.Errorf("jobmanager.rpc: %w", err)
	}
	defer rpc.Close()
	web, err := process.Listen(ctx, config.RestAddress.Get(c), config.RestPort.Get(c),
		process.Security{Credentials: visitors.Authenticates(), Insecure: j.Insecure})
	if err != nil {
		return fmt.Errorf("rest: %w", err)
	}
	defer web.Close()
	artifacts, err := process.OpenArtifacts(filepath.Join(dir, "artifacts"), 0, clock.System{})
	if err != nil {
		return err
	}
	store, err := configured.Open(ctx, c, slog.Default())
	if err != nil {
		return err
	}
	defer store.Close()
	blobs, err := configured.Blobs(ctx, c)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	leader := leaderURL{}
	visitors.LogFile, visitors.Insecure, visitors.Shutdown, visitors.Leader = child.LogPath(), j.Insecure, stop, leader.get
	url := scheme(c) + advertised(web.Addr(), config.JobManagerAddress.Get(c))
	if visitors.Authenticates() {
		visitors.Inside = rand.Text() + rand.Text()
	}
	queries := newSQLGateway(dir, url, visitors.Inside, c)
	defer queries.Close()
	visitors.SQL = queries
	server := restServer(programsOf(artifacts, blobs), c, visitors)
	failed := make(chan error, 2)
	go func() { failed <- server.Serve(web) }()
	defer server.Close()
	ready := func() error {
		return child.Ready(map[string]string{"rpc": rpc.Addr().String(), "rest": scheme(c) + web.Addr().String()})
	}
	o := jobmanager.Options{Probe: probe.New(logs.level), Wire: wireOptions(c, members), Epoch: time.Now().UnixNano()}
	o.Wire.Name, o.REST = "jobmanager", scheme(c)+advertised(web.Addr(), "")
	o.Pool.IdleTimeout = int64(config.SlotIdleTimeout.Get(c))
	if config.LoadBalance.Get(c) == "SLOTS" {
		o.Pool.Policy = schedule.SpreadOut
	}
	o.Adaptive, o.Autoscale = adaptiveOptions(c), autoscaleOptions(c)
	o.History, o.Keep = historyOptions(c), config.JobStoreCapacity.Get(c)
	if seconds, given := config.JobStoreExpiration.Lookup(c); given {
		o.Expire = time.Duration(seconds) * time.Second
	}
	lost := make(<-chan struct{}) // the leadership
	if configured.Survives(c) {
		go leader.follow(ctx, store)
		if err := ready(); err != nil {
			return err
		}
		logs.say("flott: the JobManager at %s stands by, until it leads", url)
		l, err := store.Campaign(ctx, ha.Contender{Name: hostname(), Address: advertised(rpc.Addr(), hostname()), REST: url})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		defer resign(l)
		lost = l.Context().Done()
		o.Leadership, o.Epoch, o.Directory = l, 0, blobs.URI()+"/checkpoints"
		o.AdoptTimeout = max(10*time.Second, config.HeartbeatTimeout.Get(c))
		o.LostTimeout = config.JobManagerLost.Get(c) + config.HeartbeatTimeout.Get(c)
	}
	traces, err := trace.Configured(c, version)
	if err != nil {
		return err
	}
	if traces != nil {
		o.Traces = traces
		defer func() {
			flush, stop := context.WithTimeout(context.Background(), tracesTimeout)
			defer stop()
			traces.Close(flush)
		}()
	}
	m := jobmanager.New(o)
	defer m.Close()
	if err := m.Recover(ctx); err != nil {
		return err
	}
	server.Lead(m, m.Epoch())
	go func() { failed <- m.Serve(rpc) }()
	logs.say("flott: the JobManager listens for TaskManagers on %s, and serves %s", rpc.Addr(), url)
	logs.say("flott: the dashboard is at %s/", url)
	if !configured.Survives(c) {
		if err := ready(); err != nil {
			return err
		}
	}
	application := make(chan error, 1)
	if j.Application != "" {
		go func() { application <- runApplication(ctx, m, url, c, j.Application, j.Args) }()
	} else if len(j.Args) > 0 {
		return fmt.Errorf("arguments %q are for a program, which --application names", j.Args)
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-application:
		m.Dismiss(dismissTimeout)
		return err
	case <-lost:
		return fmt.Errorf("this JobManager does not lead any more, and ends: %w; to stand by it must be started again",
			context.Cause(o.Leadership.Context()))
	case err := <-failed:
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		return err
	}
}

// tracesTimeout is how long a JobManager that ends waits for the collector of traces.
const tracesTimeout = 2 * time.Second

// dismissTimeout is how long TaskManagers may take to end after an application.
const dismissTimeout = 10 * time.Second

// runApplication runs a program that submits its jobs to this JobManager, and returns when it has ended. Jobs that
// another JobManager has left are those that it has submitted before: they are waited for instead.
func runApplication(ctx context.Context, m *jobmanager.Manager, url string, c *config.Configuration, name string, args []string) error {
	if left := m.Unended(); len(left) > 0 {
		fmt.Printf("flott: %d jobs of the application go on\n", len(left))
		return m.Await(ctx, left)
	}
	path, remove, err := program(ctx, name)
	if err != nil {
		return err
	}
	defer remove()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), launch.JobManagerVariable+"="+url, launch.PropertiesVariable+"="+c.Text())
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the application %s: %w", name, err)
	}
	return m.Await(ctx, m.Unended()) // of a program that has not waited
}

// resign lets another JobManager lead at once.
func resign(l ha.Leadership) {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	_ = l.Resign(ctx)
}

// programsOf is where programs of jobs are kept.
func programsOf(a *process.Artifacts, blobs blob.Store) rest.Artifacts {
	if blobs == nil {
		return rest.Stored(a)
	}
	return rest.StoredAlso(a, blobs)
}

// leaderURL is the REST interface of the JobManager that leads, as far as is known.
type leaderURL struct{ atomic.Value }

func (l *leaderURL) get() string {
	url, _ := l.Load().(string)
	return url
}

// follow keeps it up to date until ctx ends.
func (l *leaderURL) follow(ctx context.Context, s ha.Store) {
	for ctx.Err() == nil {
		_ = s.Watch(ctx, func(leader ha.Leader) { l.Store(leader.REST) })
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func hostname() string {
	name, err := os.Hostname()
	if err != nil {
		return "localhost"
	}
	return name
}

// advertised is the address by which others reach what listens at a: where that is every address of the machine, the
// host, unless that is every one too.
func advertised(a net.Addr, host string) string {
	tcp, ok := a.(*net.TCPAddr)
	if !ok || !tcp.IP.IsUnspecified() {
		return a.String()
	}
	if host == "" {
		return ":" + strconv.Itoa(tcp.Port)
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = hostname()
	}
	return net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}
