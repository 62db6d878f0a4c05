package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/klauspost/compress/s2"
)

var packed = s2.Encode(nil, []byte(strings.Repeat("packed ", 50)))

// stream is what a client sends: a handshake and some frames of all kinds.
func stream() (handshake, frames []byte) {
	r := &raw{}
	f := r.frame(nil, header{kind: heartbeat}, nil)
	f = r.frame(f, header{kind: message, tag: 1, channel: 7}, []byte("first"))
	f = r.frame(f, header{kind: credit, channel: 8}, creditOf(1000))
	f = r.frame(f, header{kind: message, tag: 2, channel: 7}, nil)
	f = r.frame(f, header{kind: urgent, tag: 3, channel: 7}, []byte("urgent"))
	f = r.frame(f, header{kind: message, flags: compressed, channel: 7}, packed)
	f = r.frame(f, header{kind: stop, channel: 8}, nil)
	f = r.frame(f, header{kind: end, channel: 7}, nil)
	return hello{version: Version, name: "worker-b", payload: []byte("attempt 3")}.append(nil), f
}

var streamTexts = []string{"first", "", "urgent", strings.Repeat("packed ", 50)}

// serve hands a connection what a client sends, which then goes away, and returns what has come of it.
func serve(t *testing.T, handshake, frames []byte) ([]string, error) {
	x, y := pipes()
	sent := make(chan struct{})
	go func() {
		y.Write(handshake)
		close(sent)
	}()
	go io.Copy(io.Discard, y)
	if frames == nil {
		go func() {
			<-sent
			y.Close()
		}()
	}
	c, err := Server(x, options("worker-a"))
	if err != nil {
		y.Close()
		return nil, err
	}
	in := newInbox()
	receiver(t, c, 7, 1<<20, in)
	synctest.Wait() // the credit is on its way
	y.Write(frames)
	y.Close()
	<-c.Done()
	if failures := in.failures(); len(failures) != 1 || failures[0] != c.Err() {
		t.Errorf("the channel has failed with %v, the connection with %v", failures, c.Err())
	}
	return in.texts(), c.Err()
}

// checkBroken checks that no more has come than was sent, and why it ended.
func checkBroken(t *testing.T, texts []string, err, cause error) {
	t.Helper()
	if len(texts) > len(streamTexts) {
		t.Fatalf("got %q", texts)
	}
	checkTexts(t, texts, streamTexts[:len(texts)]...)
	checkError(t, err, cause, "connection with")
}

// TestCut cuts the stream after each of its bytes.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handshake, frames := stream()
		for n := range handshake {
			if _, err := serve(t, handshake[:n], nil); err == nil {
				t.Fatalf("no error after %d bytes of the handshake", n)
			}
		}
		for n := range len(frames) + 1 {
			texts, err := serve(t, handshake, frames[:n])
			checkBroken(t, texts, err, io.ErrUnexpectedEOF)
			if n == len(frames) && len(texts) != len(streamTexts) {
				t.Errorf("of the whole stream has come %q", texts)
			}
			checkError(t, err, ErrLost, "worker-b")
		}
	})
}

// TestFlippedBit flips each bit of the stream.
func TestFlippedBit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handshake, frames := stream()
		for i := range handshake {
			for bit := range 8 {
				bad := bytes.Clone(handshake)
				bad[i] ^= 1 << bit
				if _, err := serve(t, bad, nil); err == nil || errors.Is(err, ErrLost) {
					t.Fatalf("byte %d, bit %d of the handshake: error %v", i, bit, err)
				}
			}
		}
		for i := range frames {
			bad := bytes.Clone(frames)
			bad[i] ^= 1 << (i % 8)
			if testing.Short() {
				texts, err := serve(t, handshake, bad)
				checkBroken(t, texts, err, ErrDamaged)
				continue
			}
			for bit := range 8 {
				bad[i] = frames[i] ^ 1<<bit
				texts, err := serve(t, handshake, bad)
				checkBroken(t, texts, err, ErrDamaged)
			}
		}
	})
}

// TestLostFrame: a frame that is lost, comes twice, or comes in the place of another shows.
func TestLostFrame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handshake, _ := stream()
		r := &raw{}
		var f [3][]byte
		for i := range f {
			f[i] = r.frame(nil, header{kind: message, channel: 7}, []byte{byte('a' + i)})
		}
		for _, order := range [][]int{{0, 2}, {1}, {0, 0}, {1, 0, 2}} {
			var b []byte
			for _, i := range order {
				b = append(b, f[i]...)
			}
			_, err := serve(t, handshake, b)
			checkError(t, err, ErrDamaged, "worker-b")
		}
	})
}

