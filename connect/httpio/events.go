package httpio

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/redact"
)

// EventOptions say which events are read. URL is needed.
type EventOptions struct {
	Server
	// Reconnect is how long is waited before the server is asked again when it has ended the stream, unless it says that itself;
	// zero means a second.
	Reconnect time.Duration
	// EventBytesMax is how large an event may be; zero means 1 MiB.
	EventBytesMax int
	// OnBad is what is done with records that cannot be decoded: connect.FailOnBad by default.
	OnBad connect.BadPolicy
}

// Events reads server-sent events. The id of the last one is the position, and is sent as Last-Event-ID when the connection is made
// again; a server that heeds it has each event be read once. An answer of 204 ends the input.
func Events[T any](o EventOptions, decode func(r *Record) (T, error)) connect.Source[T] {
	return &source[T]{&o, decode, o.OnBad, o.check()}
}

func (o *EventOptions) check() error {
	if o.Reconnect == 0 {
		o.Reconnect = time.Second
	}
	if o.EventBytesMax == 0 {
		o.EventBytesMax = 1 << 20
	}
	return errors.Join(o.Server.check()...)
}

func (o *EventOptions) id() string    { return o.URL }
func (o *EventOptions) bounded() bool { return false }

func (o *EventOptions) run(ctx context.Context, at position, b *buffer) error {
	c := newClient(&o.Server)
	defer c.close()
	s := &eventStream{o: o, last: string(at.ID), pause: o.Reconnect}
	for {
		answer, err := c.do(ctx, func() (*http.Request, error) {
			r, err := http.NewRequest(http.MethodGet, o.URL, nil)
			if err != nil {
				return nil, err
			}
			r.Header.Set("Accept", "text/event-stream")
			if s.last != "" {
				r.Header.Set("Last-Event-ID", s.last)
			}
			return r, nil
		})
		if err != nil {
			return err
		}
		if answer.StatusCode == http.StatusNoContent {
			answer.Body.Close()
			return nil
		}
		kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type"))
		if answer.StatusCode != http.StatusOK || kind != "text/event-stream" {
			answer.Body.Close()
			return fmt.Errorf("http: %s answers %s with %q, not with text/event-stream", redact.URL(o.URL), answer.Status, kind)
		}
		err = s.read(ctx, answer, b)
		answer.Body.Close()
		if err != nil || !clock.Wait(ctx, s.pause) {
			return err
		}
	}
}

// eventStream parses events, over connections that are made again.
type eventStream struct {
	o     *EventOptions
	last  string // id
	pause time.Duration
}

// read reads a connection to its end. Only what is wrong for good is an error.
func (s *eventStream) read(ctx context.Context, answer *http.Response, b *buffer) error {
	lines := bufio.NewScanner(answer.Body)
	lines.Buffer(make([]byte, 0, 64<<10), s.o.EventBytesMax)
	lines.Split(splitLines())
	var data []byte
	event, id, some := "", s.last, false
	for first := true; lines.Scan(); first = false {
		line := lines.Bytes()
		if first {
			line = bytes.TrimPrefix(line, []byte("\ufeff"))
		}
		if len(line) == 0 {
			s.last = id
			if some {
				i := item{Record: Record{Data: bytes.TrimSuffix(data, []byte("\n")), ID: id, Event: event}, behind: position{ID: opaque(id)}}
				if !b.put(ctx, i) {
					return nil
				}
			}
			data, event, some = nil, "", false
			continue
		}
		name, value, _ := strings.Cut(string(line), ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			data, some = append(append(data, value...), '\n'), true
			if len(data) > s.o.EventBytesMax {
				return s.tooLarge()
			}
		case "event":
			event = value
		case "id":
			if !strings.Contains(value, "\x00") {
				id = value
			}
		case "retry":
			if ms, err := strconv.ParseUint(value, 10, 31); err == nil {
				s.pause = time.Duration(ms) * time.Millisecond
			}
		}
	}
	if errors.Is(lines.Err(), bufio.ErrTooLong) {
		return s.tooLarge()
	}
	return nil // what is cut off comes again
}

func (s *eventStream) tooLarge() error {
	return fmt.Errorf("http: an event of %s has more than %d bytes ('body.max-size')", redact.URL(s.o.URL), s.o.EventBytesMax)
}

// splitLines ends lines at \n, \r\n and \r, without waiting for what is behind a \r.
func splitLines() bufio.SplitFunc {
	afterReturn := false
	return func(data []byte, atEOF bool) (advance int, token []byte, err error) {
		skip := 0
		if afterReturn && len(data) > 0 {
			afterReturn = false
			if data[0] == '\n' {
				skip = 1
			}
		}
		at := bytes.IndexAny(data[skip:], "\r\n")
		if at < 0 {
			if atEOF {
				return len(data), nil, nil // a line that is cut off
			}
			return skip, nil, nil
		}
		afterReturn = data[skip+at] == '\r'
		return skip + at + 1, data[skip : skip+at], nil
	}
}
