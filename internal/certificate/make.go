package certificate

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/durable"
)

// The files that Make writes.
const (
	internalFile, internalCAFile = "internal.pem", "internal-ca.pem"
	restFile, restCAFile         = "rest.pem", "rest-ca.pem"
	clientFile                   = "client.pem"
	// ClusterOptions and ClientOptions are files of options, for processes of a cluster and for its clients.
	ClusterOptions, ClientOptions = "cluster.yaml", "client.yaml"
)

// Make writes certificates for a cluster into a directory: one for its processes, one for its REST interface on some hosts,
// one for clients, each with its key, and files of options that name them. The keys of the authorities that sign them are
// never written, so that nothing else is signed. If there were certificates, the authorities that are still valid stay trusted.
func Make(dir string, hosts []string, valid time.Duration) error {
	if valid <= 0 {
		return fmt.Errorf("certificates that are valid for %v are of no use", valid)
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	m := maker{dir: dir, from: clock.System{}.Now().Add(-clockSkew), until: clock.System{}.Now().Add(valid)}
	members, visitors := m.authority("Flott cluster", internalCAFile), m.authority("Flott REST", restCAFile)
	both := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	m.issue(members, internalFile, "Flott process", nil, both)
	m.issue(visitors, restFile, "Flott JobManager", hosts, both) // TaskManagers show it to the JobManager
	m.issue(visitors, clientFile, "Flott client", nil, both[1:])
	m.options(ClusterOptions, "security.ssl.internal.enabled: true",
		"security.ssl.internal.cert-file: "+internalFile, "security.ssl.internal.ca-file: "+internalCAFile,
		"security.ssl.rest.enabled: true", "security.ssl.rest.authentication-enabled: true",
		"security.ssl.rest.cert-file: "+restFile, "security.ssl.rest.ca-file: "+restCAFile)
	m.options(ClientOptions, "security.ssl.rest.enabled: true",
		"security.ssl.rest.cert-file: "+clientFile, "security.ssl.rest.ca-file: "+restCAFile)
	return m.err
}

// clockSkew is how far the clocks of machines may be apart.
const clockSkew = 10 * time.Minute

// maker makes files until something fails.
type maker struct {
	dir         string
	from, until time.Time
	err         error
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func (m *maker) authority(name, file string) *authority {
	a := &authority{key: m.key()}
	template := m.template(name)
	template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
	der := m.sign(template, &authority{template, a.key}, a.key)
	if m.err != nil {
		return a
	}
	if a.cert, m.err = x509.ParseCertificate(der); m.err != nil {
		return a
	}
	m.write(file, append(block("CERTIFICATE", der), m.former(file)...), 0o644)
	return a
}

// former is what a file has of authorities that are still valid.
func (m *maker) former(file string) (text []byte) {
	old, err := os.ReadFile(filepath.Join(m.dir, file))
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			m.err = errors.Join(m.err, err)
		}
		return nil
	}
	for b, rest := pem.Decode(old); b != nil; b, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(b.Bytes); err == nil && valid(c) == nil {
			text = append(text, pem.EncodeToMemory(b)...)
		}
	}
	return text
}

// issue writes a certificate with its key.
func (m *maker) issue(a *authority, file, name string, hosts []string, uses []x509.ExtKeyUsage) {
	key := m.key()
	template := m.template(name)
	template.KeyUsage, template.ExtKeyUsage = x509.KeyUsageDigitalSignature, uses
	for _, h := range hosts {
		if ip := net.ParseIP(h); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, h)
		}
	}
	cert := m.sign(template, a, key)
	if m.err != nil {
		return
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		m.err = err
		return
	}
	m.write(file, append(block("CERTIFICATE", cert), block("PRIVATE KEY", secret)...), 0o600)
}

func (m *maker) template(name string) *x509.Certificate {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	m.err = errors.Join(m.err, err)
	return &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: m.from, NotAfter: m.until,
	}
}

func (m *maker) key() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	m.err = errors.Join(m.err, err)
	return key
}

func (m *maker) sign(template *x509.Certificate, a *authority, key crypto.Signer) []byte {
	if m.err != nil {
		return nil
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	m.err = err
	return der
}

// options writes a file of options, in which what ends in .pem is in the directory.
func (m *maker) options(file string, lines ...string) {
	var b strings.Builder
	for _, l := range lines {
		key, value, _ := strings.Cut(l, ": ")
		if strings.HasSuffix(value, ".pem") {
			value = fmt.Sprintf("%q", filepath.Join(m.dir, value))
		}
		fmt.Fprintf(&b, "%s: %s\n", key, value)
	}
	m.write(file, []byte(b.String()), 0o644)
}

func (m *maker) write(file string, text []byte, mode fs.FileMode) {
	if m.err == nil {
		m.err = durable.WriteFile(filepath.Join(m.dir, file), text, mode)
	}
}

func block(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
