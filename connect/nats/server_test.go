package nats

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/internal/natsserver"
	"github.com/flott-dev/flott/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// log is a server, and a client of it.
type log struct {
	t    testing.TB
	url  string
	js   jetstream.JetStream
	kill func()
	up   func() // starts it again
}

// makeLog makes a server without streams.
type makeLog func(t testing.TB) *log

// onEach runs a test with each kind of server: the one within the process, and the operating system's package.
func onEach(t *testing.T, test func(t *testing.T, newLog makeLog)) {
	t.Run("embedded", func(t *testing.T) { test(t, embeddedLog) })
	t.Run("package", func(t *testing.T) { test(t, packagedLog) })
}

func embeddedLog(t testing.TB) *log {
	t.Helper()
	s := newEmbedded(t, "")
	l := &log{t: t, url: s.URL(), kill: func() { s.Stop() }, up: s.start}
	l.connect()
	return l
}

// embedded is a server within the process, which can be started again after Stop.
type embedded struct {
	*natsserver.Server
	t testing.TB
	o natsserver.Options
}

func newEmbedded(t testing.TB, token string) *embedded {
	t.Helper()
	e := &embedded{t: t, o: natsserver.Options{Dir: t.TempDir(), Address: "127.0.0.1:0", Sync: time.Minute, Token: token}}
	e.start()
	t.Cleanup(func() { e.Stop() })
	return e
}

func (e *embedded) start() {
	e.t.Helper()
	s, err := natsserver.Start(e.o)
	if err != nil {
		e.t.Fatal(err)
	}
	u, err := url.Parse(s.URL())
	if err != nil {
		e.t.Fatal(err)
	}
	e.Server, e.o.Address = s, u.Host // the same again
}

func packagedLog(t testing.TB) *log {
	t.Helper()
	s := servertest.NewNATS(t)
	l := &log{t: t, url: s.URL, kill: s.Kill, up: func() { s.Start(t) }}
	l.connect()
	return l
}

func (l *log) connect() {
	l.t.Helper()
	nc, err := nats.Connect(l.url, nats.MaxReconnects(-1), nats.ReconnectWait(10*time.Millisecond))
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(nc.Close)
	if l.js, err = jetstream.New(nc); err != nil {
		l.t.Fatal(err)
	}
}

// noStore is the server's error "error creating store for stream".
const noStore = 10049

// stream makes a stream with subjects name.>
func (l *log) stream(name string, change ...func(c *jetstream.StreamConfig)) jetstream.Stream {
	l.t.Helper()
	c := jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}}
	for _, f := range change {
		f(&c)
	}
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		s, err := l.js.CreateStream(context.Background(), c)
		if err == nil {
			return s
		}
		// The server removes the files of a deleted stream beside, and cannot make one of that name until then.
		var failed *jetstream.APIError
		if !errors.As(err, &failed) || failed.ErrorCode != noStore || time.Since(began) > 10*time.Second {
			l.t.Fatal(err)
		}
	}
}

// put publishes values to a subject.
func (l *log) put(subject string, values ...string) {
	l.t.Helper()
	for _, v := range values {
		if _, err := l.js.PublishMsg(context.Background(), &nats.Msg{Subject: subject, Data: []byte(v), Header: nats.Header{"h": {v}}}); err != nil {
			l.t.Fatal(err)
		}
	}
}

// fill publishes n numbers each to some subjects in turn, and returns what placed makes of them.
func (l *log) fill(n int, subjects ...string) (want []string) {
	l.t.Helper()
	for i := range n {
		for _, s := range subjects {
			l.put(s, fmt.Sprint(i))
			want = append(want, fmt.Sprintf("%s/%d", s, i))
		}
	}
	return want
}

// placed decodes messages as subject/value.
func placed(m *Message) (string, error) { return m.Subject + "/" + string(m.Data), nil }

func (l *log) options(streams ...string) SourceOptions {
	return SourceOptions{Connection: Connection{Servers: []string{l.url}}, Streams: streams}
}

// read reads a source to the present end.
func read(t testing.TB, o SourceOptions, decode func(*Message) (string, error)) ([]string, error) {
	t.Helper()
	if o.Stop == nil {
		o.Stop = new(Latest())
	}
	d := connecttest.NewDriver(t, Source(o, decode), 2, nil)
	defer d.Close()
	got, err := d.Read(0)
	slices.Sort(got)
	return got, err
}

func wantError(t *testing.T, what string, err error, want string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%s: %v; want %s", what, err, want)
	}
}
