package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/internal/natsserver"
)

// salesStream is the stream of the demo, and salesSubjects how many subjects it has: a reader each.
const (
	salesStream   = "SALES"
	salesSubjects = 3
)

// sale is an event of the demo. Numbers count from 1, and those of one subject have the same remainder.
type sale struct {
	N        int64 `json:"n"`
	Customer int64 `json:"customer"`
}

// salesLog is a durable log in this process, into which sales are published.
type salesLog struct {
	server *natsserver.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	stop   context.CancelFunc
	wg     sync.WaitGroup

	mu  sync.Mutex
	n   int64 // sales that were published
	err error
}

// openSales starts the log and begins to publish.
func openSales(ctx context.Context, dir string, rate int64) (l *salesLog, err error) {
	l = &salesLog{}
	if l.server, err = natsserver.Start(natsserver.Options{Dir: dir, Address: "127.0.0.1:0", Sync: time.Second}); err != nil {
		return nil, err
	}
	if err := makeStream(ctx, l.server.URL(), "", salesStream); err != nil {
		l.server.Stop()
		return nil, err
	}
	if l.nc, err = nats.Connect(l.server.URL()); err != nil {
		l.server.Stop()
		return nil, err
	}
	l.js, err = jetstream.New(l.nc, jetstream.WithPublishAsyncErrHandler(func(_ jetstream.JetStream, _ *nats.Msg, err error) { l.fail(err) }))
	if err != nil {
		l.close()
		return nil, err
	}
	publishing, stop := context.WithCancel(ctx)
	l.stop = stop
	l.wg.Go(func() { l.publish(publishing, rate) })
	return l, nil
}

// publish publishes so many sales each second.
func (l *salesLog) publish(ctx context.Context, rate int64) {
	began, n := time.Now(), int64(0)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for due := int64(time.Since(began).Seconds() * float64(rate)); n < due; n++ {
			text := fmt.Sprintf(`{"n":%d,"customer":%d}`, n+1, customerOf(n+1))
			subject := salesStream + "." + strconv.FormatInt((n+1)%salesSubjects, 10)
			if _, err := l.js.PublishAsync(subject, []byte(text), jetstream.WithStallWait(time.Minute)); err != nil {
				l.fail(err)
				return
			}
		}
		l.mu.Lock()
		l.n = n
		l.mu.Unlock()
	}
}

// customerOf is who buys.
func customerOf(n int64) int64 { return n * 7919 % demoKeys }

func (l *salesLog) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil {
		l.err = fmt.Errorf("publish: %w", err)
	}
}

// published is how many sales there are.
func (l *salesLog) published() (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.n, l.err
}

// end ends publishing, and waits until all is in the log.
func (l *salesLog) end() error {
	l.stop()
	l.wg.Wait()
	<-l.js.PublishAsyncComplete()
	_, err := l.published()
	return err
}

func (l *salesLog) close() {
	if l.stop != nil {
		l.stop()
		l.wg.Wait()
	}
	l.nc.Close()
	l.server.Stop()
}
