package nats

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nkeys"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/certificate"
	"github.com/flott-dev/flott/internal/servertest"
)

// jetStream is the part of a configuration that says where streams lie.
func jetStream(t *testing.T) string { return fmt.Sprintf("jetstream { store_dir: %q }\n", t.TempDir()) }

// configured is a server of the package with a configuration, and a client of it.
func configured(t *testing.T, conf string, options ...nats.Option) *log {
	t.Helper()
	path := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(path, []byte(jetStream(t)+conf), 0o600); err != nil {
		t.Fatal(err)
	}
	s := servertest.NewNATS(t, "-c", path)
	nc, err := nats.Connect(s.URL, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	l := &log{t: t, url: s.URL, js: js}
	l.stream("a")
	l.put("a.x", "1", "2")
	return l
}

// wantAccess reads and writes a table with options of a connection, or is refused.
func (l *log) wantAccess(t *testing.T, options, want string) {
	t.Helper()
	got, err := l.rows("n INT", connect.Scan{}, options)
	writeErr := func() error {
		s, err := Table.NewSink(l.spec("n INT", "subject=a.x "+options))
		if err != nil {
			return err
		}
		sink, err := s.Sink(connect.Insert{})
		if err != nil {
			return err
		}
		w, err := sink.Writer(writerContext(t), nil)
		if err != nil {
			return err
		}
		defer w.Close()
		b := numbers("", 3)
		b.Cols = b.Cols[:1]
		if err := w.Write(b); err != nil {
			return err
		}
		return w.Flush(false)
	}()
	if want != "" {
		wantError(t, "reading with "+options, err, want)
		wantError(t, "writing with "+options, writeErr, want)
		return
	}
	if err != nil || writeErr != nil || len(got) < 2 {
		t.Errorf("%s: it reads %s, %v, and writes: %v", options, got, err, writeErr)
	}
}

// TestTLS: a server that wants certificates of its clients.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	if err := certificate.Make(dir, []string{"127.0.0.1"}, time.Hour); err != nil {
		t.Fatal(err)
	}
	pem := func(name string) string { return filepath.Join(dir, name) }
	l := configured(t, fmt.Sprintf("tls { cert_file: %q, key_file: %[1]q, ca_file: %q, verify: true }", pem("rest.pem"), pem("rest-ca.pem")),
		nats.RootCAs(pem("rest-ca.pem")), nats.ClientCert(pem("client.pem"), pem("client.pem")))
	ca, mine := "tls.ca="+pem("rest-ca.pem"), " tls.cert="+pem("client.pem")+" tls.key="+pem("client.pem")
	l.wantAccess(t, ca+mine, "")
	l.wantAccess(t, ca+" connect.timeout=1s", "the server refuses the connection: it may want a certificate ('tls.cert', 'tls.key')")
	l.wantAccess(t, "tls.ca="+pem("internal-ca.pem")+mine, "the server's certificate is not trusted: look at 'tls.ca'")
	l.wantAccess(t, "", "the server's certificate is not trusted: look at 'tls.ca'")
	c, err := encryption(pem("rest-ca.pem"), pem("client.pem"), pem("client.pem"))
	if err != nil {
		t.Fatal(err)
	}
	o := l.options("a")
	o.Connection.TLS = c
	if got, err := read(t, o, placed); len(got) != 3 || err != nil {
		t.Errorf("a program reads %s, %v", got, err)
	}

	open := packagedLog(t)
	open.stream("a")
	open.wantAccess(t, ca, "the server has no TLS")
}

// TestCredentials: a server that knows its users by what an operator has signed.
func TestCredentials(t *testing.T) {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	key := func(create func() (nkeys.KeyPair, error)) (pair nkeys.KeyPair, public string) {
		pair, err := create()
		must(err)
		public, err = pair.PublicKey()
		must(err)
		return pair, public
	}
	operator, operatorID := key(nkeys.CreateOperator)
	account, accountID := key(nkeys.CreateAccount)
	signed, err := jwt.NewOperatorClaims(operatorID).Encode(operator)
	must(err)
	_, systemID := key(nkeys.CreateAccount)
	system, err := jwt.NewAccountClaims(systemID).Encode(operator)
	must(err)
	claims := jwt.NewAccountClaims(accountID)
	claims.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	of, err := claims.Encode(operator)
	must(err)
	dir := t.TempDir()
	// credentials are a file for a new user, signed by an account.
	credentials := func(name string, by nkeys.KeyPair) string {
		user, id := key(nkeys.CreateUser)
		token, err := jwt.NewUserClaims(id).Encode(by)
		must(err)
		seed, err := user.Seed()
		must(err)
		text, err := jwt.FormatUserConfig(token, seed)
		must(err)
		path := filepath.Join(dir, name)
		must(os.WriteFile(path, text, 0o600))
		return path
	}
	good := credentials("good.creds", account)
	l := configured(t, fmt.Sprintf("operator: %s\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: { %[2]s: %[3]s, %[4]s: %[5]s }",
		signed, systemID, system, accountID, of), nats.UserCredentials(good))
	l.wantAccess(t, "credentials="+good, "")
	other, _ := key(nkeys.CreateAccount)
	l.wantAccess(t, "credentials="+credentials("other.creds", other), "look at 'user' and 'password', 'token' or 'credentials'")
	l.wantAccess(t, "", "look at 'user' and 'password', 'token' or 'credentials'")
	l.wantAccess(t, "credentials=/nowhere", "'credentials': stat /nowhere")
}
