package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// security is the ssl.… properties: PEM in files or in the values.
type security struct {
	trustType, trustFile, trust  string
	keyType, keyFile, chain, key string
	anyHost                      bool
}

// javaStores says what to do with stores in formats of Java.
const javaStores = "; a JKS or PKCS12 store becomes PEM by keytool -importkeystore … -deststoretype PKCS12 and openssl pkcs12 -in … -nodes"

// config is TLS as the properties say.
func (s *security) config(prefix string) (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: s.anyHost} //nolint:gosec // verifyChain does it but for the name
	if s.trustFile != "" {
		pem, err := os.ReadFile(s.trustFile)
		if err != nil {
			return nil, fmt.Errorf("%sssl.truststore.location: %w", prefix, err)
		}
		s.trust += string(pem)
	}
	if s.trust != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(s.trust)) {
			return nil, fmt.Errorf("%sssl.truststore.location has no certificate in PEM (%sssl.truststore.type)%s", prefix, prefix, javaStores)
		}
	}
	if s.keyFile != "" {
		pem, err := os.ReadFile(s.keyFile)
		if err != nil {
			return nil, fmt.Errorf("%sssl.keystore.location: %w", prefix, err)
		}
		s.chain, s.key = string(pem), string(pem)
	}
	if s.key != "" {
		pair, err := tls.X509KeyPair([]byte(s.chain), []byte(s.key))
		if err != nil {
			return nil, fmt.Errorf("%sssl.keystore.location is not a certificate and its unencrypted key in PEM (%sssl.keystore.type): %w%s",
				prefix, prefix, err, javaStores)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if s.anyHost {
		c.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state, c.RootCAs) }
	}
	return c, nil
}

// verifyChain checks the broker's certificate, but for its name.
func verifyChain(state tls.ConnectionState, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the broker shows no certificate")
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(o)
	return err
}
