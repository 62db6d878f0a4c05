package wire

import (
	"crypto/tls"
	"strings"
	"testing"
)

// TestRefusedByTLS: of two sides that do not agree about TLS or about each other's certificates, both say why.
func TestRefusedByTLS(t *testing.T) {
	auth := newAuthority(t)
	ours, others := auth.config("worker-b"), newAuthority(t).config("worker-b")
	anonymous := ours.Clone()
	anonymous.Certificates = nil
	foreign := ours.Clone()
	foreign.Certificates = others.Certificates
	for _, c := range []struct {
		name                   string
		dials, listens         *tls.Config
		clientSays, serverSays string
	}{
		{"plain client", nil, ours, "with TLS only (security.ssl.internal.enabled)", "it speaks no TLS, and this side does (security.ssl.internal.enabled)"},
		{"plain server", ours, nil, "it speaks no TLS, and this side does (security.ssl.internal.enabled)", "it speaks TLS, and this side does not (security.ssl.internal.enabled)"},
		{"no certificate", anonymous, ours, "this side's certificate (security.ssl.internal.cert-file)", "didn't provide a certificate"},
		{"client of another authority", foreign, ours, "this side's certificate (security.ssl.internal.cert-file)", "unknown authority"},
		{"server of another authority", ours, foreign, "unknown authority", "this side's certificate (security.ssl.internal.cert-file)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a, b := tcp(t)
			served := make(chan error, 1)
			go func() {
				o := options("worker-b")
				o.TLS = c.listens
				_, err := Server(b, o)
				served <- err
			}()
			o := options("worker-a")
			o.TLS = c.dials
			_, err := Client(a, o)
			for side, said := range map[string]struct {
				err  error
				want string
			}{"client": {err, c.clientSays}, "server": {<-served, c.serverSays}} {
				if said.err == nil || !strings.Contains(said.err.Error(), said.want) {
					t.Errorf("the %s says %v, want %q", side, said.err, said.want)
				}
			}
		})
	}
}
