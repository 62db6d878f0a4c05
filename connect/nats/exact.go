package nats

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/connect"
)

// holder holds back what is written until its checkpoint is complete. What it has held becomes committables, which the
// checkpoint keeps and the committer publishes.
type holder struct {
	o   *SinkOptions
	ctx connect.WriterContext
	c   *client
	all []*committable
}

// committable is messages that are published when their checkpoint is complete. Message n has the id nonce.n, whenever it is
// published.
type committable struct {
	checkpoint int64
	prepared   int64  // when, in milliseconds since 1970
	last       uint64 // the number of the stream's last message then: what is published lies behind it
	nonce      string
	n          int    // messages
	messages   []byte // encoded
}

// chunkBytes is how much a committable has about.
const chunkBytes = 1 << 20

// windowMin is the shortest window in which a stream must know ids again: within it a message is published again that was
// not acknowledged.
var windowMin = 4 * ackTimeout

func newHolder(o *SinkOptions, ctx connect.WriterContext) (*holder, error) {
	p, err := o.open(ctx.Context, false)
	if err != nil {
		return nil, err
	}
	h := &holder{o: o, ctx: ctx, c: p.c}
	info, err := h.info()
	if err == nil && info.Config.Duplicates < windowMin {
		err = fmt.Errorf("nats: the stream %s knows ids of messages for %v only (its duplicate window), and exactly-once needs %v: make it longer, "+
			"or set 'sink.delivery-guarantee' = 'at-least-once'", o.Stream, info.Config.Duplicates, windowMin)
	}
	if err != nil {
		p.c.close()
		return nil, err
	}
	return h, nil
}

func (h *holder) info() (info *jetstream.StreamInfo, err error) {
	err = h.c.ask(h.ctx.Context, &h.o.Connection, func(ctx context.Context) error {
		s, err := h.c.js.Stream(ctx, h.o.Stream)
		if err != nil {
			return explainStream(err, h.o.Stream)
		}
		info = s.CachedInfo()
		return nil
	})
	return info, err
}

func (h *holder) put(m *nats.Msg) error {
	if int64(len(m.Data)) > h.c.nc.MaxPayload() { // now rather than when nothing can be done about it
		return fmt.Errorf("nats: a message for %s is not written: %w", m.Subject, explainWrite(nats.ErrMaxPayload))
	}
	var c *committable
	if k := len(h.all); k > 0 && len(h.all[k-1].messages) < chunkBytes {
		c = h.all[k-1]
	} else {
		c = &committable{nonce: newNonce()}
		h.all = append(h.all, c)
	}
	c.add(m)
	return nil
}

func newNonce() string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// Flush does nothing: what is held is in the checkpoint.
func (h *holder) Flush(bool) error { return nil }

// Prepare hands over what is held.
func (h *holder) Prepare(checkpoint int64) (items [][]byte, err error) {
	if len(h.all) == 0 {
		return nil, nil
	}
	info, err := h.info()
	if err != nil {
		return nil, err
	}
	for _, c := range h.all {
		c.checkpoint, c.prepared, c.last = checkpoint, h.ctx.Now().UnixMilli(), info.State.LastSeq
		items = append(items, c.encode())
	}
	h.all = nil
	return items, nil
}

// Snapshot has nothing.
func (h *holder) Snapshot() ([]byte, error) { return nil, nil }

// Close disconnects.
func (h *holder) Close() error {
	h.c.close()
	return nil
}

// committableVersion is the first byte of a committable.
const committableVersion = 1

func (c *committable) add(m *nats.Msg) {
	b := appendText(c.messages, m.Subject)
	b = append(binary.AppendUvarint(b, uint64(len(m.Data))), m.Data...)
	values := 0
	for _, v := range m.Header {
		values += len(v)
	}
	b = binary.AppendUvarint(b, uint64(values))
	for _, key := range slices.Sorted(maps.Keys(m.Header)) {
		for _, v := range m.Header[key] {
			b = appendText(appendText(b, key), v)
		}
	}
	c.messages = b
	c.n++
}

func (c *committable) encode() []byte {
	b := binary.AppendUvarint([]byte{committableVersion}, uint64(c.checkpoint))
	b = binary.AppendUvarint(b, uint64(c.prepared))
	b = appendText(binary.AppendUvarint(b, c.last), c.nonce)
	return append(binary.AppendUvarint(b, uint64(c.n)), c.messages...)
}

func decodeCommittable(b []byte) (*committable, error) {
	d := decoder{b: b}
	version := d.byte()
	c := &committable{checkpoint: int64(d.uvarint()), prepared: int64(d.uvarint()), last: d.uvarint(), nonce: d.text(), n: int(d.count())}
	if c.messages = d.b; d.broken || version != committableVersion {
		return nil, errors.New("nats: what is to be published is broken")
	}
	return c, nil
}

