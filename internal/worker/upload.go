package worker

import (
	"fmt"
	"sync"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/internal/task"
)

// uploadBytes is how much of its state a task may be ahead of its upload.
const uploadBytes = 4 << 20

// memory keeps keyed state where it is.
type memory struct{}

func (memory) Room() bool                    { return true }
func (memory) Put(data []byte) operator.Blob { return operator.Bytes(data) }
func (memory) Discard()                      {}

// PutTree is not called: a snapshot that stays in memory is not native.
func (memory) PutTree(c *operator.Captured) { c.From.Discard() }

// Upload is called by the task when it begins its part of a snapshot.
func (s *Subtask) Upload(_ *task.Task, id int64) task.Upload {
	s.upload = nil
	target := s.host.targets.get(id)
	if target == nil {
		return memory{}
	}
	name := fmt.Sprintf("%d-%d", s.Chain.ID, s.Index)
	s.upload = &upload{
		runner: s.host.runner, wake: s.Wake, part: target.Part(s.host.ctx, name),
		file: func(tree int, file string) *storage.Writer {
			return target.File(s.host.ctx, fmt.Sprintf("%s-%d-%s", name, tree, file))
		},
	}
	return s.upload
}

// upload writes a task's part of a snapshot to storage, behind the task.
type upload struct {
	runner Runner
	part   *storage.Writer // of whoever runs work
	wake   func()          // of the task
	trees  int             // how many were put
	// file begins a file of a tree, which becomes an object of its own.
	file func(tree int, name string) *storage.Writer

	mu struct {
		sync.Mutex
		queue   []*stored
		bytes   int64
		running bool
		end     func(error) // after the last one
	}
	err error // of whoever runs work
}

// stored is a blob, or a tree, on its way to storage.
type stored struct {
	data  []byte
	size  int64
	piece *storage.Piece
	tree  *operator.Captured
	index int // of the tree
}

// Load reads the bytes back, once they are stored.
func (b *stored) Load() ([]byte, error) {
	if b.piece == nil {
		return nil, fmt.Errorf("%d bytes of state are not stored yet", b.size)
	}
	return b.piece.Load()
}

// Size is the number of bytes.
func (b *stored) Size() int64 { return b.size }

// Ref is where they are stored.
func (b *stored) Ref() *checkpoint.Ref {
	if b.piece == nil {
		return nil
	}
	return b.piece.Ref()
}

// Room reports whether the task may go on.
func (u *upload) Room() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.mu.bytes < uploadBytes
}

// Put queues data.
func (u *upload) Put(data []byte) operator.Blob {
	b := &stored{data: data, size: int64(len(data))}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.queue = append(u.mu.queue, b)
	u.mu.bytes += b.size
	u.start()
	return b
}

// PutTree queues a tree. Its files are made at once, whatever is queued before, since the store holds
// back what is written until they are.
func (u *upload) PutTree(c *operator.Captured) {
	u.runner.Go(actor.Upload, func() { _ = c.From.Make() }) // an error comes again
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.queue = append(u.mu.queue, &stored{tree: c, index: u.trees})
	u.trees++
	u.start()
}

// Discard gives up what is stored already.
func (u *upload) Discard() { u.finish(func(error) { u.part.Abort() }) }

// finish calls end when all has been tried: the task has nothing more.
func (u *upload) finish(end func(error)) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.mu.end = end
	u.start()
}

// start has somebody work; u.mu is held.
func (u *upload) start() {
	if !u.mu.running {
		u.mu.running = true
		u.runner.Go(actor.Upload, u.work)
	}
}

// work stores what is queued.
func (u *upload) work() {
	for {
		u.mu.Lock()
		queue, end := u.mu.queue, u.mu.end
		u.mu.queue = nil
		if len(queue) == 0 {
			u.mu.running = false
			u.mu.end = nil
		}
		u.mu.Unlock()
		if len(queue) == 0 {
			if end != nil {
				end(u.err)
			}
			return
		}
		for _, b := range queue {
			u.store(b)
			b.data = nil
			u.mu.Lock()
			full := u.mu.bytes >= uploadBytes
			u.mu.bytes -= b.size
			room := u.mu.bytes < uploadBytes
			u.mu.Unlock()
			if full && room {
				u.wake()
			}
		}
	}
}

// store stores what was queued, unless something before it could not be.
func (u *upload) store(b *stored) {
	switch {
	case b.tree == nil && u.err == nil:
		b.piece, u.err = u.part.Append(b.data)
	case b.tree != nil && u.err == nil:
		u.err = b.tree.Store(func(name string) (operator.TreeWriter, error) {
			return treeWriter{u.file(b.index, name)}, nil
		})
	case b.tree != nil:
		_ = b.tree.From.Close() // nobody wants the files any more
	}
}

// treeWriter is a storage.Writer as trees want it.
type treeWriter struct{ *storage.Writer }

// Append adds a part.
func (w treeWriter) Append(part []byte) (operator.Blob, error) {
	p, err := w.Writer.Append(part)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// close stores the rest of the states and makes all that was stored valid. It may block.
func (u *upload) close(states []*operator.Snapshot) (rest []operator.Blob, err error) {
	for _, s := range states {
		piece, err := u.part.AppendRest(&s.State)
		if err != nil {
			u.part.Abort()
			return nil, err
		}
		if piece == nil {
			rest = append(rest, nil)
			continue
		}
		rest = append(rest, piece)
		s.State.List, s.State.Union, s.State.Broadcast = nil, nil, nil
	}
	return rest, u.part.Close()
}

// targets are where the parts of the snapshots go that are under way; those without one stay in
// memory. It is safe for concurrent use.
type targets struct {
	mu sync.Mutex
	of map[int64]*storage.Target
}

func (t *targets) get(id int64) *storage.Target {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.of[id]
}

func (t *targets) set(id int64, target *storage.Target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = map[int64]*storage.Target{}
	}
	t.of[id] = target
}

func (t *targets) drop(id int64) *storage.Target {
	t.mu.Lock()
	defer t.mu.Unlock()
	target := t.of[id]
	delete(t.of, id)
	return target
}
