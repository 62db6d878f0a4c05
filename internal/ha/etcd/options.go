package etcd

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"
)

// Options of a Store.
type Options struct {
	// Endpoints are the members of etcd, as host:port or as URLs. One must be given.
	Endpoints []string
	// ClusterID tells clusters of Flott apart that share an etcd. The default is default.
	ClusterID string
	// Username and Password are those of a user of etcd. The default is none.
	Username, Password string
	// CAFile has the certificates, in PEM, of whoever vouches for the members, CertFile and KeyFile the
	// client's own certificate and its key. Any of them makes the connections use TLS, as does an
	// endpoint that begins with https://. The default are the system's authorities, and no certificate.
	CAFile, CertFile, KeyFile string
	// LeaseTimeout is how long others wait for a leader that is not heard of, rounded up to seconds. A
	// leader gives up earlier. The default is 15 s; etcd itself has a minimum, of 2 s by default.
	LeaseTimeout time.Duration
	// Log gets warnings when etcd is away. The default is none.
	Log *slog.Logger
}

// Name of the default cluster, and the default of LeaseTimeout.
const (
	ClusterDefault      = "default"
	LeaseTimeoutDefault = 15 * time.Second
)

func (o *Options) validate() error {
	var errs []error
	if len(o.Endpoints) == 0 {
		errs = append(errs, errors.New("no endpoint of etcd is given"))
	}
	secure := 0
	for _, e := range o.Endpoints {
		scheme, rest, ok := strings.Cut(e, "://")
		if ok && scheme == "https" {
			secure++
		}
		if ok && scheme != "http" && scheme != "https" || e == "" || ok && rest == "" {
			errs = append(errs, fmt.Errorf("endpoint %q of etcd is neither host:port nor http:// or https:// and that", e))
		}
	}
	if secure > 0 && secure < len(o.Endpoints) {
		errs = append(errs, errors.New("some endpoints of etcd have https:// and some do not"))
	}
	if (o.CertFile == "") != (o.KeyFile == "") {
		errs = append(errs, errors.New("a certificate for etcd and its key go together"))
	}
	if (o.Username == "") != (o.Password == "") {
		errs = append(errs, errors.New("a user of etcd and its password go together"))
	}
	if o.LeaseTimeout < time.Second {
		errs = append(errs, fmt.Errorf("a lease of etcd lasts for at least 1 s, not %v", o.LeaseTimeout))
	}
	if strings.Trim(o.ClusterID, "/") == "" {
		errs = append(errs, fmt.Errorf("%q does not name a cluster", o.ClusterID))
	}
	return errors.Join(errs...)
}

func (o *Options) secure() bool {
	return o.CAFile != "" || o.CertFile != "" || len(o.Endpoints) > 0 && strings.HasPrefix(o.Endpoints[0], "https://")
}

// tls returns nil for connections without TLS.
func (o *Options) tls() (*tls.Config, error) {
	if !o.secure() {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.CAFile != "" {
		pem, err := os.ReadFile(o.CAFile)
		if err != nil {
			return nil, fmt.Errorf("certificates of authorities: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("certificates of authorities: %s has none in PEM", o.CAFile)
		}
	}
	if o.CertFile != "" {
		pair, err := tls.LoadX509KeyPair(o.CertFile, o.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("certificate %s with key %s: %w", o.CertFile, o.KeyFile, err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}
