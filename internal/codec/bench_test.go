package codec_test

import (
	"fmt"
	"testing"
)

// bid is shaped like the bid of an auction site.
type bid struct {
	Auction, Bidder, Price int64
	Channel, URL           string
	Time                   int64
	Extra                  string
}

func newBid() bid {
	return bid{
		Auction: 1007, Bidder: 2003, Price: 55_000_000, Channel: "channel-17",
		URL:  "https://www.example.com/item.htm?query=1&channel_id=17",
		Time: 1_700_000_000_123, Extra: "mrkodpxjfyayxvjqdbpnwvvcrlbfsdgqmsnrwkvt",
	}
}

func BenchmarkAppendBid(b *testing.B) {
	c := mustCodec[bid](b, nil)
	v, dst := newBid(), make([]byte, 0, 512)
	b.ReportAllocs()
	b.SetBytes(int64(len(c.Append(nil, &v))))
	for b.Loop() {
		dst = c.Append(dst[:0], &v)
	}
}

func BenchmarkDecodeBid(b *testing.B) {
	c := mustCodec[bid](b, nil)
	in := newBid()
	src := c.Append(nil, &in)
	for _, alias := range []bool{true, false} {
		b.Run(fmt.Sprintf("alias=%t", alias), func(b *testing.B) {
			decode := c.Decode
			if alias {
				decode = c.DecodeAlias
			}
			var v bid
			b.ReportAllocs()
			b.SetBytes(int64(len(src)))
			for b.Loop() {
				if _, err := decode(src, &v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkMap(b *testing.B) {
	c := mustCodec[map[string]int64](b, nil)
	m := map[string]int64{}
	for i := range 16 {
		m[fmt.Sprint("key-", i)] = int64(i)
	}
	src := c.Append(nil, &m)
	b.Run("append", func(b *testing.B) {
		dst := make([]byte, 0, 1024)
		b.ReportAllocs()
		for b.Loop() {
			dst = c.Append(dst[:0], &m)
		}
	})
	b.Run("decode", func(b *testing.B) {
		var v map[string]int64
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Decode(src, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

var sink uint64

func BenchmarkHash(b *testing.B) {
	type pair struct {
		Auction int64
		Window  int64
	}
	type named struct {
		Name string
		City string
		ID   int32
	}
	benchHash(b, "int64", int64(123456))
	benchHash(b, "string", "channel-17")
	benchHash(b, "struct-ints", pair{1007, 1_700_000_000_000})
	benchHash(b, "struct-strings", named{"Peter Jones", "Phoenix", 17})
}

func benchHash[K any](b *testing.B, name string, key K) {
	k := mustKey[K](b, nil)
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			sink += k.Hash(&key)
		}
	})
	b.Run(name+"-batch", func(b *testing.B) {
		keys := make([]K, 256)
		for i := range keys {
			keys[i] = key
		}
		var dst []uint64
		b.ReportAllocs()
		for b.Loop() {
			dst = k.Hashes(dst[:0], keys)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(keys)), "ns/key")
	})
	b.Run(name+"-equal", func(b *testing.B) {
		other := key
		b.ReportAllocs()
		for b.Loop() {
			if !k.Equal(&key, &other) {
				b.Fatal("not equal")
			}
		}
	})
}
