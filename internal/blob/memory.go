package blob

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

// MemoryOptions limit a Memory.
type MemoryOptions struct {
	// ObjectMax is the size of the largest object, in bytes. The default is 5 MiB.
	ObjectMax int64
	// TotalMax is the size of all objects together, in bytes. The default is 256 MiB.
	TotalMax int64
	// Name stands in the URI of the store. The default is "process".
	Name string
}

// Memory is a Store that ends with the process: for tests, and for jobs that need only survive the
// failure of a task.
type Memory struct {
	opts MemoryOptions
	mu   struct {
		sync.Mutex
		objects map[string][]byte // never changed in place
		total   int64             // bytes of objects
	}
}

// NewMemory returns an empty Memory.
func NewMemory(o MemoryOptions) *Memory {
	if o.ObjectMax == 0 {
		o.ObjectMax = 5 << 20
	}
	if o.TotalMax == 0 {
		o.TotalMax = 256 << 20
	}
	if o.Name == "" {
		o.Name = "process"
	}
	m := &Memory{opts: o}
	m.mu.objects = map[string][]byte{}
	return m
}

// URI is memory:// and the name.
func (m *Memory) URI() string { return "memory://" + m.opts.Name }

// Create begins an object.
func (m *Memory) Create(ctx context.Context, name string) (Writer, error) {
	if err := m.check(ctx, name); err != nil {
		return nil, failure(m, "create", name, err)
	}
	return &memoryWriter{memory: m, ctx: ctx, name: name}, nil
}

func (m *Memory) check(ctx context.Context, name string) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return checkName(name)
}

type memoryWriter struct {
	memory *Memory
	ctx    context.Context
	name   string
	data   []byte
}

// Write keeps a copy of p.
func (w *memoryWriter) Write(p []byte) (int, error) {
	if err := w.memory.fits(w.name, int64(len(w.data)+len(p))); err != nil {
		return 0, err
	}
	w.data = append(w.data, p...)
	return len(p), nil
}

func (m *Memory) fits(name string, size int64) error {
	if size <= m.opts.ObjectMax {
		return nil
	}
	return m.full(name, "an object", m.opts.ObjectMax)
}

func (m *Memory) full(name, what string, limit int64) error {
	return &Error{
		"write", Join(m.URI(), name), "set a checkpoint directory on a file system or in an object store",
		fmt.Errorf("%w: %s in memory may have %d bytes", ErrFull, what, limit),
	}
}

// Commit makes the object visible.
func (w *memoryWriter) Commit() error {
	m := w.memory
	if w.ctx.Err() != nil {
		return failure(m, "write", w.name, context.Cause(w.ctx))
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.mu.objects[w.name]; taken {
		return failure(m, "write", w.name, ErrExists)
	}
	return m.setLocked(w.name, w.data)
}

// setLocked stores data, which may be nil, unless there is too much.
func (m *Memory) setLocked(name string, data []byte) error {
	total := m.mu.total - int64(len(m.mu.objects[name])) + int64(len(data))
	if total > m.opts.TotalMax {
		return m.full(name, "all objects together", m.opts.TotalMax)
	}
	m.mu.total = total
	m.mu.objects[name] = data
	return nil
}

// Abort lets go of the bytes.
func (w *memoryWriter) Abort() { w.data = nil }

func (m *Memory) find(ctx context.Context, op, name string) ([]byte, error) {
	if err := m.check(ctx, name); err != nil {
		return nil, failure(m, op, name, err)
	}
	m.mu.Lock()
	data, ok := m.mu.objects[name]
	m.mu.Unlock()
	if !ok {
		return nil, failure(m, op, name, ErrNotFound)
	}
	return data, nil
}

// Get returns a copy of the object.
func (m *Memory) Get(ctx context.Context, name string) ([]byte, error) {
	data, err := m.find(ctx, "read", name)
	if err != nil {
		return nil, err
	}
	return append([]byte{}, data...), nil
}

// ReadAt copies a part of the object.
func (m *Memory) ReadAt(ctx context.Context, name string, p []byte, offset int64) error {
	data, err := m.find(ctx, "read", name)
	if err != nil {
		return err
	}
	if offset < 0 || offset+int64(len(p)) > int64(len(data)) {
		return failure(m, "read", name, io.ErrUnexpectedEOF)
	}
	copy(p, data[offset:])
	return nil
}

// Stat returns the size of the object.
func (m *Memory) Stat(ctx context.Context, name string) (int64, error) {
	data, err := m.find(ctx, "look at", name)
	return int64(len(data)), err
}

// Delete removes the object.
func (m *Memory) Delete(ctx context.Context, name string) error {
	if err := m.check(ctx, name); err != nil {
		return failure(m, "delete", name, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.mu.total -= int64(len(m.mu.objects[name]))
	delete(m.mu.objects, name)
	return nil
}

// List returns the objects whose names begin with prefix.
func (m *Memory) List(ctx context.Context, prefix string) ([]Info, error) {
	if ctx.Err() != nil {
		return nil, failure(m, "list", prefix, context.Cause(ctx))
	}
	var list []Info
	m.mu.Lock()
	for name, data := range m.mu.objects {
		if strings.HasPrefix(name, prefix) {
			list = append(list, Info{name, int64(len(data))})
		}
	}
	m.mu.Unlock()
	sortInfos(list)
	return list, nil
}

func sortInfos(list []Info) {
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
}

// Swap sets the pointer.
func (m *Memory) Swap(ctx context.Context, name string, old, next []byte) error {
	if err := m.check(ctx, name); err != nil {
		return failure(m, "swap", name, err)
	}
	if err := m.fits(name, int64(len(next))); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now, ok := m.mu.objects[name]
	if ok != (old != nil) || !bytes.Equal(now, old) {
		return failure(m, "swap", name, ErrConflict)
	}
	return m.setLocked(name, append([]byte{}, next...))
}
