package certificate

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Stores are what Kafka's clients name by the properties ssl.truststore.… and ssl.keystore.…: PEM, in files or as text.
type Stores struct {
	TrustFile, Trust    string
	KeyFile, Chain, Key string
	// AnyHost accepts a certificate whatever the name in it.
	AnyHost bool
}

// javaStores says what to do with stores in formats of Java.
const javaStores = "; a JKS or PKCS12 store becomes PEM by keytool -importkeystore … -deststoretype PKCS12 and openssl pkcs12 -in … -nodes"

// Config is TLS as the properties say, which have a prefix in errors.
func (s Stores) Config(prefix string) (*tls.Config, error) {
	c := &tls.Config{InsecureSkipVerify: s.AnyHost} //nolint:gosec // verifyChain does it but for the name
	if s.TrustFile != "" {
		pem, err := os.ReadFile(s.TrustFile)
		if err != nil {
			return nil, fmt.Errorf("%sssl.truststore.location: %w", prefix, err)
		}
		s.Trust += string(pem)
	}
	if s.Trust != "" {
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM([]byte(s.Trust)) {
			return nil, fmt.Errorf("%sssl.truststore.location has no certificate in PEM (%sssl.truststore.type)%s", prefix, prefix, javaStores)
		}
	}
	if s.KeyFile != "" {
		pem, err := os.ReadFile(s.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("%sssl.keystore.location: %w", prefix, err)
		}
		s.Chain, s.Key = string(pem), string(pem)
	}
	if s.Key != "" {
		pair, err := tls.X509KeyPair([]byte(s.Chain), []byte(s.Key))
		if err != nil {
			return nil, fmt.Errorf("%sssl.keystore.location is not a certificate and its unencrypted key in PEM (%sssl.keystore.type): %w%s",
				prefix, prefix, err, javaStores)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	if s.AnyHost {
		c.VerifyConnection = func(state tls.ConnectionState) error { return verifyChain(state, c.RootCAs) }
	}
	return c, nil
}

// verifyChain checks the server's certificate, but for its name.
func verifyChain(state tls.ConnectionState, roots *x509.CertPool) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("the server shows no certificate")
	}
	o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool()}
	for _, c := range state.PeerCertificates[1:] {
		o.Intermediates.AddCert(c)
	}
	_, err := state.PeerCertificates[0].Verify(o)
	return err
}
