package rest

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/openapi"
)

// keptFor is how long an answer about the whole cluster is given again: what many viewers ask for at once, and what polls, is
// looked up ten times a second at most.
const keptFor = 100 * time.Millisecond

// keptAnswers are the last answers of some routes, by their paths. They are forgotten when a request has changed something.
type keptAnswers struct {
	mu  sync.Mutex
	all map[string]*keptAnswer
	age int // how often they were forgotten
}

// keptAnswer is one of them.
type keptAnswer struct {
	mu   sync.Mutex // held by who makes it
	age  int
	made time.Time
	text []byte
}

// of is the answer of a path, and which age it must be of.
func (k *keptAnswers) of(path string) (*keptAnswer, int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a := k.all[path]
	if a == nil {
		if k.all == nil {
			k.all = map[string]*keptAnswer{}
		}
		a = &keptAnswer{age: -1}
		k.all[path] = a
	}
	return a, k.age
}

// forget has all be made anew.
func (k *keptAnswers) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.age++
}

// kept is get for a route without parameters whose answer may be keptFor old, but not older than a request that has changed something
// at this server.
func kept[Out any](path string, answer func(*Server, *http.Request) (Out, error), about string, query ...openapi.Parameter) route {
	r := get(path, answer, about, query...)
	r.serve = func(s *Server, w http.ResponseWriter, r *http.Request) error {
		a, age := s.kept.of(path)
		text, err := a.get(age, func() ([]byte, error) {
			out, err := answer(s, r)
			if err != nil {
				return nil, err
			}
			return json.Marshal(out)
		})
		if err != nil {
			return err
		}
		s.writeText(w, http.StatusOK, text)
		return nil
	}
	return r
}

// get is the answer, made anew if it is of another age or too old.
func (a *keptAnswer) get(age int, newText func() ([]byte, error)) (_ []byte, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now := time.Now(); a.age != age || now.Sub(a.made) >= keptFor {
		if a.text, err = newText(); err != nil {
			a.age = -1
			return nil, err
		}
		a.age, a.made = age, now
	}
	return a.text, nil
}
