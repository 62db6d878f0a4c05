package nats

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Position says where reading begins, or ends, in each stream.
type Position struct {
	kind     positionKind
	time     time.Time
	sequence uint64
}

type positionKind uint8

const (
	earliest positionKind = iota
	latest
	atTime
	atSequence
)

// Earliest is the first message that there is.
func Earliest() Position { return Position{} }

// Latest is behind the last message that there is at the start of the job.
func Latest() Position { return Position{kind: latest} }

// At is the first message that was stored at t or later; behind the last one if there is none.
func At(t time.Time) Position { return Position{kind: atTime, time: t} }

// Sequence is the message with a number, or the next one that there is.
func Sequence(n uint64) Position { return Position{kind: atSequence, sequence: n} }

// resolve finds the number of the message that a position means in a stream.
func (p Position) resolve(ctx context.Context, s jetstream.Stream) (uint64, error) {
	state := s.CachedInfo().State
	switch p.kind {
	case latest:
		return state.LastSeq + 1, nil
	case atSequence:
		return max(p.sequence, 1), nil
	case atTime:
		return p.after(ctx, s)
	}
	return max(state.FirstSeq, 1), nil
}

// after asks the server for the number: a consumer from a time on begins there.
func (p Position) after(ctx context.Context, s jetstream.Stream) (uint64, error) {
	c, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &p.time,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: askTimeout,
	})
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.DeleteConsumer(ctx, c.CachedInfo().Name) }()
	return c.CachedInfo().Delivered.Stream + 1, nil
}

// String names the position.
func (p Position) String() string {
	switch p.kind {
	case latest:
		return "the end"
	case atTime:
		return "the time " + p.time.Format(time.RFC3339Nano)
	case atSequence:
		return fmt.Sprint("message ", p.sequence)
	}
	return "the beginning"
}
