package certificate

import (
	"crypto/tls"
	"crypto/x509"

	"github.com/flott-dev/flott/config"
)

const restOptions = "security.ssl.rest"

func restSource(c *config.Configuration) (source, error) {
	f, err := absolute(Files{Cert: config.RestCertFile.Get(c), Key: config.RestKeyFile.Get(c), CA: config.RestCAFile.Get(c)})
	return source{restOptions, f}, err
}

// RestServer is the TLS of a REST interface, nil for none. What is wrong with its files now is an error.
func RestServer(c *config.Configuration) (*tls.Config, error) {
	if !config.RestTLS.Get(c) {
		return nil, nil
	}
	s, err := restSource(c)
	if err != nil {
		return nil, err
	}
	authenticate := config.RestAuthentication.Get(c)
	if err := s.check(true, authenticate); err != nil {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: s.ofServer}
	if authenticate {
		t.ClientAuth = tls.RequireAnyClientCert
		t.VerifyConnection = s.verify(x509.ExtKeyUsageClientAuth)
	}
	return t, nil
}

// RestClient is the TLS of a client of a REST interface; nil, the system's authorities are trusted and no certificate is shown.
func RestClient(c *config.Configuration) (*tls.Config, error) {
	s, err := restSource(c)
	if err != nil || s.Files == (Files{}) {
		return nil, err
	}
	if err := s.check(s.Cert != "" || s.Key != "", s.CA != ""); err != nil {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if s.Cert != "" {
		t.GetClientCertificate = s.ofClient
	}
	if s.CA != "" {
		if t.RootCAs, err = s.authorities(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Authenticates reports whether a server lets nobody in without a certificate.
func Authenticates(server *tls.Config) bool {
	return server != nil && server.ClientAuth >= tls.RequireAnyClientCert
}
