package httpio

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/redact"
)

// SinkOptions say where is posted, and how much at once. URL is needed.
type SinkOptions struct {
	Server
	// Rows is how many records a post has at most; zero means 500. Bytes is how large it may become before it is posted; zero
	// means 1 MiB.
	Rows, Bytes int
	// Interval is how long records wait for others; zero means a second.
	Interval time.Duration
	// Array makes a body a JSON array of the records; otherwise each is a line.
	Array bool
	// ContentType is that of a post; "" means application/x-ndjson, or application/json with Array.
	ContentType string
}

// Sink posts records, at least once: all are posted, and answered by a status below 300, before a checkpoint is complete. A post that
// is made again has the same Idempotency-Key; the records since the last checkpoint come again in other posts after a failure.
func Sink[T any](o SinkOptions, encode func(v T) ([]byte, error)) connect.Sink[T] {
	return &sink[T]{&o, encode, o.check()}
}

func (o *SinkOptions) check() error {
	if o.Rows == 0 {
		o.Rows = 500
	}
	if o.Bytes == 0 {
		o.Bytes = 1 << 20
	}
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if o.ContentType == "" {
		o.ContentType = "application/x-ndjson"
		if o.Array {
			o.ContentType = "application/json"
		}
	}
	return errors.Join(o.Server.check()...)
}

type sink[T any] struct {
	o      *SinkOptions
	encode func(T) ([]byte, error)
	err    error // of the options
}

func (s *sink[T]) Writer(ctx connect.WriterContext, _ [][]byte) (connect.Writer[T], error) {
	if s.err != nil {
		return nil, s.err
	}
	return &writer[T]{newPoster(s.o, ctx), s.encode}, nil
}

type writer[T any] struct {
	*poster
	encode func(T) ([]byte, error)
}

// Write collects records.
func (w *writer[T]) Write(all []T, _ []int64) error {
	for _, v := range all {
		data, err := w.encode(v)
		if err != nil {
			return err
		}
		if err := w.add(data); err != nil {
			return err
		}
	}
	return nil
}

// poster collects records and posts them together.
type poster struct {
	o      *SinkOptions
	ctx    connect.WriterContext
	client *client
	body   []byte
	rows   int
	prefix string // of keys
	posts  int
}

func newPoster(o *SinkOptions, ctx connect.WriterContext) *poster {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return &poster{o: o, ctx: ctx, client: newClient(&o.Server), prefix: base64.RawURLEncoding.EncodeToString(b[:]) + "-"}
}

// add collects a record, which it copies.
func (p *poster) add(record []byte) error {
	switch {
	case p.o.Array && p.rows == 0:
		p.body = append(p.body, '[')
	case p.o.Array:
		p.body = append(p.body, ',')
	}
	if p.body = append(p.body, record...); !p.o.Array {
		p.body = append(p.body, '\n')
	}
	if p.rows++; p.rows == 1 {
		p.ctx.WakeAt(p.ctx.Now().Add(p.o.Interval))
	}
	if p.rows >= p.o.Rows || len(p.body) >= p.o.Bytes {
		return p.post()
	}
	return nil
}

// post posts what is collected, and waits for the answer.
func (p *poster) post() error {
	if p.rows == 0 {
		return nil
	}
	if p.o.Array {
		p.body = append(p.body, ']')
	}
	p.posts++
	answer, err := p.client.do(p.ctx.Context, func() (*http.Request, error) {
		r, err := http.NewRequest(http.MethodPost, p.o.URL, bytes.NewReader(p.body))
		if err != nil {
			return nil, err
		}
		r.Header.Set("Content-Type", p.o.ContentType)
		r.Header.Set("Idempotency-Key", p.prefix+strconv.Itoa(p.posts))
		return r, nil
	})
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 1<<20))
	answer.Body.Close()
	if answer.StatusCode >= 300 {
		return fmt.Errorf("http: %s answers %s: the records are not known to be taken", redact.URL(p.o.URL), answer.Status)
	}
	p.body, p.rows = p.body[:0], 0
	return nil
}

// Tick posts what has waited.
func (p *poster) Tick(time.Time) error { return p.post() }

// Flush posts what is collected.
func (p *poster) Flush(bool) error { return p.post() }

// Snapshot has nothing.
func (p *poster) Snapshot() ([]byte, error) { return nil, nil }

// Close disconnects.
func (p *poster) Close() error {
	p.client.close()
	return nil
}
