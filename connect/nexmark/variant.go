package nexmark

import (
	"slices"
	"strings"
)

// The shape of the data, the same in every variant.
const (
	cycleEvents   = 50 // one person, three auctions, then bids
	cyclePersons  = 1
	cycleAuctions = 3
	firstID       = 1000
	categories    = 5
	activePeople  = 1000 // whom a cold auction or bid picks from
	openAuctions  = 100  // what a cold bid picks from
	lead          = 10   // how far ahead of the last one a cold pick reaches
	hotEvery      = 100  // the hot person or auction changes once in so many
	channelCount  = 10_000
)

// traits are what a variant changes.
type traits struct {
	seed          uint64
	vocabulary    Vocabulary
	first, last   []string
	cities        []string
	alphabet      string
	hotAuction    uint64 // all but one in so many bids are on the hot auction
	hotBidder     uint64
	hotSeller     uint64
	hotChannel    uint64
	firstCategory uint64
}

// Vocabulary holds the words of the events that queries ask for by name.
type Vocabulary struct {
	States        []string
	HotChannels   []string
	FirstCategory int64
	Categories    int64
}

func words(s string) []string { return strings.Split(s, ",") }

// traitsOf returns what the variant of cfg prescribes.
func traitsOf(cfg Config) traits {
	t := traits{
		seed:  uint64(cfg.Seed),
		first: words("Ada,Bea,Carl,Dora,Emil,Fay,Gus,Hana,Ivo,Jana,Kurt"),
		last:  words("Adler,Brandt,Cole,Dietz,Ernst,Falk,Groth,Hahn,Iversen"),
		cities: words("Tempe,Fresno,Oakland,Nampa,Salem,Eugene,Spokane,Tacoma,Everett," +
			"Laramie"),
		vocabulary: Vocabulary{
			States:        words("AZ,CA,ID,OR,WA,WY"),
			HotChannels:   words("Google,Facebook,Baidu,Apple"),
			FirstCategory: 10,
			Categories:    categories,
		},
		alphabet:   "abcdefghijklmnopqrstuvwxyz",
		hotAuction: 2,
		hotBidder:  4,
		hotSeller:  4,
		hotChannel: 2,
	}
	if cfg.Variant != 0 {
		t.vary(uint64(cfg.Variant))
	}
	t.firstCategory = uint64(t.vocabulary.FirstCategory)
	return t
}

// vary changes the traits to those of a variant other than 0.
func (t *traits) vary(variant uint64) {
	alphabets := []string{
		"zyxwvutsrqponmlkjihgfedcba",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
		"0123456789abcdef",
		"abcdefghijklmnopqrstuvwxyz_.~-",
	}
	s := stream(mix(variant * gamma))
	t.seed ^= mix(uint64(s) + eventStep)
	t.alphabet = alphabets[s.below(len(alphabets))]
	t.hotAuction = 2 + uint64(s.below(7))
	t.hotBidder = 2 + uint64(s.below(7))
	t.hotSeller = 2 + uint64(s.below(7))
	t.hotChannel = 2 + uint64(s.below(7))
	t.first = s.rotate(words("Lea,Max,Nils,Olga,Paul,Rike,Sven,Tove,Udo,Vera,Wim,Yva,Zoe"))
	t.last = s.rotate(words("Jansen,Krug,Lange,Moser,Nagel,Otte,Peters,Quast,Roth,Stahl,Timm"))
	t.cities = s.rotate(words("Altena,Bremen,Celle,Dessau,Emden,Fulda,Gotha,Husum,Jever"))
	t.vocabulary.States = s.rotate(words("BE,BY,HE,NI,NW,SH,SN,TH"))
	t.vocabulary.HotChannels = s.rotate(words("Aether,Boreas,Cumulus,Dune,Estuary"))
	t.vocabulary.FirstCategory = 20 + 10*int64(s.below(9))
}

// rotate returns the list begun at a random place, less its last word.
func (s *stream) rotate(list []string) []string {
	i := s.below(len(list))
	return slices.Concat(list[i:], list[:i])[:len(list)-1]
}
