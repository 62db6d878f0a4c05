package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/connect"
)

// producer hands records to a client.
type producer struct {
	cfg    *sinkConfig
	ctx    connect.WriterContext
	client *kgo.Client
	held   *held // nil if records are not held back
	// writing ends when there is no use in waiting for the brokers.
	writing context.Context
	end     context.CancelFunc

	mu  sync.Mutex
	err error // the first of a record that was not written
}

func (p *producer) init(cfg *sinkConfig, ctx connect.WriterContext) {
	p.cfg, p.ctx, p.held = cfg, ctx, newHeld(cfg, ctx)
	p.writing, p.end = context.WithCancel(ctx.Context)
}

// newClient makes a client that writes.
func (p *producer) newClient(more ...kgo.Opt) (*kgo.Client, error) {
	return p.cfg.newClient(p.cfg.produceOptions(append(more, kgo.WithHooks(&refusals{cfg: p.cfg.settings, fail: p.refused}))...)...)
}

// refused fails what is written.
func (p *producer) refused(err error) {
	p.fail(fmt.Errorf("kafka: %w", err))
	p.end()
}

// produceOptions are those of a client that writes.
func (c *sinkConfig) produceOptions(more ...kgo.Opt) []kgo.Opt {
	opts := append(append([]kgo.Opt(nil), c.produce...), more...)
	if c.Partition != nil {
		opts = append(opts, kgo.RecordPartitioner(kgo.BasicConsistentPartitioner(func(string) func(r *kgo.Record, n int) int {
			return func(r *kgo.Record, n int) int {
				return c.Partition(&Record{Partition: Partition{Topic: r.Topic}, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}, n)
			}
		})))
	}
	return opts
}

// put writes records, or holds them back.
func (p *producer) put(records []*kgo.Record) error {
	if p.held != nil {
		return p.held.put(p, records)
	}
	return p.produce(records)
}

// Tick writes what is held back. With transactions the one is open in which it came.
func (p *producer) Tick(time.Time) error { return p.held.send(p) }

// produce hands records over, and waits while too many are on their way. They are kept.
func (p *producer) produce(records []*kgo.Record) error {
	if err := p.failure(); err != nil {
		return err
	}
	for _, r := range records {
		p.client.Produce(p.writing, r, p.written)
	}
	return nil
}

func (p *producer) written(r *kgo.Record, err error) {
	if err != nil {
		p.fail(fmt.Errorf("kafka: a record for topic %s is not written: %w", r.Topic, p.cfg.explainWrite(err)))
	}
}

// fail keeps the first error.
func (p *producer) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
}

func (p *producer) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// flush writes what is held back, and waits until all records are written.
func (p *producer) flush() error {
	if err := p.held.send(p); err != nil {
		return err
	}
	if p.client != nil {
		_ = p.client.Flush(p.writing) // its error is that of the context
	}
	if cause := context.Cause(p.ctx.Context); cause != nil {
		return fmt.Errorf("kafka: %w", cause)
	}
	return p.failure()
}

// explainWrite adds to an error what can be done about it.
func (c *sinkConfig) explainWrite(err error) error {
	switch {
	case errors.Is(err, kerr.UnknownTopicOrPartition):
		return fmt.Errorf("the topic is not there; create it, or correct the name: %w", err)
	case errors.Is(err, kerr.MessageTooLarge):
		return fmt.Errorf("it is larger than max.request.size here, or max.message.bytes of the topic, allows: %w", err)
	case errors.Is(err, kerr.InvalidProducerEpoch), errors.Is(err, kerr.ProducerFenced):
		return fmt.Errorf("the transaction was aborted: it was open for longer than transaction.timeout.ms (%v), or another job has the same "+
			"prefix of transactions: %w", c.transactionTimeout, err)
	case errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.TransactionalIDAuthorizationFailed):
		return fmt.Errorf("the user may not write there: %w", err)
	}
	return c.explain(err)
}

// plain writes without transactions.
type plain struct{ producer }

func newPlain(cfg *sinkConfig, ctx connect.WriterContext) (*plain, error) {
	p := &plain{}
	p.init(cfg, ctx)
	client, err := p.newClient()
	if err != nil {
		return nil, err
	}
	if err := cfg.reach(ctx.Context, client); err != nil {
		p.end()
		client.Close()
		return nil, err
	}
	p.client = client
	return p, nil
}

// Flush writes what is held back, and waits until all records are written, unless they may be lost.
func (p *plain) Flush(endOfInput bool) error {
	if p.cfg.Guarantee == None && !endOfInput {
		if err := p.held.send(&p.producer); err != nil {
			return err
		}
		return p.failure()
	}
	return p.flush()
}

// Snapshot has nothing.
func (p *plain) Snapshot() ([]byte, error) { return nil, nil }

// Close disconnects.
func (p *plain) Close() error {
	p.end()
	p.client.Close()
	return nil
}
