package access

import (
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// Guesses bounds how many wrong tokens come from one place: guessBurst at once, and then one each guessEvery. A place is an
// address of IPv4, or a network of IPv6 with 64 bits, which one host has. Places do not know of each other, so that who
// guesses locks nobody out elsewhere. Its methods may be called by several goroutines.
type Guesses struct {
	clock clock.Clock

	mu struct {
		sync.Mutex
		free map[netip.Prefix]time.Time // when all of a place's guesses are forgotten
	}
}

const (
	guessBurst = 20
	guessEvery = time.Second
	// placesMax is how many places are remembered.
	placesMax = 10_000
)

// NewGuesses returns a Guesses of nobody yet.
func NewGuesses(c clock.Clock) *Guesses {
	g := &Guesses{clock: c}
	g.mu.free = map[netip.Prefix]time.Time{}
	return g
}

// Wait is how long a place must wait until it may show a token; 0 if it may.
func (g *Guesses) Wait(from netip.Addr) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	free, known := g.mu.free[placeOf(from)]
	if !known {
		return 0
	}
	return max(0, free.Sub(g.clock.Now())-(guessBurst-1)*guessEvery)
}

// Wrong counts a wrong token, and reports whether it was the last one for now.
func (g *Guesses) Wrong(from netip.Addr) (last bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now, place := g.clock.Now(), placeOf(from)
	free := g.mu.free[place]
	if free.Before(now) {
		free = now
	}
	if _, known := g.mu.free[place]; !known && len(g.mu.free) >= placesMax {
		g.forget(now)
	}
	free = free.Add(guessEvery)
	g.mu.free[place] = free
	return free.Sub(now) > (guessBurst-1)*guessEvery
}

// forget makes room: it forgets places that are free, or soon will be.
func (g *Guesses) forget(now time.Time) {
	for soon := time.Duration(0); len(g.mu.free) >= placesMax; soon += soon + guessEvery {
		maps.DeleteFunc(g.mu.free, func(_ netip.Prefix, free time.Time) bool { return free.Sub(now) <= soon })
	}
}

func placeOf(a netip.Addr) netip.Prefix {
	a = a.Unmap().WithZone("")
	bits := 32
	if a.Is6() {
		bits = 64
	}
	p, _ := a.Prefix(bits) // fails for no address only
	return p
}
