package certificate

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/flott-dev/flott/config"
)

// Internal is where the certificates of a process of the cluster are, nil if its connections have no TLS.
// What is wrong with them now is an error.
func Internal(c *config.Configuration) (*Files, error) {
	if !config.InternalTLS.Get(c) {
		return nil, nil
	}
	f, err := absolute(Files{
		Cert: config.InternalCertFile.Get(c), Key: config.InternalKeyFile.Get(c), CA: config.InternalCAFile.Get(c),
	})
	if err != nil {
		return nil, err
	}
	if err := (source{internalOptions, f}).check(true, true); err != nil {
		return nil, err
	}
	return &f, nil
}

const internalOptions = "security.ssl.internal"

// Mutual is the TLS of both sides of a connection between processes of a cluster; nil for none of nil.
func (f *Files) Mutual() *tls.Config {
	if f == nil {
		return nil
	}
	s := source{internalOptions, *f}
	return &tls.Config{
		MinVersion:           tls.VersionTLS13,
		GetCertificate:       s.ofServer,
		GetClientCertificate: s.ofClient,
		ClientAuth:           tls.RequireAnyClientCert,
		InsecureSkipVerify:   true, // VerifyConnection verifies all but the name of the host
		VerifyConnection:     s.verify(x509.ExtKeyUsageAny),
	}
}
