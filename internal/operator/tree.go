package operator

import (
	"errors"
	"io"
	"strings"
)

// Tree is keyed states in the form of their store on disk: the native form. internal/lsm reads what
// it holds as sections, so that it can be restored elsewhere too.
type Tree struct {
	// First and Last are the key groups.
	First, Last int
	// States has the names of the states, in the order of their numbers in keys; "" for a number that
	// no state has.
	States []string
	// Files are sorted by name. Of two trees of one subtask's run, a table of the same name is the same.
	Files []TreeFile
	// New is how many bytes were stored for this snapshot: those of the files that no earlier one has.
	New int64
}

// Name is the names of the states, for errors.
func (t *Tree) Name() string {
	var names []string
	for _, name := range t.States {
		if name != "" {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// TreeFile is a file of a Tree.
type TreeFile struct {
	Name  string
	Parts []Blob // its bytes, in order
}

// IsTable reports whether the file has entries, and so never changes.
func (f *TreeFile) IsTable() bool { return strings.HasSuffix(f.Name, ".sst") }

// Bytes is the size of the file.
func (f *TreeFile) Bytes() (n int64) {
	for _, p := range f.Parts {
		n += p.Size()
	}
	return n
}

// Bytes is the size of all files.
func (t *Tree) Bytes() (n int64) {
	for i := range t.Files {
		n += t.Files[i].Bytes()
	}
	return n
}

// Captured is a tree whose files are still to be stored.
type Captured struct {
	Tree *Tree
	From ColdCapture
	// Known are the tables that an earlier checkpoint has stored, on which this one stands.
	Known map[string]TreeFile
}

// TreePartBytes is how many bytes of a file are stored, and read, at a time.
const TreePartBytes = 1 << 20

// Store stores the files and closes the capture. create begins a file; what it returns takes the file's
// parts.
func (c *Captured) Store(create func(name string) (TreeWriter, error)) (err error) {
	defer func() { err = errors.Join(err, c.From.Close()) }()
	if err := c.From.Make(); err != nil {
		return err
	}
	names, err := c.From.Files()
	if err != nil {
		return err
	}
	buf := make([]byte, TreePartBytes)
	for _, name := range names {
		f, ok := c.Known[name]
		if !ok {
			if f, err = c.storeFile(name, create, buf); err != nil {
				return err
			}
			c.Tree.New += f.Bytes()
		}
		c.Tree.Files = append(c.Tree.Files, f)
	}
	return nil
}

// TreeWriter takes the bytes of one file.
type TreeWriter interface {
	// Append adds a part, which it does not keep.
	Append(part []byte) (Blob, error)
	// Close makes what was appended durable, Abort gives it up.
	Close() error
	Abort()
}

func (c *Captured) storeFile(name string, create func(name string) (TreeWriter, error), buf []byte,
) (f TreeFile, err error) {
	f.Name = name
	r, err := c.From.Open(name)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	w, err := create(name)
	if err != nil {
		return f, err
	}
	for {
		n, err := io.ReadFull(r, buf)
		if n > 0 {
			part, err := w.Append(buf[:n])
			if err != nil {
				w.Abort()
				return f, err
			}
			f.Parts = append(f.Parts, part)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return f, w.Close()
		case err != nil:
			w.Abort()
			return f, err
		}
	}
}

// Keep stores the files in memory.
func (c *Captured) Keep() error {
	return c.Store(func(string) (TreeWriter, error) { return keeper{}, nil })
}

type keeper struct{}

// Append copies a part.
func (keeper) Append(part []byte) (Blob, error) { return Bytes(append([]byte(nil), part...)), nil }

// Close does nothing.
func (keeper) Close() error { return nil }

// Abort does nothing.
func (keeper) Abort() {}

// FrozenTree is a Frozen that ends in a tree.
type FrozenTree interface {
	Frozen
	// Tree is valid once all has been passed. Its files are to be stored.
	Tree() *Captured
}

// Parted is a Blob of a section that may be too large to be in memory at once.
type Parted interface {
	Blob
	// Parts passes the section in parts, which are valid during the call. All but the first are deltas
	// on top of it.
	Parts(f func(part []byte) error) error
}
