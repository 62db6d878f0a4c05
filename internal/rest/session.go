package rest

import (
	"errors"
	"net/http"

	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/restapi"
)

// The cookie's name. The one that browsers take by TLS only, and for this host only, where there is TLS.
const (
	cookieName       = "flott-session"
	secureCookieName = "__Host-flott-session"
)

// sessionOf is the id of a session that a request has, "" for none.
func sessionOf(r *http.Request) string {
	name := cookieName
	if r.TLS != nil {
		name = secureCookieName
	}
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

// setSession has the browser keep a session's id until it closes, or forget it.
func setSession(w http.ResponseWriter, r *http.Request, id string, seconds int) {
	c := &http.Cookie{Name: cookieName, Value: id, Path: "/", MaxAge: seconds, HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if r.TLS != nil {
		c.Name, c.Secure = secureCookieName, true
	}
	http.SetCookie(w, c)
}

// whoBegan is whose session has an id.
func (s *Server) whoBegan(id string) (*caller, error) {
	begun, ok := s.sessions.Find(id)
	if !ok {
		return nil, errBegin
	}
	who, err := s.holder(begun.Token)
	if errors.Is(err, errWrong) {
		s.sessions.End(id)
		return nil, errBegin
	}
	if err != nil {
		return nil, err
	}
	return &caller{Identity: who, token: begun.Token, session: id, begun: begun}, nil
}

// beginSession takes a token, and gives a cookie.
func (s *Server) beginSession(w http.ResponseWriter, r *http.Request) error {
	var in restapi.SessionRequest
	if err := decode(r, &in); err != nil {
		return err
	}
	if !s.o.Authenticates() {
		return refusal{http.StatusConflict, "no sessions are needed here: there are no credentials"}
	}
	if in.Token == "" {
		return badRequest("Field token must not be omitted.")
	}
	who, err := s.whoHas(r, in.Token)
	if err != nil {
		return err
	}
	if old := sessionOf(r); old != "" {
		s.sessions.End(old)
	}
	id, begun := s.sessions.Begin(who.token)
	setSession(w, r, id, int(s.o.SessionLife.Seconds()))
	s.o.Log.Info("flott: a session begins", "name", who.Name, "role", who.Role.String(), "from", r.RemoteAddr)
	s.write(w, http.StatusCreated, sessionFor(who.Identity, begun))
	return nil
}

// session tells a client who it is.
func (s *Server) session(r *http.Request) (*restapi.Session, error) {
	who := callerOf(r)
	out := sessionFor(who.Identity, who.begun)
	return &out, nil
}

func sessionFor(who access.Identity, begun access.Session) restapi.Session {
	out := restapi.Session{Name: who.Name, Role: who.Role.String(), CSRF: begun.CSRF}
	if !begun.Ends.IsZero() {
		out.Ends = begun.Ends.UnixMilli()
	}
	return out
}

// endSession ends the session of a request.
func (s *Server) endSession(w http.ResponseWriter, r *http.Request) error {
	if id := callerOf(r).session; id != "" {
		s.sessions.End(id)
		setSession(w, r, "", -1)
	}
	s.write(w, http.StatusOK, none)
	return nil
}

// health says that the server serves, and nothing else.
func (s *Server) health(*http.Request) (*restapi.Empty, error) { return none, nil }
