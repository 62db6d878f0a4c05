package etcd_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/etcd"
	"github.com/flott-dev/flott/internal/ha/etcdtest"
	"github.com/flott-dev/flott/internal/ha/hatest"
)

// authority issues certificates, as files in a directory.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.issue(t, "ca", nil)
	return a
}

// issue writes <name>.pem and <name>.key.
func (a *authority) issue(t *testing.T, name string, by *authority) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	hatest.Check(t, err)
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	hatest.Check(t, err)
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: by == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := template, key
	if by != nil {
		parent, signer = by.cert, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	hatest.Check(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	hatest.Check(t, err)
	write := func(file, kind string, data []byte) {
		hatest.Check(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600))
	}
	write(a.file(name, "pem"), "CERTIFICATE", der)
	write(a.file(name, "key"), "PRIVATE KEY", private)
	cert, err := x509.ParseCertificate(der)
	hatest.Check(t, err)
	return cert, key
}

func (a *authority) file(name, kind string) string { return filepath.Join(a.dir, name+"."+kind) }

// TestTLS: members that want certificates get them; without, or with those of others, it is said what may be wrong.
func TestTLS(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	ca, other := newAuthority(t), newAuthority(t)
	ca.issue(t, "server", ca)
	ca.issue(t, "client", ca)
	server := etcdtest.Start(t, true, "--cert-file", ca.file("server", "pem"), "--key-file", ca.file("server", "key"),
		"--trusted-ca-file", ca.file("ca", "pem"), "--client-cert-auth")
	o := etcd.Options{CAFile: ca.file("ca", "pem"), CertFile: ca.file("client", "pem"), KeyFile: ca.file("client", "key")}
	for _, address := range []string{server.Address, "https://" + server.Address} {
		l := hatest.Lead(t, open(t, o, address), "one")
		_, err := l.Put(ctx, "a/"+strings.ReplaceAll(address, "://", "/")[:5], nil)
		hatest.Check(t, err)
		hatest.Check(t, l.Resign(ctx))
	}
	for name, wrong := range map[string]etcd.Options{
		"no certificate":    {CAFile: o.CAFile},
		"another authority": {CAFile: other.file("ca", "pem"), CertFile: o.CertFile, KeyFile: o.KeyFile},
		"no TLS":            {},
	} {
		wrong.LeaseTimeout = 3 * time.Second
		_, err := open(t, wrong, server.Address).Get(ctx, "a")
		if err == nil {
			t.Errorf("%s: it is accepted", name)
		}
		wantAway(t, err, server.Address)
	}
}

// TestUsers: etcd's own users and rights.
func TestUsers(t *testing.T) {
	t.Parallel()
	ctx := hatest.Context(t)
	server := etcdtest.Start(t, false)
	admin := open(t, etcd.Options{ClusterID: "admin"}, server.Address).Client()
	_, err := admin.UserAdd(ctx, "root", "r")
	hatest.Check(t, err)
	_, err = admin.UserGrantRole(ctx, "root", "root")
	if err != nil {
		_, err = admin.RoleAdd(ctx, "root")
		hatest.Check(t, err)
		_, err = admin.UserGrantRole(ctx, "root", "root")
		hatest.Check(t, err)
	}
	_, err = admin.RoleAdd(ctx, "flott")
	hatest.Check(t, err)
	_, err = admin.RoleGrantPermission(ctx, "flott", "/flott/mine/", clientv3.GetPrefixRangeEnd("/flott/mine/"),
		clientv3.PermissionType(clientv3.PermReadWrite))
	hatest.Check(t, err)
	_, err = admin.UserAdd(ctx, "flott", "secret")
	hatest.Check(t, err)
	_, err = admin.UserGrantRole(ctx, "flott", "flott")
	hatest.Check(t, err)
	_, err = admin.AuthEnable(ctx)
	hatest.Check(t, err)

	mine := etcd.Options{ClusterID: "mine", Username: "flott", Password: "secret", LeaseTimeout: time.Minute} // longer than the server is away
	s := open(t, mine, server.Address)
	l := hatest.Lead(t, s, "one")
	v, err := l.Put(ctx, "a", []byte("x"))
	hatest.Check(t, err)
	hatest.WantRecord(t, s, "a", "x", v)
	server.Kill() // tokens do not survive it
	away := mine
	away.LeaseTimeout = 9 * time.Second
	waiting := open(t, away, server.Address)
	_, err = waiting.Get(ctx, "a")
	wantAway(t, err, server.Address)
	server.Restart(t)
	v, err = l.Swap(ctx, "a", v, []byte("y"))
	hatest.Check(t, err)
	hatest.WantRecord(t, s, "a", "y", v)
	hatest.WantRecord(t, waiting, "a", "y", v)
	hatest.Check(t, l.Resign(ctx))

	for name, wrong := range map[string]etcd.Options{
		"no user":          {ClusterID: "mine"},
		"a wrong password": {ClusterID: "mine", Username: "flott", Password: "Secret"},
		"other keys":       {ClusterID: "other", Username: "flott", Password: "secret"},
	} {
		wrong.Endpoints = []string{server.Address}
		w, err := etcd.Open(wrong)
		if err == nil {
			_, err = w.Campaign(ctx, ha.Contender{Name: "two"})
			hatest.Check(t, w.Close())
		}
		for _, part := range []string{"etcd at " + server.Address, "see high-availability.etcd.username"} {
			if err == nil || !strings.Contains(err.Error(), part) {
				t.Errorf("%s: the error is %v, want %s", name, err, part)
			}
		}
	}
}

// TestOptions: everything that is wrong is said at once.
func TestOptions(t *testing.T) {
	t.Parallel()
	a := newAuthority(t)
	text := a.file("ca", "key")
	for _, c := range []struct {
		options etcd.Options
		want    []string
	}{
		{etcd.Options{}, []string{"no endpoint"}},
		{etcd.Options{Endpoints: []string{"https://a:1", "b:1", "ftp://c", "", "http://"}}, []string{
			"some endpoints of etcd have https://", `"ftp://c"`, `endpoint ""`, `"http://"`,
		}},
		{etcd.Options{Endpoints: []string{"a:1"}, CertFile: "x", Username: "y", LeaseTimeout: time.Millisecond, ClusterID: "//"}, []string{
			"a certificate for etcd and its key go together", "a user of etcd and its password go together", "at least 1 s, not 1ms",
			`"//" does not name a cluster`,
		}},
		{etcd.Options{Endpoints: []string{"a:1"}, CAFile: "/none"}, []string{"certificates of authorities", "/none"}},
		{etcd.Options{Endpoints: []string{"a:1"}, CAFile: text}, []string{text + " has none in PEM"}},
		{etcd.Options{Endpoints: []string{"a:1"}, CertFile: text, KeyFile: text}, []string{"certificate " + text}},
	} {
		s, err := etcd.Open(c.options)
		if err == nil {
			s.Close()
		}
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v: the error is %v, want %s", c.options, err, want)
			}
		}
	}
}
