package kafka

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/connect"
)

// twoPhase is what writers and committers of a sink with transactions share.
//
// Each checkpoint is a transaction, if anything is written. Ids of transactions are used again:
//
//	free ─ first record ─▶ open ─ barrier ─▶ prepared ─ committed ─▶ rests ─ a later one is committed ─▶ free
//
// It rests as long as a restore could commit it again, which would be refused if there were a newer one with its id. What a job
// that has failed has left open is aborted by the next writers: of all ids but those that are prepared in the checkpoint from
// which they begin, and that may belong to any of them.
type twoPhase struct {
	cfg *sinkConfig

	mu    sync.Mutex
	pools map[int]*pool // of the writers in this process, by subtask
}

// SharesStates is true: what is prepared must not be aborted by any writer.
func (t *twoPhase) SharesStates() bool { return true }

// pool is the ids of a writer. It is used by the writer and its committer, which run on one goroutine.
type pool struct {
	prefix string
	slots  []*slot
}

type slotState uint8

const (
	free slotState = iota
	open
	isPrepared
	rests
)

// slot is an id, with the client that uses it.
type slot struct {
	id         string
	state      slotState
	checkpoint int64       // for which it is prepared
	client     *kgo.Client // nil for none
	isEnded    bool        // the transaction is committed, of which client does not know
}

// idOf is the id of a slot of a subtask.
func (c *sinkConfig) idOf(subtask, number int) string {
	return c.TransactionPrefix + "-" + strconv.Itoa(subtask) + "-" + strconv.Itoa(number)
}

// take is the first slot that is free.
func (p *pool) take() *slot {
	for _, s := range p.slots {
		if s.state == free {
			return s
		}
	}
	s := &slot{id: p.prefix + strconv.Itoa(len(p.slots))}
	p.slots = append(p.slots, s)
	return s
}

// committed notes that the transactions of a checkpoint are committed: those of earlier ones are not asked for any more.
func (p *pool) committed(checkpoint int64) {
	for _, s := range p.slots {
		if s.state == rests && s.checkpoint < checkpoint {
			s.state = free
		}
	}
}

// transactional writes in transactions.
type transactional struct {
	producer
	t    *twoPhase
	pool *pool
	now  *slot // open; nil for none
	v2   bool
}

// newTransactional makes a writer that aborts what those before it have left open.
func newTransactional(t *twoPhase, ctx connect.WriterContext, states [][]byte) (*transactional, error) {
	prepared := map[string]bool{}
	for _, state := range states {
		ids, err := decodeIDs(state)
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			prepared[id] = true
		}
	}
	w := &transactional{t: t, pool: &pool{prefix: t.cfg.TransactionPrefix + "-" + strconv.Itoa(ctx.Subtask) + "-"}}
	b, err := newBrokers(t.cfg, ctx.Context)
	if err != nil {
		return nil, err
	}
	defer b.close()
	if err := t.cfg.reach(ctx.Context, b.client); err != nil {
		return nil, err
	}
	if w.v2, err = b.version2(); err != nil {
		return nil, err
	}
	for subtask := ctx.Subtask; ; subtask += ctx.Parallelism {
		used, err := b.abort(subtask, prepared)
		if err != nil {
			return nil, err
		}
		if subtask > ctx.Subtask {
			if used == 0 {
				break
			}
			continue
		}
		for number := range used {
			s := &slot{id: t.cfg.idOf(subtask, number)}
			if prepared[s.id] {
				s.state = rests
			}
			w.pool.slots = append(w.pool.slots, s)
		}
	}
	w.init(t.cfg, ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.pools == nil {
		t.pools = map[int]*pool{}
	}
	t.pools[ctx.Subtask] = w.pool
	return w, nil
}

// begin has a transaction be open.
func (w *transactional) begin() error {
	if w.now != nil {
		return nil
	}
	s := w.pool.take()
	w.catchUp(s)
	if s.client == nil {
		client, err := w.newClient(kgo.TransactionalID(s.id), kgo.TransactionTimeout(w.cfg.transactionTimeout))
		if err != nil {
			return err
		}
		s.client = client
	}
	if err := s.client.BeginTransaction(); err != nil {
		return fmt.Errorf("kafka: transaction %s: %w", s.id, w.cfg.explainWrite(err))
	}
	s.state, w.now, w.client = open, s, s.client
	return nil
}

// catchUp tells the client of a slot that its transaction is committed. The brokers take that for a repetition, and tell it its
// next epoch. A client that would abort instead, or cannot, is not used any more.
func (w *transactional) catchUp(s *slot) {
	if s.client != nil && s.isEnded && s.client.EndTransaction(w.ctx.Context, kgo.TryCommit) != nil {
		s.client.Close()
		s.client = nil
	}
	s.isEnded = false
}

// Flush writes what is held back, and waits until all records are written.
func (w *transactional) Flush(bool) error { return w.flush() }

