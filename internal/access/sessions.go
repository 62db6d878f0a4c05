package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// Session is a browser that somebody has shown a token in.
type Session struct {
	// Token is the hash of that token: who may use the session is who has the token now.
	Token Hash
	// CSRF is what a request that changes something must show besides the session's id, which a browser sends for any
	// page.
	CSRF string
	// Ends is when the session ends by itself.
	Ends time.Time
}

// Sessions are those that have begun and not ended. They end with the process. Its methods may be called by several
// goroutines.
type Sessions struct {
	clock clock.Clock
	life  time.Duration

	mu struct {
		sync.Mutex
		all map[Hash]Session // by the hash of the id
	}
}

// sessionsMax is how many sessions there are at a time. Another one ends that which would end first.
const sessionsMax = 1000

// NewSessions returns none yet. Each lasts for life.
func NewSessions(c clock.Clock, life time.Duration) *Sessions {
	s := &Sessions{clock: c, life: life}
	s.mu.all = map[Hash]Session{}
	return s
}

// Begin begins a session for who has shown a token, and returns its id, which is nowhere else.
func (s *Sessions) Begin(token Hash) (id string, begun Session) {
	id = random()
	now := s.clock.Now()
	begun = Session{Token: token, CSRF: random(), Ends: now.Add(s.life)}
	s.mu.Lock()
	defer s.mu.Unlock()
	var first Hash
	for h, other := range s.mu.all {
		if !now.Before(other.Ends) {
			delete(s.mu.all, h)
		} else if was, ok := s.mu.all[first]; !ok || other.Ends.Before(was.Ends) {
			first = h
		}
	}
	if len(s.mu.all) >= sessionsMax {
		delete(s.mu.all, first)
	}
	s.mu.all[HashOf(id)] = begun
	return id, begun
}

// Find is the session with an id, if it has not ended.
func (s *Sessions) Find(id string) (Session, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.mu.all[HashOf(id)]
	return found, ok && s.clock.Now().Before(found.Ends)
}

// End ends the session with an id, if there is one.
func (s *Sessions) End(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.all, HashOf(id))
}

// Shows reports whether a text is the session's CSRF.
func (s Session) Shows(text string) bool {
	want, got := HashOf(s.CSRF), HashOf(text)
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// random is 256 bits that nobody guesses.
func random() string {
	b := make([]byte, 32)
	rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
