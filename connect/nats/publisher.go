package nats

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/clock"
)

// publisher publishes messages, and has those published again that are not acknowledged.
type publisher struct {
	o      *SinkOptions
	ctx    context.Context
	c      *client
	flying []flight // not acknowledged, oldest first
	bytes  int      // of them
	warned bool     // of what was not acknowledged since all was
}

// flight is a message on its way.
type flight struct {
	m   *nats.Msg
	ack jetstream.PubAckFuture
}

// How much may be on its way before a writer waits.
const (
	flyingMax      = 4096
	flyingBytesMax = 32 << 20
)

// open connects, as dial does, and wants a stream to be there for what is published.
func (o *SinkOptions) open(ctx context.Context, runs bool) (*publisher, error) {
	c, err := o.dial(ctx, runs)
	if err != nil {
		return nil, err
	}
	if err := c.ask(ctx, &o.Connection, func(ctx context.Context) error { return o.checkStream(ctx, c) }); err != nil {
		c.close()
		return nil, err
	}
	return &publisher{o: o, ctx: ctx, c: c}, nil
}

func (o *SinkOptions) checkStream(ctx context.Context, c *client) error {
	if o.Stream != "" {
		if _, err := c.js.Stream(ctx, o.Stream); err != nil {
			return explainStream(err, o.Stream)
		}
	}
	if o.Subject == "" {
		return nil
	}
	name, err := c.js.StreamNameBySubject(ctx, o.Subject)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return &finalError{fmt.Errorf("no stream takes the subject %s ('subject'); create one", o.Subject)}
	case err != nil:
		return err
	case o.Stream != "" && name != o.Stream:
		return &finalError{fmt.Errorf("the subject %s ('subject') belongs to the stream %s, not to %s ('stream')", o.Subject, name, o.Stream)}
	}
	return nil
}

func explainStream(err error, stream string) error {
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return &finalError{fmt.Errorf("the stream %s is not there; create it, or correct the name ('stream'): %w", stream, err)}
	}
	return err
}

// send publishes a message, and waits while too many are on their way. The message is kept.
func (p *publisher) send(m *nats.Msg) error {
	if len(p.flying) >= flyingMax || p.bytes > flyingBytesMax {
		if err := p.settle(len(p.flying) / 2); err != nil {
			return err
		}
	}
	ack, err := p.c.js.PublishMsgAsync(m)
	if err != nil {
		return p.again(m, err)
	}
	p.flying = append(p.flying, flight{m, ack})
	p.bytes += len(m.Data)
	return nil
}

// settle waits until all but some messages are acknowledged.
func (p *publisher) settle(but int) error {
	n := len(p.flying) - but
	for i := range max(n, 0) {
		f := p.flying[i]
		var err error
		select {
		case <-f.ack.Ok():
		case err = <-f.ack.Err():
			err = p.again(f.m, err)
		case <-p.ctx.Done():
			err = context.Cause(p.ctx)
		}
		if err != nil {
			return err
		}
		p.bytes -= len(f.m.Data)
	}
	p.flying = append(p.flying[:0], p.flying[max(n, 0):]...)
	p.warned = p.warned && len(p.flying) > 0
	return nil
}

// again publishes a message again that was not acknowledged, until it is. A stream that does not take it, as one that is full, is tried
// for as long as a server is waited for at the start.
func (p *publisher) again(m *nats.Msg, err error) error {
	began := time.Now()
	for first := true; ; first = false {
		if failed := p.c.failure(&p.o.Connection, err); failed != nil {
			return failed
		}
		if !isPassing(err) || isRefusal(err) && p.c.nc.IsConnected() && time.Since(began) > p.o.Timeout {
			return fmt.Errorf("nats: a message for %s is not written: %w", m.Subject, explainWrite(err))
		}
		if !p.warned {
			slog.WarnContext(p.ctx, "flott: nats: a message was not acknowledged; such ones are published again", "subject", m.Subject, "cause", err)
			p.warned = true
		}
		connected := p.c.nc.IsConnected()
		if !(first && connected) && !clock.Wait(p.ctx, retryBackoff) {
			return context.Cause(p.ctx)
		}
		if !connected && !p.c.nc.IsClosed() {
			began = time.Now()
			continue
		}
		once, cancel := context.WithTimeout(p.ctx, ackTimeout)
		_, err = p.c.js.PublishMsg(once, m)
		cancel()
		if err == nil {
			return nil
		}
	}
}

// Codes of errors of the server.
const (
	codeTooLarge      = 10054
	codeNotThatStream = 10059
	codeWrongStream   = 10060
	codeStoreFailed   = 10077 // as where a limit of the stream is reached
)

// isRefusal reports whether an error is one that may pass, but may as well stay: nobody takes the message.
func isRefusal(err error) bool {
	var answer *jetstream.APIError
	return errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, nats.ErrNoResponders) ||
		errors.As(err, &answer) && answer.ErrorCode == codeStoreFailed
}

// explainWrite adds to an error what can be done about it.
func explainWrite(err error) error {
	var answer *jetstream.APIError
	switch {
	case errors.Is(err, nats.ErrMaxPayload):
		return fmt.Errorf("it is larger than max_payload of the server allows: %w", err)
	case errors.Is(err, jetstream.ErrNoStreamResponse), errors.Is(err, nats.ErrNoResponders):
		return fmt.Errorf("no stream takes that subject; create one: %w", err)
	case errors.Is(err, nats.ErrBadSubject):
		return fmt.Errorf("that is no subject: %w", err)
	case !errors.As(err, &answer):
		return err
	}
	switch answer.ErrorCode {
	case codeWrongStream, codeNotThatStream:
		return fmt.Errorf("the subject belongs to another stream than 'stream': %w", err)
	case codeTooLarge:
		return fmt.Errorf("it is larger than the stream allows: %w", err)
	case codeStoreFailed:
		return fmt.Errorf("the stream does not take it; does it have a limit, and discard what is new? %w", err)
	}
	return err
}

// plain publishes at once.
type plain struct{ *publisher }

func newPlain(o *SinkOptions, ctx connect.WriterContext) (*plain, error) {
	p, err := o.open(ctx.Context, false)
	if err != nil {
		return nil, err
	}
	return &plain{p}, nil
}

func (p *plain) put(m *nats.Msg) error { return p.send(m) }

// Flush waits until all messages are acknowledged, unless they may be lost.
func (p *plain) Flush(endOfInput bool) error {
	if p.o.Guarantee == None && !endOfInput {
		return nil
	}
	return p.settle(0)
}

// Snapshot has nothing.
func (p *plain) Snapshot() ([]byte, error) { return nil, nil }

// Close disconnects.
func (p *plain) Close() error {
	p.c.close()
	return nil
}
