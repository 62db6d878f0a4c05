package certificate_test

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/certificate"
)

// made is a directory with certificates.
func made(t *testing.T) string {
	dir := filepath.Join(t.TempDir(), "certificates")
	if err := certificate.Make(dir, []string{"jm.example", "127.0.0.1"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	return dir
}

// options are those of a file that Make has written, with others in place of some.
func options(t *testing.T, path string, pairs ...string) *config.Configuration {
	t.Helper()
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.SetPairs(pairs...); err != nil {
		t.Fatal(err)
	}
	return c
}

func internal(t *testing.T, dir string, pairs ...string) *tls.Config {
	t.Helper()
	f, err := certificate.Internal(options(t, filepath.Join(dir, certificate.ClusterOptions), pairs...))
	if err != nil {
		t.Fatal(err)
	}
	return f.Mutual()
}

// shake has two sides shake hands, and returns what both say.
func shake(t *testing.T, dials, listens *tls.Config) (client, server error) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	served := make(chan error, 1)
	go func() {
		c, err := l.Accept()
		if err == nil {
			defer c.Close()
			s := tls.Server(c, listens)
			if err = s.Handshake(); err == nil {
				_, err = s.Write([]byte("x"))
			}
		}
		served <- err
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c := tls.Client(nc, dials)
	defer c.Close()
	_, client = c.Read(make([]byte, 1)) // in TLS 1.3 a client hears only here that it is refused
	return client, <-served
}

// TestMembers: processes with certificates of one authority connect, whatever their hosts; others do not.
func TestMembers(t *testing.T) {
	dir, other := made(t), made(t)
	if c, s := shake(t, internal(t, dir), internal(t, dir)); c != nil || s != nil {
		t.Errorf("members do not connect: %v, %v", c, s)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	stranger := internal(t, other)
	ofRest := internal(t, dir, "security.ssl.internal.cert-file="+file("rest.pem"))
	trusting := internal(t, other, "security.ssl.internal.ca-file="+file("internal-ca.pem"))
	for name, c := range map[string]struct {
		dials, listens *tls.Config
		client, server string
	}{
		"client of another authority":       {trusting, internal(t, dir), "remote error", `"Flott process", against security.ssl.internal.ca-file: x509: certificate signed by unknown authority`},
		"server of another authority":       {internal(t, dir), stranger, "against security.ssl.internal.ca-file: x509: certificate signed by unknown authority", "remote error"},
		"certificate of the REST interface": {ofRest, internal(t, dir), "remote error", `"Flott JobManager", against security.ssl.internal.ca-file`},
	} {
		client, server := shake(t, c.dials, c.listens)
		if client == nil || !strings.Contains(client.Error(), c.client) {
			t.Errorf("%s: the client says %v, want %q", name, client, c.client)
		}
		if server == nil || !strings.Contains(server.Error(), c.server) {
			t.Errorf("%s: the server says %v, want %q", name, server, c.server)
		}
	}
}

// TestClients: clients check the name of the host, and need a certificate if they are asked for one.
func TestClients(t *testing.T) {
	dir := made(t)
	cluster, clients := filepath.Join(dir, certificate.ClusterOptions), filepath.Join(dir, certificate.ClientOptions)
	server, err := certificate.RestServer(options(t, cluster))
	if err != nil || !certificate.Authenticates(server) {
		t.Fatal("the server asks for no certificates", err)
	}
	open, err := certificate.RestServer(options(t, cluster, "security.ssl.rest.authentication-enabled=false"))
	if err != nil || certificate.Authenticates(open) {
		t.Fatal("the server asks for certificates", err)
	}
	client := func(path string, pairs ...string) *tls.Config {
		c, err := certificate.RestClient(options(t, path, pairs...))
		if err != nil {
			t.Fatal(err)
		}
		c.ServerName = "jm.example"
		return c
	}
	anonymous := client(clients)
	anonymous.GetClientCertificate = nil
	elsewhere := client(clients)
	elsewhere.ServerName = "other.example"
	for name, c := range map[string]struct {
		dials, listens *tls.Config
		client         string // "": it connects
	}{
		"client":                     {client(clients), server, ""},
		"TaskManager":                {client(cluster), server, ""},
		"nobody is asked":            {anonymous, open, ""},
		"no certificate":             {anonymous, server, "certificate required"},
		"another host":               {elsewhere, server, "not other.example"},
		"a certificate of processes": {client(clients, "security.ssl.rest.cert-file="+filepath.Join(dir, "internal.pem")), server, "bad certificate"},
	} {
		got, _ := shake(t, c.dials, c.listens)
		if c.client == "" && got != nil || c.client != "" && (got == nil || !strings.Contains(got.Error(), c.client)) {
			t.Errorf("%s: %v, want %q", name, got, c.client)
		}
	}
}

// TestRenewed: certificates that are renewed count from the next handshake on, and old ones as long as they are valid.
func TestRenewed(t *testing.T) {
	dir := made(t)
	running := internal(t, dir)
	old := filepath.Join(t.TempDir(), "old.pem")
	text, err := os.ReadFile(filepath.Join(dir, "internal.pem"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(old, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := certificate.Make(dir, nil, time.Hour); err != nil {
		t.Fatal(err)
	}
	for name, dials := range map[string]*tls.Config{
		"a new certificate": internal(t, dir), "an old one": internal(t, dir, "security.ssl.internal.cert-file="+old),
	} {
		if c, s := shake(t, dials, running); c != nil || s != nil {
			t.Errorf("%s: %v, %v", name, c, s)
		}
	}
}

// TestWrongFiles: what is wrong with files is said with the option that names them.
func TestWrongFiles(t *testing.T) {
	dir, other := made(t), made(t)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	internalKey, otherKey := filepath.Join(dir, "internal.pem"), filepath.Join(other, "internal.pem")
	ca := filepath.Join(dir, "internal-ca.pem")
	for _, c := range []struct{ option, value, want string }{
		{"cert-file", filepath.Join(dir, "none.pem"), "security.ssl.internal.cert-file: open " + filepath.Join(dir, "none.pem") + ": no such file"},
		{"ca-file", filepath.Join(dir, "none.pem"), "security.ssl.internal.ca-file: open"},
		{"key-file", filepath.Join(dir, "none.pem"), "security.ssl.internal.key-file: open"},
		{"key-file", otherKey, "private key does not match public key"},
		{"key-file", ca, "it has no key"},
		{"key-file", internalKey, ""},
		{"cert-file", ca, "it has no key"},
		{"cert-file", write("a.jks", "\xfe\xed\xfe\xed"), "a.jks: it is a keystore of Java, and Flott reads PEM"},
		{"ca-file", write("a.P12", "\x30\x82"), "a.P12: it is a keystore of Java"},
		{"ca-file", write("a.pem", "hello"), "a.pem: it is no PEM file"},
		{"ca-file", write("key.pem", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), "no certificate in PEM"},
		{"key-file", write("locked.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n"), "the key is encrypted"},
	} {
		_, err := certificate.Internal(options(t, filepath.Join(dir, certificate.ClusterOptions), "security.ssl.internal."+c.option+"="+c.value))
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "security.ssl.internal."+c.option)) {
			t.Errorf("%s=%s: %v, want %q", c.option, c.value, err, c.want)
		}
	}
	var enabled config.Configuration
	if err := enabled.SetPairs("security.ssl.internal.enabled=true", "security.ssl.rest.enabled=true"); err != nil {
		t.Fatal(err)
	}
	_, err := certificate.Internal(&enabled)
	_, restErr := certificate.RestServer(&enabled)
	for _, want := range []string{"internal.cert-file is not set", "internal.ca-file is not set", "rest.cert-file is not set"} {
		if all := fmt.Sprint(err, restErr); !strings.Contains(all, want) {
			t.Errorf("%s, want %q", all, want)
		}
	}
}

// TestExpired: a certificate that is valid no more says when it was.
func TestExpired(t *testing.T) {
	dir := made(t)
	if err := certificate.Make(dir, nil, time.Nanosecond); err != nil {
		t.Fatal(err)
	}
	_, err := certificate.Internal(options(t, filepath.Join(dir, certificate.ClusterOptions)))
	for _, want := range []string{"security.ssl.internal.cert-file: ", "internal.pem: the certificate was valid until 20", "flott cluster certificates"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if err := certificate.Make(dir, nil, 0); err == nil {
		t.Error("certificates that are not valid were made")
	}
}

// TestOpenSSL has another program look at what is made.
func TestOpenSSL(t *testing.T) {
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("no openssl")
	}
	dir := made(t)
	for file, purpose := range map[string]string{"internal": "sslserver", "rest": "sslserver", "client": "sslclient"} {
		ca := "rest-ca.pem"
		if file == "internal" {
			ca = "internal-ca.pem"
		}
		out, err := exec.Command(openssl, "verify", "-x509_strict", "-purpose", purpose, "-CAfile", filepath.Join(dir, ca), filepath.Join(dir, file+".pem")).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", file, err, out)
		}
	}
}
