package httpio

import (
	"bytes"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/flott-dev/flott/connect"
)

// WebhookOptions say where is listened, and what an answer means. Address is needed.
type WebhookOptions struct {
	// Address is host:port on the machine of the reader. One that other machines can reach needs Token, or Open.
	Address string
	// Token is what clients must send as Authorization: Bearer. Open lets anybody in.
	Token string
	Open  bool
	// Hold has each post be answered when the checkpoint that has its records is complete: a client that posts again until it
	// is answered by 200 has each record read at least once. Otherwise it is answered at once, and what was not processed yet
	// when the job fails is lost. It needs checkpoints.
	Hold bool
	// HoldTimeout is after how long a post is answered by 503 that is held; zero means a minute.
	HoldTimeout time.Duration
	// Whole makes a body one record; otherwise each of its lines is one.
	Whole bool
	// BodyBytesMax is how large a body may be; zero means 1 MiB.
	BodyBytesMax int64
	// Listening is called with the address, once it is listened there.
	Listening func(address string)
	// OnBad is what is done with records that cannot be decoded: connect.FailOnBad by default.
	OnBad connect.BadPolicy
}

// Webhook reads what is posted. One reader listens.
func Webhook[T any](o WebhookOptions, decode func(r *Record) (T, error)) connect.Source[T] {
	return &source[T]{&o, decode, o.OnBad, o.check()}
}

func (o *WebhookOptions) check() error {
	host, _, err := net.SplitHostPort(o.Address)
	if err != nil {
		return fmt.Errorf("http: %q ('listen') is not host:port: %w", o.Address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) && o.Token == "" && !o.Open {
		return fmt.Errorf("http: other machines can reach %s ('listen'): give a token ('token'), or let anybody in ('open')", o.Address)
	}
	if o.HoldTimeout == 0 {
		o.HoldTimeout = time.Minute
	}
	if o.BodyBytesMax == 0 {
		o.BodyBytesMax = 1 << 20
	}
	return nil
}

func (o *WebhookOptions) id() string    { return "posts to " + o.Address }
func (o *WebhookOptions) bounded() bool { return false }

func (o *WebhookOptions) run(ctx context.Context, _ position, b *buffer) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Address)
	if err != nil {
		return fmt.Errorf("http: 'listen': %w", err)
	}
	slog.InfoContext(ctx, "flott: http: posts are taken", "address", l.Addr())
	if o.Listening != nil {
		o.Listening(l.Addr().String())
	}
	s := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { o.serve(ctx, w, r, b) }),
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = s.Shutdown(closing)
		_ = s.Close()
	})
	err = s.Serve(l)
	if !stop() {
		<-stopped
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// serve takes a post.
func (o *WebhookOptions) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, b *buffer) {
	token := []byte("Bearer " + o.Token)
	switch {
	case o.Token != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), token) != 1:
		http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
		return
	case r.Method != http.MethodPost:
		http.Error(w, "records are posted", http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, o.BodyBytesMax))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		http.Error(w, fmt.Sprintf("a body may have %d bytes", o.BodyBytesMax), http.StatusRequestEntityTooLarge)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var items []item
	p := &post{done: make(chan struct{})}
	for _, data := range records(body, o.Whole) {
		i := item{Record: Record{Data: data}}
		if o.Hold {
			i.post = p
		}
		items = append(items, i)
	}
	if p.left = len(items); p.left == 0 {
		return
	}
	if !b.offer(items) {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "there is no room now", http.StatusServiceUnavailable)
		return
	}
	if !o.Hold {
		return
	}
	late := time.NewTimer(o.HoldTimeout)
	defer late.Stop()
	select {
	case <-p.done:
	case <-late.C:
		http.Error(w, "no checkpoint has the records yet; they may be read twice", http.StatusServiceUnavailable)
	case <-ctx.Done():
		http.Error(w, "the job has stopped; the records may be read twice", http.StatusServiceUnavailable)
	case <-r.Context().Done():
	}
}

// records are the lines of a body that are not empty, or all of it.
func records(body []byte, whole bool) (all [][]byte) {
	if whole {
		if len(bytes.TrimSpace(body)) == 0 {
			return nil
		}
		return [][]byte{body}
	}
	for line := range bytes.Lines(body) {
		if line = bytes.TrimRight(line, "\r\n"); len(line) > 0 {
			all = append(all, line)
		}
	}
	return all
}

// post is a post whose answer is held.
type post struct {
	left int // records that are not read
	done chan struct{}
}

// posts are those of a reader whose answers are held, and all of whose records are read. Only the reader's goroutine uses them.
type posts struct {
	done  []*post // since the last snapshot
	saved []savedPosts
}

type savedPosts struct {
	checkpoint int64
	all        []*post
}

// read notes that a record is read of a post, which is nil if its answer is not held.
func (p *posts) read(of *post) {
	if of == nil {
		return
	}
	if of.left--; of.left == 0 {
		p.done = append(p.done, of)
	}
}

func (p *posts) snapshotted(checkpoint int64) {
	if len(p.done) > 0 {
		p.saved = append(p.saved, savedPosts{checkpoint, p.done})
		p.done = nil
	}
}

func (p *posts) completed(checkpoint int64) {
	for len(p.saved) > 0 && p.saved[0].checkpoint <= checkpoint {
		for _, of := range p.saved[0].all {
			close(of.done)
		}
		p.saved = p.saved[1:]
	}
}
