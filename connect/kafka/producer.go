package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/connect"
)

// producer hands records to a client.
type producer struct {
	cfg    *sinkConfig
	ctx    connect.WriterContext
	client *kgo.Client

	mu  sync.Mutex
	err error // the first of a record that was not written
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

// produce hands records over, and waits while too many are on their way. They are kept.
func (p *producer) produce(records []*kgo.Record) error {
	if err := p.failure(); err != nil {
		return err
	}
	for _, r := range records {
		p.client.Produce(p.ctx.Context, r, p.written)
	}
	return nil
}

func (p *producer) written(r *kgo.Record, err error) {
	if err == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = fmt.Errorf("kafka: a record for topic %s is not written: %w", r.Topic, p.cfg.explainWrite(err))
	}
}

func (p *producer) failure() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}

// flush waits until all records are written.
func (p *producer) flush() error {
	if p.client != nil {
		if err := p.client.Flush(p.ctx.Context); err != nil {
			return fmt.Errorf("kafka: %w", context.Cause(p.ctx.Context))
		}
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
	client, err := cfg.newClient(cfg.produceOptions()...)
	if err != nil {
		return nil, err
	}
	if err := cfg.reach(ctx.Context, client); err != nil {
		client.Close()
		return nil, err
	}
	return &plain{producer{cfg: cfg, ctx: ctx, client: client}}, nil
}

// Flush waits until all records are written, unless they may be lost.
func (p *plain) Flush(endOfInput bool) error {
	if p.cfg.Guarantee == None && !endOfInput {
		return p.failure()
	}
	return p.flush()
}

// Snapshot has nothing.
func (p *plain) Snapshot() ([]byte, error) { return nil, nil }

// Close disconnects.
func (p *plain) Close() error {
	p.client.Close()
	return nil
}
