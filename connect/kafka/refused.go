package kafka

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// refusals tell who reads or writes that a broker does not let the client in: as with one that is away, that tries without end. A
// broker may refuse for a while, as when passwords are changed, but not for longer than default.api.timeout.ms.
type refusals struct {
	cfg  *settings
	fail func(error)

	mu    sync.Mutex
	since map[int32]time.Time // by broker; when it has refused first since a connection
}

// OnBrokerConnect implements kgo.HookBrokerConnect: it is called when a connection is ready, or could not be made.
func (r *refusals) OnBrokerConnect(broker kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.since, broker.NodeID)
	}
	if !isRefusal(err) {
		return
	}
	now := time.Now()
	since, ok := r.since[broker.NodeID]
	if !ok {
		if r.since == nil {
			r.since = map[int32]time.Time{}
		}
		r.since[broker.NodeID] = now
		return
	}
	if took := now.Sub(since); took > r.cfg.timeout {
		r.fail(r.cfg.explain(fmt.Errorf("%s:%d does so since %v, longer than default.api.timeout.ms: %w", broker.Host, broker.Port,
			took.Round(time.Second), err)))
	}
}

// isRefusal reports whether a broker does not want the client as it is.
func isRefusal(err error) bool {
	var untrusted *tls.CertificateVerificationError
	var network *net.OpError
	return errors.Is(err, kerr.SaslAuthenticationFailed) || errors.Is(err, kerr.UnsupportedSaslMechanism) || errors.Is(err, kerr.IllegalSaslState) ||
		errors.As(err, &untrusted) || errors.As(err, &network) && network.Op == "remote error"
}
