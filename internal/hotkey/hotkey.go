// Package hotkey finds the keys that many records have, in a bounded space and for next to nothing.
//
// Data flow: the writer of a keyed exchange adds the keys of a few rows to a Sketch; its task's samples take the Top of it, which
// the JobManager merges over the subtasks.
package hotkey

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// A Sketch is the space-saving sketch of Metwally, Agrawal and El Abbadi (2005). To count every key needs a table as large as the
// keys are many. Instead a fixed number of keys is counted. One that is not among them takes the place of the one with the least
// count, and that count, by which it may be overestimated. So a key is among them if it has more than 1/size of all rows, and its
// rows are between count-error and count.
//
//	keys    a  b  c        a row of d        keys    a  b  d
//	counts  9  4  2       ────────────▶      counts  9  4  3
//	errors  0  1  1                          errors  0  1  2
//
// Its methods may be called by any goroutine. The zero value is ready to use.
type Sketch struct {
	mu struct {
		sync.Mutex
		used   int
		keys   [size]uint64
		counts [size]uint32
		errors [size]uint32
		about  [size]about
		total  uint32
		least  uint32 // no key has a lesser count
		hand   int    // where the next one with that count is looked for
		halved time.Time
	}
}

// about is what is known of a key besides.
type about struct {
	text    string // "" if it was not asked for
	subtask int32
}

const (
	// size is how many keys are counted.
	size = 64
	// surest is how many rows a key must have for certain, and rarest the least share of all that these must be, 1/rarest, to be
	// told of: what is below may be chance.
	surest = 5
	rarest = 50
	// halfLife is after what time counts are halved, so that what was hot is not for ever.
	halfLife = 10 * time.Second
	// textMax is how much of a key is shown, in bytes.
	textMax = 200
)

// Stride is how many rows pass for each that is added, on average.
const Stride = 1024

// Key is a key that many records have.
type Key struct {
	Text    string
	Subtask int // that gets its records
	// Count is how many of the rows that were looked at have it, at most; at least it is Count-Error.
	Count, Error int64
}

// Add counts a row. It reports whether the key is hot and Describe was not called for it.
func (s *Sketch) Add(key uint64) (undescribed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.mu
	m.total++
	i := s.findLocked(key)
	if i < 0 {
		i = s.replaceLocked(key)
	}
	m.counts[i]++
	return m.about[i].text == "" && s.hotLocked(i)
}

func (s *Sketch) findLocked(key uint64) int {
	for i, k := range s.mu.keys[:s.mu.used] {
		if k == key {
			return i
		}
	}
	return -1
}

// replaceLocked gives a key the place of the one with the least count, or a free one.
func (s *Sketch) replaceLocked(key uint64) int {
	m := &s.mu
	i := m.used
	if i < size {
		m.used++
	} else {
		i = s.leastLocked()
	}
	m.keys[i], m.errors[i] = key, m.counts[i]
	if m.about[i].text != "" {
		m.about[i] = about{}
	}
	return i
}

// leastLocked is where a key with the least count is. Of even keys many have it: the search goes on from where it ended last, so
// that it is short.
func (s *Sketch) leastLocked() int {
	m := &s.mu
	for range 2 {
		for range size {
			m.hand = (m.hand + 1) % size
			if m.counts[m.hand] <= m.least {
				return m.hand
			}
		}
		m.least = slices.Min(m.counts[:])
	}
	return m.hand // never
}

func (s *Sketch) hotLocked(i int) bool {
	sure := s.mu.counts[i] - s.mu.errors[i]
	return sure >= surest && sure >= s.mu.total/rarest
}

// Describe says how a key looks, and which subtask gets it.
func (s *Sketch) Describe(key uint64, text string, subtask int) {
	if text = strings.ToValidUTF8(text, "\uFFFD"); len(text) > textMax {
		cut := textMax
		for !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	if text == "" {
		text = `""`
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := s.findLocked(key); i >= 0 {
		s.mu.about[i] = about{text, int32(subtask)}
	}
}

// Top are the hot keys, those that most rows have first, and of how many rows. What is long ago counts less.
func (s *Sketch) Top(now time.Time) (keys []Key, rows int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := &s.mu
	for i := range m.used {
		if m.about[i].text != "" && s.hotLocked(i) {
			keys = append(keys, Key{m.about[i].text, int(m.about[i].subtask), int64(m.counts[i]), int64(m.errors[i])})
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text)) })
	rows = int64(m.total)
	switch past := now.Sub(m.halved); {
	case m.halved.IsZero() || past < 0:
		m.halved = now
	case past >= halfLife:
		m.halved = now
		m.total /= 2
		m.least = 0
		for i := range m.used {
			m.counts[i] /= 2
			m.errors[i] /= 2
		}
	}
	return keys, rows
}

// Most is how many keys Merge keeps.
const Most = 10

// Merge puts the hot keys of several subtasks together, as they lie in all their rows.
func Merge(all ...[]Key) (keys []Key) {
	at := map[string]int{}
	for _, some := range all {
		for _, k := range some {
			i, ok := at[k.Text]
			if !ok {
				at[k.Text] = len(keys)
				keys = append(keys, k)
				continue
			}
			keys[i].Count += k.Count
			keys[i].Error += k.Error
			keys[i].Subtask = k.Subtask
		}
	}
	slices.SortFunc(keys, func(a, b Key) int { return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Text, b.Text)) })
	return keys[:min(Most, len(keys))]
}
