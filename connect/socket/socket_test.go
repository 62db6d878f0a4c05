package socket

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve sends a text to each client in turn and closes the connection. It returns the address.
func serve(t testing.TB, sends ...string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("no network: %v", err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ; i++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte(sends[min(i, len(sends)-1)]))
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

func numbered(n int) (text string, lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprint("line ", i))
	}
	return strings.Join(lines, "\n"), lines
}

func TestConformance(t *testing.T) {
	text, want := numbered(50)
	addr := serve(t, text)
	connecttest.Source(t, func() connect.Source[string] {
		return Lines(addr, Options{Bounded: true})
	}, connecttest.Options[string]{Want: want, NoReplay: true})
}

func TestLines(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	big, bigLines := numbered(20_000)
	for _, tc := range []struct {
		send string
		want []string
	}{
		{"", nil},
		{"a", []string{"a"}},
		{"a\r\nb\n\n", []string{"a", "b", ""}},
		{"a\n" + long + "\nb\r", []string{"a", long, "b\r"}},
		{big, bigLines},
	} {
		d := connecttest.NewDriver(t, Lines(serve(t, tc.send), Options{Bounded: true}), 1, nil)
		got, err := d.Read(0)
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%d lines, %v; want %d", len(got), err, len(tc.want))
		}
	}
}

func TestErrors(t *testing.T) {
	addr := serve(t, "a\nbb\n")
	refused := func(s *source) {
		s.dial = func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("connection refused")
		}
	}
	for _, tc := range []struct {
		addr   string
		o      Options
		change func(*source)
		want   []string
	}{
		{addr, Options{}, nil, []string{addr, "the peer has closed", "Options.Bounded", "after 0 retries"}},
		{addr, Options{LineBytesMax: 2}, nil, []string{addr, "longer than 2 bytes"}},
		{addr, Options{Bounded: true}, refused, []string{addr, "connection refused", "after 0 retries"}},
		{addr, Options{Bounded: true, Retries: 3}, refused, []string{"after 3 retries in a row"}},
		{
			"nowhere",
			Options{RetryDelay: -1, LineBytesMax: -1},
			nil,
			[]string{`"nowhere" is not host:port`, "RetryDelay is -1ns", "LineBytesMax is -1"},
		},
	} {
		src := Lines(tc.addr, tc.o).(*source)
		if tc.change != nil {
			tc.change(src)
		}
		d := connecttest.NewDriver(t, src, 1, nil)
		_, err := d.Read(0)
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in the error: %v", want, err)
			}
		}
		d.Close()
	}
}

func TestReconnects(t *testing.T) {
	addr := serve(t, "a\nb\ncut o", "", "c\n", "d\n")
	d := connecttest.NewDriver(t, Lines(addr, Options{Retries: 2, RetryDelay: time.Minute}), 1, nil)
	begin := d.Now()
	got, err := d.Read(5)
	if err != nil || !slices.Equal(got, []string{"a", "b", "c", "d", "d"}) {
		t.Errorf("%q, %v", got, err)
	}
	if waited := d.Now().Sub(begin); waited < 4*time.Minute {
		t.Errorf("waited %v between 5 connections", waited)
	}
	if n := d.Metrics.Counter("numLinesCutOff").Value(); n != 1 {
		t.Errorf("%d lines cut off", n)
	}
}

func TestRestoredReaderConnectsAnew(t *testing.T) {
	addr := serve(t, "a\nb\n", "c\n")
	src := Lines(addr, Options{Bounded: true})
	d := connecttest.NewDriver(t, src, 2, nil)
	if got, err := d.Read(2); err != nil || len(got) != 2 {
		t.Fatalf("%q, %v", got, err)
	}
	s := d.Snapshot()
	d.Close()
	got, err := connecttest.NewDriver(t, src, 3, s).Read(0)
	if err != nil || len(s.Splits) == 1 && !slices.Equal(got, []string{"c"}) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestCloseWhileReading ends a reader whose queue is full.
func TestCloseWhileReading(t *testing.T) {
	text, _ := numbered(100_000)
	d := connecttest.NewDriver(t, Lines(serve(t, text), Options{}), 1, nil)
	if _, err := d.Read(1); err != nil {
		t.Fatal(err)
	}
	d.Close()
}

func ExampleLines() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer l.Close()
	go func() {
		if c, err := l.Accept(); err == nil {
			fmt.Fprint(c, "hello\nworld\n")
			_ = c.Close()
		}
	}()
	env := stream.NewEnv()
	out := collect.To[string]()
	stream.From(env, Lines(l.Addr().String(), Options{Bounded: true})).To(out)
	if err := launch.Run(context.Background(), env, "listen"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(out.Results())
	// Output:
	// [hello world]
}
