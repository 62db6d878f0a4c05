package lsm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/flott-dev/flott/internal/operator"
)

// Keys of keyed state in a tree, as internal/keyed writes them and docs/checkpoint-format.md has them.
const entriesPrefix = 'v'

// Sections returns what a tree holds of the key groups from first to last as sections, one for each
// state and group, that are read when they are loaded: so a native snapshot is restored where its
// files are of no use, and read without the job. described has the form of each state.
func Sections(t *operator.Tree, described map[string]operator.Description, first, last int,
) (sections []operator.Section) {
	r := &treeReader{tree: t}
	first, last = max(first, t.First), min(last, t.Last)
	states := 0
	for _, name := range t.States {
		if name != "" {
			states++
		}
	}
	about := t.Bytes() / int64(max(1, states*(t.Last-t.First+1)))
	for i, name := range t.States {
		if name == "" {
			continue
		}
		list := strings.HasPrefix(described[name].Kind, "list")
		for g := first; g <= last; g++ {
			sections = append(sections, operator.Section{State: name, Group: g, Data: &treeSection{
				reader: r, prefix: groupPrefix(i+1, g-t.First), list: list, size: about,
			}})
		}
	}
	return sections
}

func groupPrefix(state, group int) []byte {
	p := binary.BigEndian.AppendUint16([]byte{entriesPrefix}, uint16(state))
	return binary.BigEndian.AppendUint16(p, uint16(group))
}

// treeSection is a key group of a state in a tree.
type treeSection struct {
	reader *treeReader
	prefix []byte
	list   bool // values have their length before them in sections
	size   int64
}

// Size is about the size: what the tree takes on disk, in equal parts.
func (s *treeSection) Size() int64 { return s.size }

// Load reads all of the group.
func (s *treeSection) Load() (data []byte, err error) {
	err = s.reader.each(s.prefix, func(key, value []byte) error {
		data = s.append(data, key, value)
		return nil
	})
	return data, err
}

// Parts reads the group in parts.
func (s *treeSection) Parts(f func(part []byte) error) error {
	var part []byte
	head := 0
	err := s.reader.each(s.prefix, func(key, value []byte) error {
		part = s.append(part, key, value)
		if len(part) < sectionBytes {
			return nil
		}
		err := f(part)
		part, head = append(part[:0], 0), 1 // no deleted keys
		return err
	})
	if err != nil || len(part) == head && head > 0 {
		return err
	}
	return f(part)
}

// sectionBytes is about the size of a part.
const sectionBytes = 1 << 20

func (s *treeSection) append(dst, key, value []byte) []byte {
	dst = append(dst, key[len(s.prefix):]...)
	if s.list {
		dst = binary.AppendUvarint(dst, uint64(len(value)))
	}
	return append(dst, value...)
}

// treeReader reads the entries of a tree from where it is stored.
type treeReader struct {
	tree *operator.Tree
	mu   sync.Mutex
	fs   *storedFS
}

// each passes the entries with a prefix.
func (r *treeReader) each(prefix []byte, f func(key, value []byte) error) (err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fs == nil {
		if r.fs, err = newStoredFS(r.tree); err != nil {
			return err
		}
	}
	db, err := openStored(r.fs)
	if err != nil {
		return r.fs.explain("open", err)
	}
	defer func() {
		if e := db.Close(); err == nil && e != nil {
			err = r.fs.explain("close", e)
		}
	}()
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			break
		}
	}
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: prefix, UpperBound: end})
	if err != nil {
		return r.fs.explain("read", err)
	}
	for ok := it.First(); ok && err == nil; ok = it.Next() {
		value, e := it.ValueAndErr()
		if e != nil {
			break // Close says it too
		}
		err = f(it.Key(), value)
	}
	if e := it.Close(); e != nil {
		return r.fs.explain("read", e)
	}
	return err
}

// explain makes an error of pebble one of the stored files, where these could not be loaded.
func (f *storedFS) explain(op string, err error) error {
	if e := f.failure(); e != nil {
		return e
	}
	return fmt.Errorf("%s the state tree of a native snapshot: %w", op, err)
}

func openStored(fs *storedFS) (*pebble.DB, error) {
	return pebble.Open(storedDir, &pebble.Options{
		FS: fs, ReadOnly: true, Merger: concat, Logger: quiet{}, MemTableSize: memtableMin,
		CacheSize: blocksMin, MaxOpenFiles: openFilesMax, DisableWAL: true,
		FormatMajorVersion: pebble.FormatNewest,
	})
}

// quiet is a logger that says nothing.
type quiet struct{}

func (quiet) Infof(string, ...any)           {}
func (quiet) Errorf(string, ...any)          {}
func (quiet) Fatalf(format string, a ...any) { panic(fmt.Sprintf(format, a...)) }

const storedDir = "tree"

// Adopt makes the files of a tree the contents of the store.
func (s *Store) Adopt(t *operator.Tree) error {
	if s.db != nil {
		return errors.New("the store has been written to")
	}
	return s.openWith(func() error {
		fs := s.fs()
		for i := range t.Files {
			if err := copyFile(fs, fs.PathJoin(s.dir, t.Files[i].Name), &t.Files[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func copyFile(fs vfs.FS, path string, from *operator.TreeFile) (err error) {
	f, err := fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	for _, part := range from.Parts {
		data, err := part.Load()
		if err != nil {
			return err
		}
		if _, err := f.Write(slices.Clone(data)); err != nil { // a vfs.File may change what it is given
			return err
		}
	}
	return nil
}
