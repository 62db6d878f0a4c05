package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
)

// TestBacklog: what is left is known to the byte, whoever has the splits; of a compressed file as it is stored. Records are
// estimated from that.
func TestBacklog(t *testing.T) {
	const lines, line = 1000, "a line of 20 bytes.\n"
	for name, splitBytes := range map[string]int64{"text": 1 << 20, "ranges": 3_000, "text.gz": 1 << 20, "text.zst": 1 << 20} {
		t.Run(name, func(t *testing.T) {
			dir := tree(t, map[string]string{"a-" + name: strings.Repeat(line, lines), "b-" + name: strings.Repeat(line, lines)})
			info, err := os.Stat(filepath.Join(dir, "a-"+name))
			must(t, err)
			all := 2 * info.Size()
			const readers = 2
			d := connecttest.NewDriver(t, Lines(dir, SplitBytes(splitBytes)), readers, nil)
			if b, ok := d.Backlog(); !ok || b.Bytes >= 0 {
				t.Errorf("before the files are listed the backlog is %+v, %v", b, ok)
			}
			read, before := 0, all+1
			for polls := 0; !d.Ended(); polls++ {
				p, err := d.Poll(polls % readers)
				must(t, err)
				if read += len(p.Records); read == 0 {
					d.Wait()
					continue
				}
				b, _ := d.Backlog()
				if b.Bytes < 0 || b.Bytes > before {
					t.Fatalf("after %d lines the backlog is %+v, and was %d bytes", read, b, before)
				}
				before = b.Bytes
				if compressed(name) {
					continue // it is read in few large pieces
				}
				if want := int64((2*lines - read) * len(line)); name == "text" && b.Bytes != want {
					t.Fatalf("after %d lines the backlog is %+v, want %d bytes", read, b, want)
				}
				if left := int64(2*lines - read); b.Records < left-left/10-20 || b.Records > left+left/10+20 {
					t.Fatalf("after %d lines the backlog is %+v, want some %d records", read, b, left)
				}
			}
			if b, _ := d.Backlog(); read != 2*lines || b.Bytes != 0 || b.Records != 0 {
				t.Errorf("at the end, after %d lines, the backlog is %+v", read, b)
			}
		})
	}
}

// TestSplitsOfBefore: splits are read as versions have written them that did not know sizes.
func TestSplitsOfBefore(t *testing.T) {
	before := split{id: "f", path: "f", to: -1, begun: true, pos: 7}
	s, err := decodeSplit(before.encode())
	if err != nil || s != before || s.left(nil) >= 0 {
		t.Errorf("%+v, %v", s, err)
	}
	now := before
	now.size = 1 << 40
	if s, err = decodeSplit(now.encode()); err != nil || s != now || s.left(nil) != now.size-now.pos {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := decodeSplit(connect.Split{ID: "f", Data: []byte{flagSize, 0, 0, 0}}); err == nil {
		t.Error("a split without its size is accepted")
	}
}
