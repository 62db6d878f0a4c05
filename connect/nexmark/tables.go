package nexmark

import (
	"math/bits"
	"strconv"
)

const poolBytes = 1 << 20

// Tables holds all that the events of a Config are drawn from. It never changes once made, so any
// number of goroutines may use it.
type Tables struct {
	traits
	baseMillis int64
	rate       int64
	shuffle    shuffle
	shuffled   bool

	pool   string // every text is a slice of it
	prices prices
	names  []string
	places []place // the hot ones first, then the others
}

// place is where a bid was made. The two strings are always picked together and lie in one cache
// line.
type place struct {
	channel, url string
}

// NewTables computes the tables of cfg, about 1 MiB of random letters and 10,000 addresses. It
// panics if cfg is not valid; see [Config.Validate].
func NewTables(cfg Config) *Tables {
	if err := cfg.Validate(); err != nil {
		panic(err)
	}
	cfg = cfg.withDefaults()
	t := &Tables{
		traits:     traitsOf(cfg),
		baseMillis: cfg.BaseMillis,
		rate:       cfg.RatePerSecond,
		shuffled:   cfg.Variant != 0,
	}
	t.shuffle = newShuffle(t.seed, cfg.RatePerSecond, cfg.Events)
	s := stream(t.seed)
	t.fillPool(&s)
	t.prices.fill()
	t.fillNames()
	t.fillPlaces(&s)
	return t
}

// Generator returns a new generator that draws from t.
func (t *Tables) Generator() *Generator {
	return &Generator{t: t}
}

// Vocabulary returns the words that queries on this variant ask for.
func (t *Tables) Vocabulary() Vocabulary {
	return t.vocabulary
}

// Millis returns the event time of the event at position n of the stream, in milliseconds since
// 1970, without making the event.
func (t *Tables) Millis(n int64) int64 {
	if t.shuffled {
		n = t.shuffle.at(n)
	}
	return t.millis(n)
}

// millis returns the event time of event number n.
func (t *Tables) millis(n int64) int64 {
	return t.baseMillis + n*1000/t.rate
}

func (t *Tables) fillPool(s *stream) {
	pool := make([]byte, poolBytes)
	for i := range pool {
		pool[i] = t.alphabet[s.below(len(t.alphabet))]
	}
	t.pool = string(pool)
}

func (t *Tables) fillNames() {
	for _, first := range t.first {
		for _, last := range t.last {
			t.names = append(t.names, first+" "+last)
		}
	}
}

func (t *Tables) fillPlaces(s *stream) {
	hot := t.vocabulary.HotChannels
	t.places = make([]place, 0, len(hot)+channelCount)
	for _, channel := range hot {
		t.places = append(t.places, place{channel, t.url(s)})
	}
	for i := range channelCount {
		url := t.url(s)
		if s.below(10) > 0 {
			id := bits.Reverse32(uint32(i)) &^ (1 << 31)
			url += "&channel_id=" + strconv.FormatUint(uint64(id), 10)
		}
		t.places = append(t.places, place{"channel-" + strconv.Itoa(i), url})
	}
}

// url draws an address with three directories.
func (t *Tables) url(s *stream) string {
	url := "https://auction.example.com"
	for range 3 {
		length := 3 + s.below(2)
		at := s.below(poolBytes - length)
		url += "/" + t.pool[at:at+length]
	}
	return url + "/item.htm?query=1"
}
