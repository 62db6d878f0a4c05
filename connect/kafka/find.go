package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/flott-dev/flott/internal/clock"
)

// finder asks the brokers for partitions and offsets. One goroutine uses it at a time.
type finder struct {
	cfg     *config
	client  *kgo.Client
	admin   *kadm.Client
	refused atomic.Pointer[error] // the brokers have refused the client for too long
}

func newFinder(cfg *config) (*finder, error) {
	f := &finder{cfg: cfg}
	client, err := cfg.newClient(kgo.WithHooks(&refusals{cfg: cfg.settings, fail: func(err error) { f.refused.Store(&err) }}))
	if err != nil {
		return nil, err
	}
	f.client, f.admin = client, kadm.NewClient(client)
	return f, nil
}

func (f *finder) close() { f.client.Close() }

// metadataMinAge is how soon a client asks again for a leader that it has not found.
const metadataMinAge = 250 * time.Millisecond

// newClient makes a client. It does not connect yet. Requests are tried again until the time is up that
// default.api.timeout.ms says.
func (s *settings) newClient(opts ...kgo.Opt) (*kgo.Client, error) {
	opts = slices.Concat(s.opts, []kgo.Opt{
		kgo.RetryTimeout(s.timeout), kgo.MetadataMinAge(metadataMinAge), kgo.WithLogger(logger{}),
	}, opts)
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	return client, nil
}

// reach waits until a broker answers, as long as default.api.timeout.ms says: what only writes would wait without end.
func (s *settings) reach(ctx context.Context, client *kgo.Client) error {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	for {
		req := kmsg.NewPtrMetadataRequest()
		req.Topics = []kmsg.MetadataRequestTopic{}
		_, err := req.RequestWith(ctx, client)
		if err == nil {
			return nil
		}
		var network *net.OpError
		if !errors.As(err, &network) || network.Op != "dial" || !clock.Wait(ctx, retryBackoff) {
			return fmt.Errorf("kafka: %w", s.explain(err))
		}
	}
}

// topics are the topics that are read, and exist, in order.
func (f *finder) topics(ctx context.Context) ([]string, error) {
	if f.cfg.pattern == nil {
		return f.cfg.Topics, nil
	}
	all, err := f.admin.ListTopics(ctx)
	if err != nil {
		return nil, f.cfg.explain(err)
	}
	var topics []string
	for name := range all {
		if f.cfg.pattern.MatchString(name) {
			topics = append(topics, name)
		}
	}
	slices.Sort(topics)
	return topics, nil
}

// find returns the partitions for which wanted says so, each at the offset from start.
func (f *finder) find(ctx context.Context, start Offsets, wanted func(Partition) bool) ([]*split, error) {
	topics, err := f.topics(ctx)
	if err != nil || len(topics) == 0 {
		return nil, err
	}
	begin, err := f.offsets(ctx, Earliest(), topics)
	if err != nil {
		return nil, err
	}
	from := begin
	if start.kind != earliest {
		if from, err = f.offsets(ctx, start, topics); err != nil {
			return nil, err
		}
	}
	var to map[Partition]int64
	if f.cfg.Stop != nil {
		if to, err = f.offsets(ctx, *f.cfg.Stop, topics); err != nil {
			return nil, err
		}
	}
	var splits []*split
	for p, first := range begin {
		if !wanted(p) {
			continue
		}
		s := &split{Partition: p, id: p.String(), next: first, stop: noStop}
		if at, ok := from[p]; ok {
			s.next = at
		} else if start.kind == committed {
			if s.next, err = f.reset(ctx, p); err != nil {
				return nil, err
			}
		}
		if f.cfg.Stop != nil {
			s.stop = to[p] // none: it is not read
		}
		splits = append(splits, s)
	}
	slices.SortFunc(splits, func(a, b *split) int { return comparePartitions(a.Partition, b.Partition) })
	return splits, nil
}

// reset is where a partition begins that the group has no offset of.
func (f *finder) reset(ctx context.Context, p Partition) (int64, error) {
	if f.cfg.reset == nil {
		return 0, fmt.Errorf("kafka: the group %s has no offset of partition %s to begin with; auto.offset.reset = earliest or latest says "+
			"where to begin then", f.cfg.group, p)
	}
	at, err := f.offsets(ctx, *f.cfg.reset, []string{p.Topic})
	return at[p], err
}

