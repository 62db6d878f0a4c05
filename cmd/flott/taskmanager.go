package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/configured"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/internal/rest"
	"github.com/flott-dev/flott/internal/taskmanager"
)

type taskmanagerCmd struct {
	processFlags
	Artifacts string        `placeholder:"DIR" help:"Where programs of jobs are kept; by default below --dir. Several TaskManagers may share one."`
	Drain     time.Duration `default:"10s" help:"How long to wait, after SIGTERM, until jobs have moved away."`
}

// Run is the life of a TaskManager.
func (t *taskmanagerCmd) Run(ctx context.Context) (err error) {
	child, err := process.Tether(clock.System{})
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = child.Failed(err)
		}
	}()
	c, err := t.effective()
	if err != nil {
		return err
	}
	logs, err := t.logs(c)
	if err != nil {
		return err
	}
	dir, remove, err := t.directory("flott-taskmanager-")
	if err != nil {
		return err
	}
	defer remove()
	programs := t.Artifacts
	if programs == "" {
		programs = filepath.Join(dir, "artifacts")
	}
	artifacts, err := process.OpenArtifacts(programs, 0, clock.System{})
	if err != nil {
		return err
	}
	members, err := certificate.Internal(c)
	if err != nil {
		return err
	}
	fetch, err := fetchArtifact(c)
	if err != nil {
		return err
	}
	host := config.TaskManagerHost.Get(c)
	if ip := net.ParseIP(host); (ip == nil || !ip.IsLoopback()) && host != "localhost" && members == nil && !t.Insecure {
		return fmt.Errorf("taskmanager.host %s: other machines could reach workers, and no credentials are configured: "+
			"configure them with security.ssl.internal.enabled, use 127.0.0.1, or allow it with --insecure", host)
	}
	slots := config.TaskSlots.Get(c)
	o := taskmanager.Options{
		ID: newID("tm"), JobManager: net.JoinHostPort(config.JobManagerAddress.Get(c), config.JobManagerPort.Get(c)),
		Host: host, Slots: slots, Dir: dir, LogFile: child.LogPath(), Artifacts: artifacts, Fetch: fetch, Version: version,
		Wire: wireOptions(c, members), TLS: (*control.TLSFiles)(members),
		LogFormat: logs.format, LogLevel: logs.level,
	}
	addresses := map[string]string{"id": o.ID, "pid": fmt.Sprint(os.Getpid())}
	o.LostTimeout = config.JobManagerLost.Get(c)
	if configured.Survives(c) {
		store, err := configured.Open(ctx, c, slog.Default())
		if err != nil {
			return err
		}
		defer store.Close()
		o.JobManager = "whoever leads"
		o.Watch = func(ctx context.Context, leads func(address string)) error {
			return store.Watch(ctx, func(l ha.Leader) { leads(l.Address) })
		}
	}
	if memory, ok := config.TaskManagerMemory.Lookup(c); ok {
		o.SlotMemory = memory / int64(slots)
	}
	if reporter, ok := config.MetricsReporters.Lookup(c); ok && reporter == "prom" {
		o.Metrics = &taskmanager.Metrics{}
		url, end, err := t.serveMetrics(ctx, c, o.Metrics)
		if err != nil {
			return err
		}
		defer end()
		addresses["metrics"] = url
		logs.say("flott: its metrics are at %s/metrics", url)
	}
	logs.say("flott: TaskManager %s offers %d slots to the JobManager: %s", o.ID, slots, o.JobManager)
	o.Registered = func() { _ = child.Ready(addresses) }
	return taskmanager.Run(ctx, o, t.Drain)
}

// serveMetrics serves them to whom the JobManager would serve its REST interface, until end is called.
func (t *taskmanagerCmd) serveMetrics(ctx context.Context, c *config.Configuration, m *taskmanager.Metrics) (url string, end func(), err error) {
	visitors, err := restAccess(c)
	if err != nil {
		return "", nil, err
	}
	visitors.Insecure = t.Insecure
	l, err := process.Listen(ctx, config.TaskManagerHost.Get(c), config.MetricsPort.Get(c),
		process.Security{Credentials: visitors.Authenticates(), Insecure: t.Insecure})
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", config.MetricsPort.Key, err)
	}
	server, served := rest.NewMetrics(m.Gather, visitors), make(chan struct{})
	go func() {
		defer close(served)
		if err := server.Serve(l); err != nil {
			slog.Error("flott: the metrics are not served any more", "error", err)
		}
	}()
	return scheme(c) + advertised(l.Addr(), config.TaskManagerHost.Get(c)), func() {
		_ = server.Close()
		<-served
	}, nil
}

// newID is a name that nothing else has.
func newID(prefix string) string {
	b := make([]byte, 6)
	rand.Read(b) // never fails
	return prefix + "-" + hex.EncodeToString(b)
}
