package lsm

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/operator"
)

func TestStore(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := t.TempDir()
	space := &Space{Dir: dir}
	s := space.Open()
	if _, ok, err := s.Get(nil, []byte("a")); ok || err != nil || s.Written() {
		t.Fatal("there is something in a new store", err)
	}
	write(t, s, func(b operator.ColdBatch) {
		for i := range 1000 {
			b.Put(fmt.Appendf(nil, "k%03d", i), fmt.Appendf(nil, "v%d", i))
		}
		b.Merge([]byte("list"), []byte("a"))
		b.Merge([]byte("list"), []byte("b"))
	})
	view, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	write(t, s, func(b operator.ColdBatch) {
		b.Merge([]byte("list"), []byte("c"))
		b.Delete([]byte("k007"))
		b.DeleteRange([]byte("k010"), []byte("k990"))
	})
	for _, c := range []struct {
		from operator.ColdView
		list string
		n    int
	}{{view, "ab", 1000}, {s, "abc", 19}} {
		if got, ok, err := c.from.Get([]byte("="), []byte("list")); !ok || string(got) != "="+c.list {
			t.Errorf("the list is %q, %v, %v", got, ok, err)
		}
		scan, err := c.from.Scan([]byte("k"), []byte("l"))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for scan.Next() {
			if k, v := scan.Entry(); k[0] != 'k' || v[0] != 'v' {
				t.Errorf("%q: %q", k, v)
			}
			n++
		}
		if err := scan.Close(); err != nil || n != c.n {
			t.Errorf("%d entries, not %d: %v", n, c.n, err)
		}
	}
	if err := errors.Join(view.Close(), s.Close()); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func write(t *testing.T, s operator.Cold, f func(b operator.ColdBatch)) {
	t.Helper()
	b := s.Batch()
	f(b)
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestShares(t *testing.T) {
	space := &Space{Bytes: 64 << 20, FS: vfs.NewMem()}
	a, b := space.Open(), space.Open()
	if a.Share() != 16<<20 {
		t.Errorf("the share of one of two is %d", a.Share())
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if a.Share() != 32<<20 {
		t.Errorf("the share of one is %d", a.Share())
	}
}

func TestCheck(t *testing.T) {
	for _, name := range []string{"", Hashmap, Pebble, RocksDB} {
		if err := Check(name); err != nil {
			t.Error(err)
		}
	}
	if err := Check("rocks"); err == nil || !strings.Contains(err.Error(), "pebble") {
		t.Error(err)
	}
	if Opener(Hashmap, 0, "") != nil || Opener("", 0, "") != nil || Opener(RocksDB, 0, "") == nil {
		t.Error("a wrong opener")
	}
}

// A disk on which nothing can be written or made fails the store, and neither the process nor for
// ever. What waits inside of pebble then stays there.
func TestDiskFailures(t *testing.T) {
	for _, kind := range []errorfs.OpKind{
		errorfs.OpFileWrite, errorfs.OpCreate, errorfs.OpFileSyncData,
	} {
		t.Run(fmt.Sprint(kind), func(t *testing.T) {
			var failing errorfs.Toggle
			failing.Injector = errorfs.InjectorFunc(func(op errorfs.Op) error {
				if op.Kind == kind {
					return errors.New("no space left on device")
				}
				return nil
			})
			space := &Space{Bytes: 1, FS: errorfs.Wrap(vfs.NewMem(), &failing)}
			s := space.Open()
			write(t, s, func(b operator.ColdBatch) { b.Put([]byte("k"), []byte("v")) })
			failing.On()
			var err error
			for i := 0; i < 1000 && err == nil; i++ {
				b := s.Batch()
				for j := range 100 {
					b.Put(fmt.Appendf(nil, "%d-%d", i, j), make([]byte, 100))
				}
				err = b.Commit()
			}
			failed := (*Error)(nil)
			if !errors.As(err, &failed) || !strings.Contains(err.Error(), "no space left") ||
				!strings.Contains(err.Error(), failed.Dir) {
				t.Fatalf("got %v", err)
			}
			if _, _, again := s.Get(nil, []byte("k")); again == nil {
				t.Error("a store that has failed goes on")
			}
			if again := s.Close(); again == nil {
				t.Error("a store that has failed closes without error")
			}
		})
	}
}

func TestReadFailure(t *testing.T) {
	var failing errorfs.Toggle
	failing.Injector = errorfs.InjectorFunc(func(op errorfs.Op) error {
		if op.Kind == errorfs.OpFileReadAt {
			return errors.New("input/output error")
		}
		return nil
	})
	s := (&Space{Bytes: 1, FS: errorfs.Wrap(vfs.NewMem(), &failing)}).Open()
	for i := range 300 {
		write(t, s, func(b operator.ColdBatch) {
			for j := range 100 {
				b.Put(fmt.Appendf(nil, "%d-%d", i, j), make([]byte, 100))
			}
		})
	}
	failing.On()
	var err error
	for i := 0; i < 300 && err == nil; i++ {
		_, _, err = s.Get(nil, fmt.Appendf(nil, "%d-7", i))
	}
	if err == nil || !strings.Contains(err.Error(), "input/output error") {
		t.Errorf("got %v", err)
	}
	failing.Off()
	if err := s.Close(); err != nil {
		t.Log(err)
	}
}

// What a task that fails in the middle of a snapshot has open goes with the tree, of which pebble would
// say that it leaks.
func TestCloseEndsReaders(t *testing.T) {
	s := (&Space{FS: vfs.NewMem()}).Open()
	write(t, s, func(b operator.ColdBatch) { b.Put([]byte("k"), []byte("v")) })
	view, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	scan, err := view.Scan([]byte("a"), []byte("z"))
	if err != nil || !scan.Next() {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closing a store that is read: %v", err)
	}
	if err := errors.Join(scan.Close(), view.Close(), s.Close()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

// A bulk in any order, larger than a file of it, with keys that come again and graves, on top of what
// was written before.
func TestBulk(t *testing.T) {
	dir := t.TempDir()
	s := (&Space{Dir: dir}).Open()
	write(t, s, func(b operator.ColdBatch) {
		b.Put([]byte("v-kept"), []byte("old"))
		b.Put([]byte("v-gone"), []byte("old"))
		b.Put([]byte("v00000007"), []byte("old"))
	})
	b := s.Bulk()
	value := make([]byte, 1000)
	const keys = 3 * bulkBytes / 1000 / 2
	for round := range 2 {
		for i := range keys {
			k := (i*7919 + round) % keys
			value[0] = byte(round)
			b.Put(fmt.Appendf(nil, "v%08d", k), value)
		}
	}
	b.Put([]byte("v00000003"), []byte("newest"))
	b.Delete([]byte("v00000004"))
	b.Delete([]byte("v-gone"))
	b.Put([]byte("v00000005"), nil)
	if err := b.Commit(); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"v-kept": "old", "v00000003": "newest", "v00000005": "",
	} {
		if got, ok, err := s.Get(nil, []byte(key)); string(got) != want || !ok || err != nil {
			t.Errorf("%s is %q, %v, %v", key, got, ok, err)
		}
	}
	for _, key := range []string{"v-gone", "v00000004"} {
		if _, ok, err := s.Get(nil, []byte(key)); ok || err != nil {
			t.Errorf("%s is there, %v", key, err)
		}
	}
	scan, err := s.Scan([]byte("v0"), []byte("v1"))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for scan.Next() {
		if _, v := scan.Entry(); len(v) == len(value) && v[0] != 1 {
			t.Fatal("an entry is not the newest")
		}
		n++
	}
	if err := errors.Join(scan.Close(), s.Close()); err != nil || n != keys-1 {
		t.Errorf("%d entries, want %d: %v", n, keys-1, err)
	}
	if left, err := os.ReadDir(dir); len(left) > 0 || err != nil {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// Memtables leave most of the cache to blocks: pebble takes them off it.
func TestMemtablesLeaveBlocks(t *testing.T) {
	for _, stores := range []int{1, 2, 16} {
		space := &Space{Bytes: 64 << 20, FS: vfs.NewMem()}
		for range stores {
			space.Open()
		}
		c := space.acquire()
		if taken := int64(space.memtable()) * memtables * int64(stores); taken > c.blocks.MaxSize()/2 {
			t.Errorf("%d trees: memtables take %d of %d", stores, taken, c.blocks.MaxSize())
		}
		space.release()
	}
}