// offsets resolves offsets for all partitions of some topics.
func (f *finder) offsets(ctx context.Context, o Offsets, topics []string) (map[Partition]int64, error) {
	var listed kadm.ListedOffsets
	var err error
	switch o.kind {
	case earliest:
		listed, err = f.admin.ListStartOffsets(ctx, topics...)
	case latest:
		if f.cfg.readCommitted {
			listed, err = f.admin.ListCommittedOffsets(ctx, topics...)
		} else {
			listed, err = f.admin.ListEndOffsets(ctx, topics...)
		}
	case atTime:
		listed, err = f.admin.ListOffsetsAfterMilli(ctx, o.time.Add(time.Millisecond-1).UnixMilli(), topics...)
	case committed:
		return f.committed(ctx, topics)
	case exactly:
		return o.exact, nil
	}
	if err != nil {
		return nil, f.cfg.explain(err)
	}
	all := map[Partition]int64{}
	listed.Each(func(l kadm.ListedOffset) {
		p := Partition{l.Topic, l.Partition}
		switch {
		case errors.Is(l.Err, kerr.UnknownTopicOrPartition):
			err = errors.Join(err, fmt.Errorf("kafka: topic %s is not there; create it, or correct the name", l.Topic))
		case l.Err != nil:
			err = errors.Join(err, fmt.Errorf("kafka: partition %s: %w", p, f.cfg.explain(l.Err)))
		default:
			all[p] = l.Offset
		}
	})
	return all, err
}

func (f *finder) committed(ctx context.Context, topics []string) (map[Partition]int64, error) {
	listed, err := f.admin.FetchOffsetsForTopics(ctx, f.cfg.group, topics...)
	for isBeingElected(err) && clock.Wait(ctx, retryBackoff) {
		listed, err = f.admin.FetchOffsetsForTopics(ctx, f.cfg.group, topics...)
	}
	if errors.Is(err, kerr.GroupIDNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("kafka: offsets of the group %s: %w", f.cfg.group, f.cfg.explain(err))
	}
	all := map[Partition]int64{}
	listed.Each(func(o kadm.OffsetResponse) {
		if o.At >= 0 {
			all[Partition{o.Topic, o.Partition}] = o.At
		}
	})
	return all, nil
}

// retryBackoff is how long is waited for brokers that are not ready yet.
const retryBackoff = 100 * time.Millisecond

// isBeingElected reports whether an error says that brokers have not agreed yet who answers, as when a cluster is new.
func isBeingElected(err error) bool {
	return errors.Is(err, kerr.CoordinatorNotAvailable) || errors.Is(err, kerr.CoordinatorLoadInProgress) || errors.Is(err, kerr.NotCoordinator)
}

// explain adds to an error what can be done about it.
func (s *settings) explain(err error) error {
	if err == nil {
		return nil
	}
	var auth *kadm.AuthError
	var network *net.OpError
	var untrusted *tls.CertificateVerificationError
	var ended *kgo.ErrFirstReadEOF
	switch {
	case errors.As(err, &untrusted):
		return fmt.Errorf("the brokers' certificate is not trusted: look at ssl.truststore.location: %w", err)
	case errors.As(err, &network) && network.Op == "remote error":
		return fmt.Errorf("the brokers refuse the connection: they may want a certificate (ssl.keystore.location): %w", err)
	case errors.As(err, &ended):
		return fmt.Errorf("the brokers end the connection: look at security.protocol and sasl.mechanism: %w", err)
	case strings.Contains(err.Error(), "speaking to a tls endpoint"): // it has no type
		return fmt.Errorf("the brokers want TLS: look at security.protocol: %w", err)
	case errors.Is(err, kerr.SaslAuthenticationFailed):
		return fmt.Errorf("the brokers refuse user and password: look at sasl.jaas.config and sasl.mechanism: %w", err)
	case errors.Is(err, kerr.UnsupportedSaslMechanism), errors.Is(err, kerr.IllegalSaslState):
		return fmt.Errorf("the brokers do not take this way to log in: look at sasl.mechanism and security.protocol: %w", err)
	case errors.As(err, &auth):
		return fmt.Errorf("the user may not do that: %w", err)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, kgo.ErrRecordTimeout), errors.As(err, &network):
		return fmt.Errorf("no broker at %s has answered within %v (default.api.timeout.ms): %w",
			strings.Join(s.brokers, ", "), s.timeout, err)
	}
	return err
}
