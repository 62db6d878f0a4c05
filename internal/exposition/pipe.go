package exposition

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"net"
	"sync"
)

// answerBytesMax is how much a process may answer: its program is a user's.
const answerBytesMax = 64 << 20

// Answer sends what scopes gives each time that the other end asks. It returns when the connection ends.
func Answer(c net.Conn, scopes func() []Scope) {
	out := bufio.NewWriterSize(c, 64<<10)
	enc := gob.NewEncoder(out)
	for ask := make([]byte, 1); ; {
		if _, err := c.Read(ask); err != nil {
			return
		}
		if err := enc.Encode(scopes()); err != nil {
			return
		}
		if err := out.Flush(); err != nil {
			return
		}
	}
}

// Asker asks a process at the other end of a connection for its scopes. Its methods may be called by any goroutine.
type Asker struct {
	conn net.Conn
	done chan struct{} // the reader has ended

	mu struct {
		sync.Mutex
		ended bool
		owed  *answer // nil if nothing was asked that is not answered
	}
}

// answer is one that is asked for.
type answer struct {
	came   chan struct{}
	scopes []Scope // when it has come
	late   bool    // somebody has waited in vain
}

// NewAsker returns an Asker, which closes the connection when that fails, or by Close.
func NewAsker(c net.Conn) *Asker {
	a := &Asker{conn: c, done: make(chan struct{})}
	go a.read()
	return a
}

// Close ends it, and answers those who wait.
func (a *Asker) Close() {
	a.conn.Close()
	<-a.done
}

// Ask returns the scopes of the process, or false if they have not come when ctx is done. As long as an answer is owed that
// somebody has waited for in vain, nobody waits for it again.
func (a *Asker) Ask(ctx context.Context) (scopes []Scope, ok bool) {
	w := a.begin()
	if w == nil {
		return nil, false
	}
	select {
	case <-w.came:
		return w.scopes, w.scopes != nil
	case <-ctx.Done():
		a.mu.Lock()
		w.late = true
		a.mu.Unlock()
		return nil, false
	}
}

// begin asks, unless that was done already; nil if there is nothing to wait for.
func (a *Asker) begin() *answer {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch w := a.mu.owed; {
	case a.mu.ended || w != nil && w.late:
		return nil
	case w != nil:
		return w
	}
	a.mu.owed = &answer{came: make(chan struct{})}
	// One byte at a time is on its way: there is room for it.
	if _, err := a.conn.Write([]byte{1}); err != nil {
		a.conn.Close() // the reader sees that
	}
	return a.mu.owed
}

func (a *Asker) read() {
	defer close(a.done)
	in := &bounded{r: bufio.NewReaderSize(a.conn, 64<<10)}
	dec := gob.NewDecoder(in)
	for {
		in.left = answerBytesMax
		var scopes []Scope
		err := dec.Decode(&scopes)
		a.mu.Lock()
		if w := a.mu.owed; w != nil {
			if err == nil {
				w.scopes = scopes
			}
			close(w.came)
			a.mu.owed = nil
		}
		a.mu.ended = err != nil
		a.mu.Unlock()
		if err != nil {
			a.conn.Close()
			return
		}
	}
}

var errTooLarge = errors.New("the metrics of a process are larger than 64 MiB")

// bounded reads up to left bytes.
type bounded struct {
	r    *bufio.Reader
	left int
}

// Read reads, or fails when nothing is left.
func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	n, err := b.r.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// ReadByte reads a byte. With it package gob reads nothing ahead.
func (b *bounded) ReadByte() (byte, error) {
	if b.left <= 0 {
		return 0, errTooLarge
	}
	b.left--
	return b.r.ReadByte()
}
