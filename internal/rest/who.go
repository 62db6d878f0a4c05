package rest

import (
	"context"
	"crypto/subtle"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/restapi"
)

// caller is who sends a request.
type caller struct {
	access.Identity
	token   access.Hash // that was shown, with the request or at the session's beginning
	session string      // the session's id, "" without one
	begun   access.Session
}

type callerKey struct{}

func callerOf(r *http.Request) *caller { return r.Context().Value(callerKey{}).(*caller) }

// permit lets in who may use a route, and notes who that is.
func (s *Server) permit(r *http.Request, to route) (*http.Request, error) {
	if to.role == access.None {
		return r, nil
	}
	who, err := s.who(r)
	if err != nil {
		return r, err
	}
	if who.Role < to.role {
		return r, refusal{http.StatusForbidden, fmt.Sprintf("the role %s is needed for this, and %q has the role %s", to.role, who.Name, who.Role)}
	}
	if who.session != "" && changes(r) && !who.begun.Shows(r.Header.Get(restapi.CSRFHeader)) {
		return r, refusal{http.StatusForbidden, "with a session, what changes something needs the header " + restapi.CSRFHeader +
			", whose value GET /flott/session tells"}
	}
	return r.WithContext(context.WithValue(r.Context(), callerKey{}, who)), nil
}

// changes reports whether a request may change something.
func changes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// tokens reports whether there are any.
func (o *Options) tokens() bool { return o.Token != "" || o.Tokens != nil }

// certificates reports whether each connection has one of the client's, which is verified.
func (o *Options) certificates() bool {
	return o.TLS != nil && o.TLS.ClientAuth >= tls.RequireAnyClientCert
}

// Authenticates reports whether clients have to show something.
func (o *Options) Authenticates() bool { return o.tokens() || o.certificates() }

// who finds out who sends a request: whose token it has, or else whose session, or else whose certificate.
func (s *Server) who(r *http.Request) (*caller, error) {
	if !s.o.Authenticates() {
		return &caller{Identity: access.Identity{Name: "anybody", Role: access.Admin}}, nil
	}
	if text := r.Header.Get("Authorization"); text != "" {
		scheme, token, _ := strings.Cut(text, " ")
		if !strings.EqualFold(scheme, "Bearer") || token == "" {
			return nil, errNobody
		}
		return s.whoHas(r, token)
	}
	if id := sessionOf(r); id != "" {
		return s.whoBegan(id)
	}
	if who := s.certified(r); who != nil {
		return &caller{Identity: *who}, nil
	}
	return nil, errNobody
}

var (
	errNobody = refusal{http.StatusUnauthorized, "a token is needed: Authorization: Bearer …"}
	errWrong  = refusal{http.StatusUnauthorized, "the token is not the right one"}
	errBegin  = refusal{http.StatusUnauthorized, "the session has ended: begin another one"}
)

// tooLongToGuess is how long tokens are that nobody guesses: who has one is let in although others guess at the same place.
const tooLongToGuess = 32

// tooMany is the refusal of who must wait before another guess.
type tooMany struct{ wait time.Duration }

// Error says how long.
func (t tooMany) Error() string {
	return fmt.Sprintf("too many wrong tokens have come from this address: wait %v", t.wait.Round(time.Millisecond))
}

// whoHas is who has a token.
func (s *Server) whoHas(r *http.Request, token string) (*caller, error) {
	from, _ := netip.ParseAddrPort(r.RemoteAddr)
	wait := s.guesses.Wait(from.Addr())
	if wait > 0 && len(token) < tooLongToGuess {
		return nil, tooMany{wait}
	}
	hash := access.HashOf(token)
	who, err := s.holder(hash)
	if err == nil {
		return &caller{Identity: who, token: hash}, nil
	}
	if errors.Is(err, errWrong) {
		if s.guesses.Wrong(from.Addr()) {
			s.o.Log.Warn("flott: many requests come with wrong tokens", "from", from.Addr())
		}
		if wait > 0 {
			return nil, tooMany{wait}
		}
	}
	return nil, err
}

// holder is whose token has a hash.
func (s *Server) holder(h access.Hash) (access.Identity, error) {
	if own := access.HashOf(s.o.Token); s.o.Token != "" && subtle.ConstantTimeCompare(own[:], h[:]) == 1 {
		return access.Identity{Name: "FLOTT_TOKEN", Role: access.Admin}, nil
	}
	if own := access.HashOf(s.o.Inside); s.o.Inside != "" && subtle.ConstantTimeCompare(own[:], h[:]) == 1 {
		return access.Identity{Name: "the JobManager's own programs", Role: access.Admin}, nil
	}
	if s.o.Tokens == nil {
		return access.Identity{}, errWrong
	}
	who, found, err := s.o.Tokens.Find(h)
	if err != nil {
		s.o.Log.Error("flott: the file of credentials lets nobody in", "error", err)
		return who, refusal{http.StatusServiceUnavailable, "the file of credentials cannot be used as it is now; the JobManager's log says why"}
	}
	if !found {
		return who, errWrong
	}
	return who, nil
}

// certified is whose certificate the connection has: all are admins unless options say something about certificates, or
// there are tokens, which are wanted besides then; nil for nobody.
func (s *Server) certified(r *http.Request) *access.Identity {
	if !s.o.certificates() || r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	who := &access.Identity{Name: r.TLS.PeerCertificates[0].Subject.CommonName, Role: access.Admin}
	if s.o.CertificateRoles != nil {
		who.Role = s.o.CertificateRoles[who.Name]
	} else if s.o.tokens() {
		return nil
	}
	return who
}
