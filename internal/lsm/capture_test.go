package lsm

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/operator"
)

// TestCaptureAgainstModel: what is written while a capture is on its way is seen, and is not in it.
func TestCaptureAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		space := &Space{Bytes: 1, FS: vfs.NewMem()}
		s := space.Open().(*Store)
		defer func() {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}()
		model, frozen := map[string]string{}, map[string]string{}
		var putting, unmade operator.ColdCapture
		check := func(err error) {
			if err != nil {
				t.Fatal(err)
			}
		}
		key := func(t *rapid.T) string { return fmt.Sprint("v", rapid.IntRange(0, 9).Draw(t, "key")) }
		touched := map[string]bool{} // since the capture began
		compare := func(c operator.ColdCapture, want map[string]string) {
			if c == nil {
				return
			}
			captured := &operator.Captured{Tree: &operator.Tree{}, From: c}
			check(captured.Keep())
			other := space.Open()
			check(other.Adopt(captured.Tree))
			if got := contents(t, other); !maps.Equal(got, want) {
				t.Fatalf("the capture has %v, want %v", got, want)
			}
			check(other.Close())
		}
		seal := func() {
			if putting != nil {
				check(putting.Seal())
				unmade, putting = putting, nil
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"capture": func(t *rapid.T) {
				seal()
				old, want := unmade, frozen
				putting, unmade, frozen = s.Capture(), nil, maps.Clone(model)
				clear(touched)
				compare(old, want)
			},
			"put below": func(t *rapid.T) { // what the table in front had
				if putting == nil {
					return
				}
				k := key(t)
				if touched[k] {
					return // the table has written it since
				}
				v := fmt.Sprint("below ", rapid.Int().Draw(t, "value"))
				if rapid.Bool().Draw(t, "append") {
					putting.Merge([]byte(k), []byte(v))
					v = frozen[k] + v
				} else {
					putting.Put([]byte(k), []byte(v))
				}
				check(putting.Commit())
				frozen[k], model[k] = v, v
			},
			"seal": func(*rapid.T) { seal() },
			"make": func(*rapid.T) {
				if unmade != nil {
					check(unmade.Make())
				}
			},
			"store": func(*rapid.T) {
				compare(unmade, frozen)
				unmade = nil
			},
			"discard": func(*rapid.T) {
				if putting != nil {
					putting.Discard()
					putting = nil
				}
			},
			"write": func(t *rapid.T) {
				b := s.Batch()
				k := key(t)
				touched[k] = true
				switch rapid.IntRange(0, 5).Draw(t, "what") {
				case 0:
					b.Delete([]byte(k))
					delete(model, k)
				case 1:
					b.DeleteRange([]byte(k), []byte(k+"\xff"))
					delete(model, k)
				case 2, 3:
					v := fmt.Sprint(" and ", rapid.Int().Draw(t, "value"))
					b.Merge([]byte(k), []byte(v))
					model[k] += v
				default:
					v := fmt.Sprint(rapid.Int().Draw(t, "value"))
					b.Put([]byte(k), []byte(v))
					model[k] = v
				}
				check(b.Commit())
			},
			"look": func(*rapid.T) {
				if got := contents(t, s); !maps.Equal(got, model) {
					t.Fatalf("got %v, want %v", got, model)
				}
				for k := range 10 {
					k := fmt.Sprint("v", k)
					got, ok, err := s.Get(nil, []byte(k))
					check(err)
					if want, has := model[k]; ok != has || string(got) != want {
						t.Fatalf("%s: got %q, want %q", k, got, want)
					}
				}
			},
		})
	})
}

func contents(t *rapid.T, s operator.Cold) map[string]string {
	all := map[string]string{}
	scan, err := s.Scan([]byte("v"), []byte("w"))
	if err != nil {
		t.Fatal(err)
	}
	for scan.Next() {
		k, v := scan.Entry()
		all[string(k)] = string(v)
	}
	if err := scan.Close(); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestCaptureEndsWithStore: a store that is closed in the middle of a capture takes its directory along.
func TestCaptureEndsWithStore(t *testing.T) {
	fs := vfs.NewMem()
	s := (&Space{FS: fs}).Open().(*Store)
	write(t, s, func(b operator.ColdBatch) { b.Put([]byte("v1"), []byte("one")) })
	c := s.Capture()
	write(t, s, func(b operator.ColdBatch) { b.Put([]byte("v2"), []byte("two")) })
	if err := c.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Make(); err == nil {
		t.Error("the files of a closed store were made")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if left, err := fs.List(""); err != nil || slices.ContainsFunc(left, func(n string) bool { return n != "" }) {
		t.Errorf("left are %q, %v", left, err)
	}
}

// TestSections: sections of a tree are those of the key groups asked for, large ones in parts.
func TestSections(t *testing.T) {
	s := (&Space{FS: vfs.NewMem()}).Open().(*Store)
	defer s.Close()
	write(t, s, func(b operator.ColdBatch) {
		for group := range 4 {
			for k := range 1500 {
				b.Put(fmt.Appendf(groupPrefix(2, group), "%04d", k), make([]byte, 1000))
			}
		}
		b.Put(append(groupPrefix(1, 0), "other"...), []byte("x"))
	})
	c := &operator.Captured{
		Tree: &operator.Tree{First: 4, Last: 7, States: []string{"", "lists"}}, From: s.Capture(),
	}
	if err := c.From.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := c.Keep(); err != nil {
		t.Fatal(err)
	}
	described := map[string]operator.Description{"lists": {Kind: "list with TTL"}}
	sections := Sections(c.Tree, described, 6, 20)
	if len(sections) != 2 || sections[0].Group != 6 || sections[1].Group != 7 || sections[0].State != "lists" {
		t.Fatalf("got %+v", sections)
	}
	data, err := sections[0].Data.Load()
	const entry = 4 + 2 + 1000 // the length of a list takes two bytes
	if err != nil || len(data) != 1500*entry || string(data[entry:entry+4]) != "0001" {
		t.Fatalf("%d bytes, %v", len(data), err)
	}
	var parts, bytes int
	err = sections[0].Data.(operator.Parted).Parts(func(part []byte) error {
		if parts++; parts > 1 {
			bytes-- // the number of deleted keys
		}
		bytes += len(part)
		return nil
	})
	if err != nil || parts != 2 || bytes != len(data) {
		t.Errorf("%d parts of %d bytes, %v", parts, bytes, err)
	}
}