// Prepare ends the transaction but for its commit.
func (w *transactional) Prepare(checkpoint int64) ([][]byte, error) {
	if w.now == nil {
		return nil, nil
	}
	id, epoch, err := w.client.ProducerID(w.ctx.Context)
	if err != nil {
		return nil, fmt.Errorf("kafka: transaction %s: %w", w.now.id, w.cfg.explainWrite(err))
	}
	c := committable{id: w.now.id, producer: id, epoch: epoch, v2: w.v2, checkpoint: checkpoint}
	w.now.state, w.now.checkpoint = isPrepared, checkpoint
	w.now, w.client = nil, nil
	return [][]byte{c.encode()}, nil
}

// Snapshot is the ids of what is prepared.
func (w *transactional) Snapshot() ([]byte, error) {
	b := []byte{committableVersion}
	for _, s := range w.pool.slots {
		if s.state == isPrepared {
			b = binary.AppendUvarint(b, uint64(len(s.id)))
			b = append(b, s.id...)
		}
	}
	if len(b) == 1 {
		return nil, nil
	}
	return b, nil
}

func decodeIDs(b []byte) (ids []string, err error) {
	broken := errors.New("kafka: the state of a writer is broken")
	if len(b) == 0 || b[0] != committableVersion {
		return nil, broken
	}
	for b = b[1:]; len(b) > 0; {
		n, k := binary.Uvarint(b)
		if k <= 0 || n > uint64(len(b)-k) {
			return nil, broken
		}
		ids = append(ids, string(b[k:k+int(n)]))
		b = b[k+int(n):]
	}
	return ids, nil
}

// Close aborts what is open, and disconnects. What is prepared stays so.
func (w *transactional) Close() error {
	if w.now != nil {
		ctx, cancel := context.WithTimeout(context.Background(), closeWait)
		if w.client.AbortBufferedRecords(ctx) == nil {
			_ = w.client.EndTransaction(ctx, kgo.TryAbort) // the next writer does it, or the brokers when its time is over
		}
		cancel()
	}
	for _, s := range w.pool.slots {
		if s.client != nil {
			s.client.Close()
			s.client = nil
		}
	}
	w.end()
	w.t.mu.Lock()
	defer w.t.mu.Unlock()
	if w.t.pools[w.ctx.Subtask] == w.pool {
		delete(w.t.pools, w.ctx.Subtask)
	}
	return nil
}

// committable is a prepared transaction.
type committable struct {
	id         string
	producer   int64
	epoch      int16
	v2         bool // of the transaction protocol
	checkpoint int64
}

const committableVersion = 1

// encode is version, protocol, producer, epoch, checkpoint, id.
func (c *committable) encode() []byte {
	b := []byte{committableVersion, 1}
	if c.v2 {
		b[1] = 2
	}
	b = binary.AppendVarint(b, c.producer)
	b = binary.AppendVarint(b, int64(c.epoch))
	b = binary.AppendVarint(b, c.checkpoint)
	return append(b, c.id...)
}

func decodeCommittable(b []byte) (c committable, err error) {
	broken := fmt.Errorf("kafka: a prepared transaction is broken: % x", b)
	if len(b) < 2 || b[0] != committableVersion {
		return c, broken
	}
	c.v2, b = b[1] == 2, b[2:]
	var v [3]int64
	for i := range v {
		n := 0
		if v[i], n = binary.Varint(b); n <= 0 {
			return c, broken
		}
		b = b[n:]
	}
	c.producer, c.epoch, c.checkpoint, c.id = v[0], int16(v[1]), v[2], string(b)
	return c, nil
}

// Committer makes the committer of a subtask.
func (t *twoPhase) Committer(ctx connect.WriterContext) (connect.Committer, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return &committer{cfg: t.cfg, ctx: ctx, pool: t.pools[ctx.Subtask]}, nil
}

// committer commits prepared transactions by what is known of them, whoever has written them. The client that has is not asked to: it
// may abort a transaction of which it believes that nothing was written, without an error (franz-go 1.22, as seen in
// TestExactlyOnce).
type committer struct {
	cfg     *sinkConfig
	ctx     connect.WriterContext
	pool    *pool    // nil for none
	brokers *brokers // nil until it is needed
}

// Commit commits transactions.
func (c *committer) Commit(committables [][]byte) error {
	for _, b := range committables {
		tx, err := decodeCommittable(b)
		if err != nil {
			return err
		}
		if err := c.commit(tx); err != nil {
			return err
		}
	}
	return nil
}

func (c *committer) commit(tx committable) error {
	if c.brokers == nil {
		var err error
		if c.brokers, err = newBrokers(c.cfg, c.ctx.Context); err != nil {
			return err
		}
	}
	if err := c.brokers.commit(tx); err != nil {
		return err
	}
	c.committed(c.slot(tx.id), tx)
	return nil
}

// slot is the slot in which a transaction is prepared, nil if that is not in this process.
func (c *committer) slot(id string) *slot {
	if c.pool == nil {
		return nil
	}
	i := slices.IndexFunc(c.pool.slots, func(s *slot) bool { return s.id == id && s.state == isPrepared })
	if i < 0 {
		return nil
	}
	return c.pool.slots[i]
}

func (c *committer) committed(s *slot, tx committable) {
	if s != nil {
		s.state, s.isEnded = rests, true
	}
	if c.pool != nil {
		c.pool.committed(tx.checkpoint)
	}
}

// Close disconnects.
func (c *committer) Close() error {
	if c.brokers != nil {
		c.brokers.close()
	}
	return nil
}