// TestRubbish: what is no frame, or breaks the rules, fails the connection.
func TestRubbish(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 1000)
	for i := range noise {
		noise[i] = byte(rng.Uint32())
	}
	raws := func(h header) []byte { return appendHeader(nil, h, 0) }
	frame := func(h header, payload string) []byte { return (&raw{}).frame(nil, h, []byte(payload)) }
	frames := func(hs ...header) []byte {
		var r raw
		var b []byte
		for _, h := range hs {
			b = r.frame(b, h, nil)
		}
		return b
	}
	var s raw
	stopped := s.frame(nil, header{kind: stop, channel: 9}, nil)
	stopped = s.frame(stopped, header{kind: credit, channel: 9}, creditOf(1000))
	for name, c := range map[string]struct {
		bytes []byte
		cause error
		want  string
	}{
		"noise":         {noise, ErrDamaged, "has the checksum"},
		"huge":          {raws(header{kind: message, channel: 7, length: 1<<32 - 1}), ErrDamaged, "message of 4294967295 bytes"},
		"long":          {raws(header{kind: urgent, channel: 7, length: 64<<20 + 1}), ErrDamaged, "limit 67108864"},
		"huge inside":   {frame(header{kind: message, channel: 7, flags: compressed}, "\xff\xff\xff\xff\x0f"), ErrDamaged, "limit"},
		"not s2":        {frame(header{kind: message, channel: 7, flags: compressed}, "\x05????"), ErrDamaged, "s2"},
		"kind 0":        {raws(header{}), ErrDamaged, "unknown kind 0"},
		"kind":          {raws(header{kind: kinds}), ErrDamaged, "unknown kind 8"},
		"flags":         {frame(header{kind: message, channel: 7, flags: 2}, "x"), ErrDamaged, "unknown flags"},
		"long beat":     {frame(header{kind: heartbeat}, "x"), ErrDamaged, "kind 6 with 1 bytes"},
		"short credit":  {frame(header{kind: credit}, "x"), ErrDamaged, "kind 4 with 1 bytes"},
		"no credit":     {frame(header{kind: credit, channel: 9}, string(creditOf(0))), ErrProtocol, "credit of 0 on channel 9"},
		"much credit":   {frame(header{kind: credit, channel: 9}, string(creditOf(1<<51))), ErrProtocol, "credit"},
		"minus credit":  {frame(header{kind: credit, channel: 9}, string(creditOf(-1))), ErrProtocol, "credit of -1"},
		"not open":      {frame(header{kind: message, channel: 9}, "x"), ErrProtocol, "channel 9, which is not open"},
		"not open end":  {frame(header{kind: end, channel: 9}, ""), ErrProtocol, "end of channel 9"},
		"end twice":     {frames(header{kind: end, channel: 7}, header{kind: end, channel: 7}), ErrProtocol, "end of channel 7"},
		"after end":     {frames(header{kind: end, channel: 7}, header{kind: message, channel: 7}), ErrProtocol, "message on channel 7"},
		"after bye":     {frames(header{kind: bye}, header{kind: message, channel: 7}), ErrProtocol, "after bye"},
		"after stop":    {stopped, ErrProtocol, "credit of 1000 on channel 9"},
		"beyond credit": {frame(header{kind: message, channel: 7}, strings.Repeat("x", 1<<20)), ErrProtocol, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if name == "beyond credit" {
					// The first message may exceed the window, the second one must not come.
					var r raw
					f := r.frame(nil, header{kind: message, channel: 7}, bytes.Repeat([]byte("x"), 1<<20))
					c.bytes = r.frame(f, header{kind: message, channel: 7}, nil)
					c.want = "message on channel 7 without credit"
				}
				handshake, _ := stream()
				_, err := serve(t, handshake, c.bytes)
				checkError(t, err, c.cause, "worker-b", c.want)
			})
		})
	}
}

// FuzzDecoder: whatever the bytes are, there is a frame or an error, and a frame is what its bytes say.
// Random bytes do not get past the checksums, so that those are also put right.
func FuzzDecoder(f *testing.F) {
	_, frames := stream()
	f.Add(frames, false)
	f.Add(frames, true)
	f.Add(bytes.Repeat([]byte{1}, 100), true)
	f.Fuzz(func(t *testing.T, b []byte, repair bool) {
		if repair {
			b = repaired(b)
		}
		d := decoder{r: bytes.NewReader(b), lengthMax: 1 << 20}
		rest := b
		for {
			h, p, err := d.next()
			if err != nil {
				if err == io.EOF && len(rest) > 0 {
					t.Fatalf("%d bytes are left", len(rest))
				}
				return
			}
			again := appendHeader(nil, h, d.frames-1)
			if !bytes.Equal(again, rest[:headerBytes]) {
				t.Fatalf("header % x reads as % x", rest[:headerBytes], again)
			}
			payload := rest[headerBytes : headerBytes+h.length]
			rest = rest[headerBytes+h.length:]
			if p == nil {
				continue
			}
			if h.flags&compressed != 0 {
				if payload, err = s2.Decode(nil, payload); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(p.B, payload) {
				t.Fatalf("payload %q reads as %q", payload, p.B)
			}
			p.Free()
		}
	})
}

// repaired sets the checksums of frames, and lengths that are beyond the end.
func repaired(b []byte) []byte {
	b = bytes.Clone(b)
	for n, rest := uint64(0), b; len(rest) >= headerBytes; n++ {
		left := uint32(len(rest) - headerBytes)
		length := binary.LittleEndian.Uint32(rest[4:])
		if length > left && length < 1<<24 {
			length = left
			binary.LittleEndian.PutUint32(rest[4:], length)
		}
		payload := rest[headerBytes : headerBytes+min(length, left)]
		binary.LittleEndian.PutUint32(rest[16:], payloadSum(payload))
		binary.LittleEndian.PutUint32(rest[sumAt:], headerSum(rest, n))
		rest = rest[headerBytes+len(payload):]
	}
	return b
}
