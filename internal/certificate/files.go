package certificate

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// Files are the paths of the certificate of a process, of its key, and of the certificates of who vouches for others, all in PEM.
type Files struct {
	Cert string
	Key  string // "" for that of Cert, which then has both
	CA   string
}

// absolute makes paths mean the same in other directories.
func absolute(f Files) (Files, error) {
	for _, path := range []*string{&f.Cert, &f.Key, &f.CA} {
		if *path == "" {
			continue
		}
		abs, err := filepath.Abs(*path)
		if err != nil {
			return f, err
		}
		*path = abs
	}
	return f, nil
}

// source reads files, which options with a prefix name.
type source struct {
	prefix string
	Files
}

// check reads what is there now.
func (s source) check(own, others bool) error {
	var errs []error
	if own {
		_, err := s.own()
		errs = append(errs, err)
	}
	if others {
		_, err := s.authorities()
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// own is the process's certificate with its key.
func (s source) own() (*tls.Certificate, error) {
	cert, err := s.read("cert-file", s.Cert)
	if err != nil {
		return nil, err
	}
	key, keyOption, keyFile := cert, "cert-file", s.Cert
	if s.Key != "" {
		keyOption, keyFile = "key-file", s.Key
		if key, err = s.read(keyOption, keyFile); err != nil {
			return nil, err
		}
	}
	switch {
	case bytes.Contains(key, []byte("ENCRYPTED")):
		return nil, s.wrong(keyOption, keyFile, "the key is encrypted: decrypt it with openssl pkey -in FILE -out FILE")
	case !bytes.Contains(key, []byte("PRIVATE KEY-----")):
		return nil, s.wrong(keyOption, keyFile, "it has no key; that of the certificate is in "+s.prefix+".key-file, or in the same file")
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, s.wrong(keyOption, keyFile, err.Error())
	}
	if err := valid(pair.Leaf); err != nil {
		return nil, s.wrong("cert-file", s.Cert, err.Error())
	}
	return &pair, nil
}

// valid reports what is wrong with a certificate at this time.
func valid(c *x509.Certificate) error {
	now := clock.System{}.Now()
	if now.After(c.NotAfter) {
		return fmt.Errorf("the certificate was valid until %s; make new ones: flott cluster certificates DIR", c.NotAfter.Format(time.RFC3339))
	}
	if now.Before(c.NotBefore) {
		return fmt.Errorf("the certificate is not valid before %s, and here it is %s", c.NotBefore.Format(time.RFC3339), now.Format(time.RFC3339))
	}
	return nil
}

// authorities are those that vouch for the other side.
func (s source) authorities() (*x509.CertPool, error) {
	text, err := s.read("ca-file", s.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, s.wrong("ca-file", s.CA, "it has no certificate in PEM")
	}
	return pool, nil
}

// stores are how names of files end that are no PEM.
var stores = []string{".jks", ".jceks", ".p12", ".pfx", ".keystore", ".truststore"}

// read reads a file that an option names.
func (s source) read(option, path string) ([]byte, error) {
	if path == "" {
		return nil, fmt.Errorf("%s.%s is not set; flott cluster certificates DIR makes certificates, and a file of options", s.prefix, option)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s.%s: %w", s.prefix, option, err)
	}
	if block, _ := pem.Decode(text); block == nil {
		if slices.Contains(stores, strings.ToLower(filepath.Ext(path))) {
			return nil, s.wrong(option, path, "it is a keystore of Java, and Flott reads PEM: "+
				"keytool -importkeystore makes a .p12 of a .jks, and openssl pkcs12 -nodes a PEM of that")
		}
		return nil, s.wrong(option, path, "it is no PEM file")
	}
	return text, nil
}

func (s source) wrong(option, path, what string) error {
	return fmt.Errorf("%s.%s: %s: %s", s.prefix, option, path, what)
}

func (s source) ofServer(*tls.ClientHelloInfo) (*tls.Certificate, error) { return s.own() }

func (s source) ofClient(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.own() }

// verify returns a check of the other side's certificate, for a use, without the name of its host.
func (s source) verify(use x509.ExtKeyUsage) func(tls.ConnectionState) error {
	return func(state tls.ConnectionState) error {
		roots, err := s.authorities()
		if err != nil {
			return err
		}
		if len(state.PeerCertificates) == 0 {
			return errors.New("the other side shows no certificate")
		}
		o := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{use}}
		for _, c := range state.PeerCertificates[1:] {
			o.Intermediates.AddCert(c)
		}
		if _, err := state.PeerCertificates[0].Verify(o); err != nil {
			return fmt.Errorf("the other side's certificate, of %q, against %s.ca-file: %w", state.PeerCertificates[0].Subject.CommonName, s.prefix, err)
		}
		return nil
	}
}
