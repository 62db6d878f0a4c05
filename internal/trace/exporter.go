package trace

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/redact"
)

// Options are the settings of an Exporter.
type Options struct {
	// Endpoint is the URL of a collector of OTLP over HTTP, such as http://localhost:4318: spans are posted to /v1/traces there,
	// unless it has a path of its own.
	Endpoint string
	// Service, Version and Host say who sends them.
	Service, Version, Host string
	// Timeout is how long a post may take; 0 means 10 s.
	Timeout time.Duration
	// Retry is the time to the next attempt after a post has failed; 0 means 5 s. Delay is how long spans wait for others to be
	// posted with; 0 means 1 s.
	Retry, Delay time.Duration
	// Log hears once of a collector that does not take them; nil is slog.Default.
	Log *slog.Logger
}

// The bounds of what waits for the collector, in spans with their children, and of what is posted at once.
const (
	queueMost = 64
	batchMost = 16
)

// Exporter posts spans to a collector.
type Exporter struct {
	o       Options
	url     string
	queue   chan Span
	dropped atomic.Int64
	ctx     context.Context
	end     context.CancelFunc
	closing chan struct{}
	done    chan struct{}
}

// NewExporter returns an Exporter, which runs until Close.
func NewExporter(o Options) (*Exporter, error) {
	u, err := url.Parse(o.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("%q is no address of a collector: want one such as http://localhost:4318", redact.URL(o.Endpoint))
	}
	if strings.Trim(u.Path, "/") == "" {
		u.Path = "/v1/traces"
	}
	o.Timeout, o.Retry, o.Delay = cmp.Or(o.Timeout, 10*time.Second), cmp.Or(o.Retry, 5*time.Second), cmp.Or(o.Delay, time.Second)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	e := &Exporter{o: o, url: u.String(), queue: make(chan Span, queueMost), closing: make(chan struct{}), done: make(chan struct{})}
	e.ctx, e.end = context.WithCancel(context.Background())
	go e.run()
	return e, nil
}

// Configured returns the Exporter that options ask for, nil if they ask for none.
func Configured(c *config.Configuration, version string) (*Exporter, error) {
	if _, ok := config.TraceReporters.Lookup(c); !ok {
		return nil, nil
	}
	host, _ := os.Hostname()
	e, err := NewExporter(Options{
		Endpoint: config.TraceEndpoint.Get(c), Timeout: config.TraceTimeout.Get(c), Service: config.TraceService.Get(c), Version: version, Host: host,
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", config.TraceEndpoint.Key, err)
	}
	return e, nil
}

// Report queues a span, or drops it if the queue is full.
func (e *Exporter) Report(s Span) {
	select {
	case e.queue <- s:
	default:
		e.dropped.Add(1)
	}
}

// Dropped is how many spans were not sent so far.
func (e *Exporter) Dropped() int64 { return e.dropped.Load() }

// Close sends what is queued, until ctx is done.
func (e *Exporter) Close(ctx context.Context) {
	close(e.closing)
	select {
	case <-e.done:
	case <-ctx.Done():
		e.end()
		<-e.done
	}
}

// run posts spans until all are posted after Close, or it is ended.
func (e *Exporter) run() {
	defer close(e.done)
	defer e.end()
	client := &http.Client{Timeout: e.o.Timeout, Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConns: 1, IdleConnTimeout: time.Minute}}
	defer client.CloseIdleConnections()
	failing := false
	for {
		batch, more := e.next()
		for len(batch) > 0 {
			err := e.post(client, batch)
			if err == nil {
				if failing {
					e.o.Log.Info("flott: traces are taken again", "collector", redact.URL(e.o.Endpoint), "dropped", e.Dropped())
				}
				failing = false
				break
			}
			if !failing && e.ctx.Err() == nil {
				failing = true
				e.o.Log.Warn("flott: traces are not taken; trying again, and dropping what is too much", "collector", redact.URL(e.o.Endpoint), "error", err)
			}
			if final := (refusal{}); errors.As(err, &final) || !e.pause(e.o.Retry) {
				e.dropped.Add(int64(len(batch)))
				break
			}
		}
		if !more {
			return
		}
	}
}

// pause waits. It reports false if there is no time left.
func (e *Exporter) pause(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-e.ctx.Done():
		return false
	}
}

// next waits for spans, and some time for others. There are no more when the queue is empty after Close.
func (e *Exporter) next() (batch []Span, more bool) {
	select {
	case s := <-e.queue:
		batch = append(batch, s)
	case <-e.closing:
	}
	t := time.NewTimer(e.o.Delay)
	defer t.Stop()
	for len(batch) < batchMost {
		select {
		case s := <-e.queue:
			batch = append(batch, s)
			continue
		default:
		}
		select {
		case s := <-e.queue:
			batch = append(batch, s)
		case <-t.C:
			return batch, true
		case <-e.closing:
			return batch, len(e.queue) > 0
		}
	}
	return batch, true
}

// refusal is an answer after which the same spans are not sent again.
type refusal struct{ status string }

// Error has the status.
func (r refusal) Error() string { return "it answers " + r.status }

func (e *Exporter) post(client *http.Client, batch []Span) error {
	body, err := json.Marshal(e.o.request(batch))
	if err != nil {
		return refusal{err.Error()}
	}
	r, err := http.NewRequestWithContext(e.ctx, http.MethodPost, e.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := client.Do(r)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) {
			err = of.Err // without the address, which may have a password
		}
		return err
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	switch resp.StatusCode {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return errors.New("it answers " + resp.Status) // those after which OTLP sends again
	}
	if resp.StatusCode/100 != 2 {
		return refusal{resp.Status}
	}
	return nil
}
