package storage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
)

// Opener returns the blob store at a URI.
type Opener func(ctx context.Context, uri string) (blob.Store, error)

// files reads objects by name: below the base, or by URI.
type files struct {
	base  blob.Store
	local *local // nil for no copies
	open  Opener
	mu    struct {
		sync.Mutex
		opened  map[string]blob.Store // by URI of the directory
		windows []window
		next    int // the window to be replaced
	}
}

func newFiles(base blob.Store, open Opener) *files {
	if open == nil {
		open = blob.Open
	}
	return &files{base: base, open: open}
}

// find returns the store of an object and its name there.
func (f *files) find(ctx context.Context, object string) (blob.Store, string, error) {
	if !absolute(object) {
		return f.base, object, nil
	}
	if name, ok := below(f.base.URI(), object); ok {
		return f.base, name, nil
	}
	dir, name := splitURI(object)
	f.mu.Lock()
	s := f.mu.opened[dir]
	f.mu.Unlock()
	if s != nil {
		return s, name, nil
	}
	s, err := f.open(ctx, dir)
	if err != nil {
		return nil, "", err
	}
	f.mu.Lock()
	if f.mu.opened == nil {
		f.mu.opened = map[string]blob.Store{}
	}
	f.mu.opened[dir] = s
	f.mu.Unlock()
	return s, name, nil
}

func (f *files) uri(object string) string {
	if absolute(object) {
		return object
	}
	return blob.Join(f.base.URI(), object)
}

func (f *files) get(ctx context.Context, object string) ([]byte, error) {
	s, name, err := f.find(ctx, object)
	if err != nil {
		return nil, err
	}
	return s.Get(ctx, name)
}

func (f *files) delete(ctx context.Context, object string) error {
	s, name, err := f.find(ctx, object)
	if err != nil {
		return err
	}
	return s.Delete(ctx, name)
}

// Sections of one object are usually loaded one after the other, and each may be small: a request
// for each would cost more than the bytes. So a window of the object is read, and kept for those
// that follow.
const (
	windowBytes = 1 << 20
	windowsMax  = 16
)

type window struct {
	object string
	offset int64
	data   []byte
}

func (f *files) inWindow(r *checkpoint.Ref) []byte {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.mu.windows {
		w := &f.mu.windows[i]
		if w.object == r.Object && r.Offset >= w.offset &&
			r.Offset+r.Stored <= w.offset+int64(len(w.data)) {
			from := r.Offset - w.offset
			return w.data[from : from+r.Stored : from+r.Stored]
		}
	}
	return nil
}

func (f *files) addWindow(w window) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.mu.windows) < windowsMax {
		f.mu.windows = append(f.mu.windows, w)
		return
	}
	f.mu.windows[f.mu.next] = w
	f.mu.next = (f.mu.next + 1) % windowsMax
}

// read returns the stored bytes, which may be shared.
func (f *files) read(ctx context.Context, r *checkpoint.Ref) ([]byte, error) {
	if r.Object == "" {
		return r.Inline, nil
	}
	if r.Stored == 0 {
		return nil, nil
	}
	if data := f.inWindow(r); data != nil {
		return data, nil
	}
	s, name, err := f.find(ctx, r.Object)
	if err != nil {
		return nil, err
	}
	if ahead := min(windowBytes, r.ObjectSize-r.Offset); r.Stored <= windowBytes/4 && r.Stored < ahead {
		data := make([]byte, ahead)
		if s.ReadAt(ctx, name, data, r.Offset) == nil {
			f.addWindow(window{r.Object, r.Offset, data})
			return data[:r.Stored:r.Stored], nil
		}
	}
	data := make([]byte, r.Stored)
	return data, s.ReadAt(ctx, name, data, r.Offset)
}

// load returns the bytes of a blob: a CorruptError if they are not what was written.
func (f *files) load(ctx context.Context, r *checkpoint.Ref, op, state string) ([]byte, error) {
	if stored := f.local.read(ctx, r); stored != nil {
		if data, err := decompress(stored, r.Size, r.Codec); err == nil {
			return data, nil
		}
	}
	stored, err := f.read(ctx, r)
	if err != nil {
		if c := damage(f.uri(r.Object), err); c != nil {
			c.Operator, c.State = op, state
			return nil, c
		}
		return nil, fmt.Errorf("load state %q of operator %q: %w", state, op, err)
	}
	corrupt := &CorruptError{Object: f.uri(r.Object), Operator: op, State: state}
	if sum := xxh3.Hash(stored); sum != r.Sum {
		corrupt.Problem = fmt.Sprintf("the checksum of bytes %d to %d is wrong", r.Offset,
			r.Offset+r.Stored)
		return nil, corrupt
	}
	if r.Codec == checkpoint.CodecNone {
		// A window is not to be held by a few bytes of it.
		if r.Object != "" && r.Stored <= windowBytes/4 {
			stored = slices.Clone(stored)
		}
	}
	data, err := decompress(stored, r.Size, r.Codec)
	if err != nil {
		corrupt.Problem, corrupt.Err = "it cannot be decompressed", err
		return nil, corrupt
	}
	return data, nil
}

