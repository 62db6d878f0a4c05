package httpio

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/redact"
)

// PollOptions say what is asked for, and how often. URL is needed.
type PollOptions struct {
	Server
	// Every is how often the server is asked; zero means each ten seconds.
	Every time.Duration
	// Whole makes a body one record; otherwise each of its lines is one.
	Whole bool
	// CursorHeader names the header of an answer that has the cursor of the next one, and CursorParameter the parameter of the URL in
	// which it is sent. An answer without that header is the newest: it is asked for again, with the cursor that led to it.
	CursorHeader, CursorParameter string
	// BodyBytesMax is how large a body may be; zero means 64 MiB.
	BodyBytesMax int64
	// Bounded makes the newest answer the end.
	Bounded bool
	// OnBad is what is done with records that cannot be decoded: connect.FailOnBad by default.
	OnBad connect.BadPolicy
}

// Poll reads the answers of a server. An answer that has an ETag is read again only when that has changed.
func Poll[T any](o PollOptions, decode func(r *Record) (T, error)) connect.Source[T] {
	return &source[T]{&o, decode, o.OnBad, o.check()}
}

func (o *PollOptions) check() error {
	errs := o.Server.check()
	if (o.CursorHeader == "") != (o.CursorParameter == "") {
		errs = append(errs, errors.New("a cursor comes in a header ('scan.cursor.header') and goes in a parameter ('scan.cursor.parameter'): one of them is missing"))
	}
	if o.Every == 0 {
		o.Every = 10 * time.Second
	}
	if o.BodyBytesMax == 0 {
		o.BodyBytesMax = 64 << 20
	}
	return errors.Join(errs...)
}

func (o *PollOptions) id() string    { return o.URL }
func (o *PollOptions) bounded() bool { return o.Bounded }

func (o *PollOptions) run(ctx context.Context, at position, b *buffer) error {
	if at.End && o.Bounded {
		return nil // otherwise the newest answer would be read again
	}
	c := newClient(&o.Server)
	defer c.close()
	for {
		next, newest, err := o.ask(ctx, c, at, b)
		if err != nil || newest && o.Bounded || ctx.Err() != nil {
			return err
		}
		if at = next; newest && !clock.Wait(ctx, o.Every) {
			return nil
		}
	}
}

// ask reads an answer. It returns the position behind it, and whether there is no newer one yet.
func (o *PollOptions) ask(ctx context.Context, c *client, at position, b *buffer) (next position, newest bool, err error) {
	answer, err := c.do(ctx, func() (*http.Request, error) {
		u, err := url.Parse(o.URL)
		if err != nil {
			return nil, err
		}
		if at.Cursor != "" {
			q := u.Query()
			q.Set(o.CursorParameter, string(at.Cursor))
			u.RawQuery = q.Encode()
		}
		r, err := http.NewRequest(http.MethodGet, u.String(), nil)
		if err == nil && at.Tag != "" && at.Read == 0 {
			r.Header.Set("If-None-Match", string(at.Tag))
		}
		return r, err
	})
	if err != nil {
		return at, false, err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotModified {
		return at, true, nil
	}
	late := time.AfterFunc(o.Timeout, func() { answer.Body.Close() })
	body, err := io.ReadAll(io.LimitReader(answer.Body, o.BodyBytesMax+1))
	if late.Stop(); err != nil {
		slog.WarnContext(ctx, "flott: http: an answer was cut off; it is asked for again", "url", redact.URL(o.URL), "cause", err)
		clock.Wait(ctx, backoffMin)
		return at, false, nil
	}
	if int64(len(body)) > o.BodyBytesMax {
		return at, false, fmt.Errorf("http: the answer of %s has more than %d bytes ('body.max-size')", redact.URL(o.URL), o.BodyBytesMax)
	}
	tag := opaque(answer.Header.Get("ETag"))
	next = position{Cursor: at.Cursor, Tag: tag}
	cursor := opaque(answer.Header.Get(o.CursorHeader))
	if newest = o.CursorHeader == "" || cursor == "" || cursor == at.Cursor; !newest {
		next = position{Cursor: cursor}
	}
	next.End = newest && o.Bounded
	all := records(body, o.Whole)
	skip := 0
	if at.Read > 0 && at.Tag == tag {
		skip = min(at.Read, len(all)) // read before the restart
	}
	for n := skip; n < len(all); n++ {
		behind := position{Cursor: at.Cursor, Tag: tag, Read: n + 1}
		if n == len(all)-1 {
			behind = next
		}
		if !b.put(ctx, item{Record: Record{Data: bytes.Clone(all[n])}, behind: behind}) {
			return at, false, nil
		}
	}
	b.move(next)
	return next, newest, nil
}
