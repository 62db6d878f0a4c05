package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/kversion"

	"github.com/flott-dev/flott/internal/clock"
)

// brokers asks the brokers about transactions, whoever has begun them.
type brokers struct {
	cfg    *sinkConfig
	ctx    context.Context
	client *kgo.Client
	first  *kgo.Client // for transactions of the first protocol; nil until it is needed
}

func newBrokers(cfg *sinkConfig, ctx context.Context) (*brokers, error) {
	client, err := cfg.newClient()
	return &brokers{cfg: cfg, ctx: ctx, client: client}, err
}

func (b *brokers) close() {
	b.client.Close()
	if b.first != nil {
		b.first.Close()
	}
}

// transactionFeature is the feature of a cluster that says which protocol transactions have.
const transactionFeature = "transaction.version"

// version2 reports whether transactions have the second protocol (KIP-890): each has an epoch of its own.
func (b *brokers) version2() (bool, error) {
	resp, err := kmsg.NewPtrApiVersionsRequest().RequestWith(b.ctx, b.client)
	if err != nil {
		return false, fmt.Errorf("kafka: %w", b.cfg.explain(err))
	}
	for _, f := range resp.FinalizedFeatures {
		if f.Name == transactionFeature {
			return f.MaxVersionLevel >= 2, nil
		}
	}
	return false, nil
}

// abort aborts what is open with the ids of a subtask, but for those that are prepared; whoever has begun them can write no
// more. It returns the number of ids that there are.
func (b *brokers) abort(subtask int, prepared map[string]bool) (used int, err error) {
	for ; ; used++ {
		id := b.cfg.idOf(subtask, used)
		if prepared[id] {
			continue
		}
		epoch, err := b.fence(id)
		if err != nil {
			return used, fmt.Errorf("kafka: transaction %s: %w", id, err)
		}
		if epoch == 0 { // it is new
			return used, nil
		}
	}
}

// fence takes an id over.
func (b *brokers) fence(id string) (epoch int16, err error) {
	err = b.again(func() error {
		req := kmsg.NewPtrInitProducerIDRequest()
		req.TransactionalID = &id
		req.TransactionTimeoutMillis = int32(b.cfg.transactionTimeout.Milliseconds())
		resp, err := req.RequestWith(b.ctx, b.client)
		if err != nil {
			return err
		}
		epoch = resp.ProducerEpoch
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	if errors.Is(err, kerr.InvalidTransactionTimeout) {
		return 0, fmt.Errorf("transaction.timeout.ms, %v, is longer than the brokers allow (transaction.max.timeout.ms there); it must be longer than "+
			"checkpoints and restarts take: %w", b.cfg.transactionTimeout, err)
	}
	return epoch, b.cfg.explainWrite(err)
}

// commit commits a prepared transaction. It may be committed already.
func (b *brokers) commit(tx committable) error {
	client, err := b.clientFor(tx)
	if err != nil {
		return err
	}
	err = b.again(func() error {
		req := kmsg.NewPtrEndTxnRequest()
		req.TransactionalID, req.ProducerID, req.ProducerEpoch, req.Commit = tx.id, tx.producer, tx.epoch, true
		resp, err := req.RequestWith(b.ctx, client)
		if err != nil {
			return err
		}
		return kerr.ErrorForCode(resp.ErrorCode)
	})
	gone := []error{
		kerr.InvalidTxnState, kerr.InvalidProducerEpoch, kerr.ProducerFenced, kerr.InvalidProducerIDMapping, kerr.TransactionalIDNotFound,
	}
	if !slices.ContainsFunc(gone, func(e error) bool { return errors.Is(err, e) }) {
		if err != nil {
			return fmt.Errorf("kafka: commit of transaction %s: %w", tx.id, b.cfg.explainWrite(err))
		}
		return nil
	}
	lost, state, err2 := b.lost(tx)
	switch {
	case err2 != nil:
		return fmt.Errorf("kafka: commit of transaction %s: %w", tx.id, errors.Join(err, err2))
	case !lost:
		warn("flott: kafka: a transaction was committed long ago: this checkpoint is not the newest one, or was restored before", "transaction", tx.id,
			"checkpoint", tx.checkpoint)
		return nil
	case b.cfg.LoseAborted:
		warn("flott: kafka: what was written in a transaction is lost: the brokers have aborted it", "transaction", tx.id, "checkpoint", tx.checkpoint,
			"state", state)
		return nil
	}
	return fmt.Errorf("kafka: the transaction %s (producer %d, epoch %d) of checkpoint %d, to topic %s, cannot be committed: for the brokers it is %s. They have "+
		"aborted it, mostly since it was open for longer than transaction.timeout.ms (%v): what was written in it is lost. Restore an earlier "+
		"checkpoint to write it again, or set sink.lose-aborted-transactions to go on without it: %w",
		tx.id, tx.producer, tx.epoch, tx.checkpoint, b.cfg.Topic, state, b.cfg.transactionTimeout, err)
}

// clientFor is a client that speaks the protocol that a transaction was begun with.
func (b *brokers) clientFor(tx committable) (*kgo.Client, error) {
	if tx.v2 {
		return b.client, nil
	}
	if b.first == nil {
		versions := kversion.Stable()
		versions.SetMaxKeyVersion(kmsg.NewPtrEndTxnRequest().Key(), 4)
		var err error
		if b.first, err = b.cfg.newClient(kgo.MaxVersions(versions)); err != nil {
			return nil, err
		}
	}
	return b.first, nil
}

// lost reports whether a transaction that cannot be committed was aborted when its time was up: with one epoch more then. Else its id has
// been used again since, which we do only when later ones are committed: this checkpoint is an old one.
func (b *brokers) lost(tx committable) (lost bool, state string, err error) {
	all, err := kadm.NewClient(b.client).DescribeTransactions(b.ctx, tx.id)
	if err != nil {
		return false, "", err
	}
	d := all[tx.id]
	switch {
	case errors.Is(d.Err, kerr.TransactionalIDNotFound):
		return true, "unknown", nil
	case d.Err != nil:
		return false, "", d.Err
	case d.State == "CompleteCommit", d.State == "PrepareCommit", d.ProducerID != tx.producer, d.ProducerEpoch > tx.epoch+1:
		return false, d.State, nil
	}
	return true, d.State, nil
}

// endBackoff is how long a request waits that meets another change of the same transaction.
const endBackoff = 20 * time.Millisecond

// again repeats a request while the brokers are busy with the transaction.
func (b *brokers) again(request func() error) error {
	ctx, cancel := context.WithTimeout(b.ctx, b.cfg.timeout)
	defer cancel()
	for {
		err := request()
		if !errors.Is(err, kerr.ConcurrentTransactions) && !isBeingElected(err) || !clock.Wait(ctx, endBackoff) {
			return err
		}
	}
}