// bound is a blob of a snapshot that was read.
type bound struct {
	ref       *checkpoint.Ref
	files     *files
	ctx       context.Context
	op, state string
}

// Ref is where the bytes lie.
func (b *bound) Ref() *checkpoint.Ref { return b.ref }

// Size is the number of bytes.
func (b *bound) Size() int64 { return b.ref.Size }

// Load reads the bytes.
func (b *bound) Load() ([]byte, error) { return b.files.load(b.ctx, b.ref, b.op, b.state) }

// restsMax is how many requests are made at the same time.
const restsMax = 16

// bind gives the blobs of a snapshot a way to the storage, and loads what must be there at once.
func (f *files) bind(ctx context.Context, s *checkpoint.Snapshot) error {
	s.Bind(func(uid, state string, r *checkpoint.Ref) operator.Blob {
		return &bound{r, f, ctx, s.Operators[uid].Name, state}
	})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var errs []error
	room := make(chan struct{}, restsMax)
	for _, o := range s.Operators {
		for i, b := range o.Rest {
			if b == nil || o.Subtasks[i] == nil {
				continue
			}
			room <- struct{}{}
			wg.Go(func() {
				defer func() { <-room }()
				data, err := b.Load()
				if err == nil {
					err = checkpoint.DecodeRest(data, o.Subtasks[i])
				}
				if err != nil {
					mu.Lock()
					errs = append(errs, err)
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	return errors.Join(errs...)
}

// owner is an object's size and whose state it has.
type owner struct {
	size      int64
	op, state string
}

// objectsOf returns the objects that a snapshot names.
func objectsOf(s *checkpoint.Snapshot) map[string]owner {
	objects := map[string]owner{}
	s.Refs(func(uid, state string, r *checkpoint.Ref) {
		if _, known := objects[r.Object]; !known && r.Object != "" {
			objects[r.Object] = owner{r.ObjectSize, s.Operators[uid].Name, state}
		}
	})
	return objects
}

// verify compares the objects of a snapshot with what is there. It returns a CorruptError for each
// damaged one, or another error.
func (f *files) verify(ctx context.Context, s *checkpoint.Snapshot, deep bool) error {
	objects := objectsOf(s)
	here := map[string]int64{}
	listed := map[string]bool{}
	var errs []error
	for _, name := range sortedKeys(objects) {
		// A request for a thousand objects of a directory, not one for each.
		dir, _ := splitName(name)
		if !listed[dir] {
			listed[dir] = true
			if err := f.list(ctx, dir, here); err != nil {
				return err
			}
		}
		size, known := here[name]
		if c := compare(size, known, objects[name]); c != nil {
			c.Object = f.uri(name)
			errs = append(errs, c)
		}
	}
	if deep && len(errs) == 0 {
		fresh := newFiles(f.base, f.open) // no window shows what was there before
		s.Refs(func(uid, state string, r *checkpoint.Ref) {
			if _, err := fresh.load(ctx, r, s.Operators[uid].Name, state); err != nil {
				errs = append(errs, err)
			}
		})
	}
	return errors.Join(errs...)
}

// list adds the objects whose names begin with dir.
func (f *files) list(ctx context.Context, dir string, sizes map[string]int64) error {
	s, prefix := f.base, dir
	if absolute(dir) {
		var err error
		if s, _, err = f.find(ctx, dir+"x"); err != nil {
			return err
		}
		prefix = ""
	}
	list, err := s.List(ctx, prefix)
	for _, i := range list {
		sizes[dir+i.Name[len(prefix):]] = i.Size
	}
	return err
}

func compare(size int64, known bool, o owner) *CorruptError {
	switch {
	case !known:
		return &CorruptError{Operator: o.op, State: o.state, Problem: problemMissing}
	case size != o.size:
		problem := fmt.Sprintf("its length is wrong: %d bytes, not %d", size, o.size)
		return &CorruptError{Operator: o.op, State: o.state, Problem: problem}
	}
	return nil
}