// each calls f for each message, which has its id.
func (c *committable) each(f func(n int, m *nats.Msg) error) error {
	d := decoder{b: c.messages}
	for n := range c.n {
		m := &nats.Msg{Subject: d.text(), Data: d.bytes(), Header: nats.Header{}}
		for range d.count() {
			key := d.text()
			m.Header[key] = append(m.Header[key], d.text())
		}
		if d.broken {
			return errors.New("nats: what is to be published is broken")
		}
		m.Header.Set(jetstream.MsgIDHeader, c.nonce+"."+strconv.Itoa(n))
		if err := f(n, m); err != nil {
			return err
		}
	}
	if len(d.b) > 0 {
		return errors.New("nats: what is to be published is broken")
	}
	return nil
}

// twoPhase makes the committers of a sink.
type twoPhase struct{ o *SinkOptions }

// Committer makes the committer of a subtask.
func (t *twoPhase) Committer(ctx connect.WriterContext) (connect.Committer, error) {
	return &committer{o: t.o, ctx: ctx}, nil
}

// committer publishes what checkpoints have.
//
// Ids make the stream take a message once within its window. A job that was down for longer has to look which messages are
// there: it reads those that have come to the stream since the checkpoint.
type committer struct {
	o   *SinkOptions
	ctx connect.WriterContext
	p   *publisher // nil until there is something to commit
}

// Commit publishes committables.
func (k *committer) Commit(items [][]byte) (err error) {
	var all []*committable
	for _, item := range items {
		c, err := decodeCommittable(item)
		if err != nil {
			return err
		}
		all = append(all, c)
	}
	if k.p == nil {
		if k.p, err = k.o.open(k.ctx.Context, true); err != nil {
			return err
		}
	}
	for _, c := range all {
		if err := k.commit(c); err != nil {
			return fmt.Errorf("the messages of checkpoint %d: %w", c.checkpoint, err)
		}
	}
	return k.p.settle(0)
}

func (k *committer) commit(c *committable) error {
	var there map[int]bool
	err := k.p.c.ask(k.ctx.Context, &k.o.Connection, func(ctx context.Context) error {
		s, err := k.p.c.js.Stream(ctx, k.o.Stream)
		if err != nil {
			return explainStream(err, k.o.Stream)
		}
		age := k.ctx.Now().UnixMilli() - c.prepared
		if window := s.CachedInfo().Config.Duplicates; age >= 0 && age < window.Milliseconds()/2 {
			return nil
		}
		there, err = k.find(c, s)
		return err
	})
	if err != nil {
		return err
	}
	return c.each(func(n int, m *nats.Msg) error {
		if there[n] {
			return nil
		}
		m.Header.Set(jetstream.ExpectedStreamHeader, k.o.Stream)
		return k.p.send(m)
	})
}

// findTimeout is how long the messages of a stream may take that are looked through.
const findTimeout = 10 * time.Minute

// find looks which messages are in the stream already.
func (k *committer) find(c *committable, s jetstream.Stream) (there map[int]bool, err error) {
	info := s.CachedInfo()
	if info.Config.Retention != jetstream.LimitsPolicy || info.Config.MaxMsgsPerSubject > 0 || info.State.FirstSeq > c.last+1 {
		if k.o.AcceptDuplicates {
			return nil, nil
		}
		return nil, &finalError{fmt.Errorf("it cannot be found out whether they are in the stream %s: its window of ids is over, and it has removed, or may "+
			"have, what has come since; to publish them again, maybe twice, set 'sink.accept-duplicates' = 'true'", k.o.Stream)}
	}
	there = map[int]bool{}
	if info.State.LastSeq <= c.last {
		return there, nil
	}
	ctx, cancel := context.WithTimeout(k.ctx.Context, findTimeout)
	defer cancel()
	consumer, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
		AckPolicy: jetstream.AckNonePolicy, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: c.last + 1, HeadersOnly: true,
		MemoryStorage: true, Replicas: 1, InactiveThreshold: inactive,
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.DeleteConsumer(ctx, consumer.CachedInfo().Name) }()
	for count, left := uint64(0), consumer.CachedInfo().NumPending; left > 0; {
		batch, err := consumer.Fetch(aheadMax, jetstream.FetchMaxWait(askTimeout))
		if err != nil {
			return nil, err
		}
		for m := range batch.Messages() {
			d, err := m.Metadata()
			if count++; err != nil || d.Sequence.Consumer != count {
				return nil, errors.Join(errGap, err)
			}
			if number, ok := strings.CutPrefix(m.Headers().Get(jetstream.MsgIDHeader), c.nonce+"."); ok {
				if n, err := strconv.Atoi(number); err == nil {
					there[n] = true
				}
			}
			if left = d.NumPending; d.Sequence.Stream >= info.State.LastSeq {
				return there, nil
			}
		}
		if err := batch.Error(); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// Close disconnects.
func (k *committer) Close() error {
	if k.p != nil {
		k.p.c.close()
	}
	return nil
}
