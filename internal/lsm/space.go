package lsm

import (
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/flott-dev/flott/internal/operator"
)

const (
	// DefaultBytes is the memory of a Space that sets none.
	DefaultBytes = 256 << 20
	openFilesMax = 500
	memtables    = 3 // of a tree: one that is written to, others that are being flushed
	memtableMin  = 64 << 10
	blocksMin    = 256 << 10
	memtableMax  = 32 << 20
)

// Space is the memory and the disk of keyed state for the subtasks of a job within this process.
//
//	Bytes ┬ a half      tables in front of the trees, in equal shares
//	      └ a half      one cache for all trees: up to a half of it memtables, up to three for each
//	                    tree, the rest blocks
//
// pebble takes the memtables off the cache. Of a cache that is no larger than they are nothing is
// left, so that each look-up would read the index of a file from the disk.
type Space struct {
	// Bytes is the memory for state; 0 means DefaultBytes. Some is always taken; with 1 the tables are
	// emptied between any two batches, for tests.
	Bytes int64
	// Dir is where the trees are made; "" means the system's directory for temporary files.
	Dir string
	// FS replaces the file system, for tests.
	FS vfs.FS

	mu struct {
		sync.Mutex
		stores int // that are in use
		caches *caches
	}
}

// caches are shared by the trees of a Space, as long as there is one.
type caches struct {
	blocks *pebble.Cache
	files  *pebble.FileCache
	users  int
}

// Names of the backends, for configuration.
const (
	Hashmap = "hashmap"
	Pebble  = "pebble"
	RocksDB = "rocksdb" // means Pebble
)

// Check returns an error if there is no state backend of that name; "" is the default.
func Check(backend string) error {
	switch backend {
	case "", Hashmap, Pebble, RocksDB:
		return nil
	}
	return fmt.Errorf("there is no state backend %q; use hashmap (in memory) or pebble (alias "+
		"rocksdb, on local disk)", backend)
}

// Opener is how operators get to the disk with a backend: nil where state stays in memory. bytes
// and dir are those of a Space, which is one for all in the process that ask for the same.
func Opener(backend string, bytes int64, dir string) func() operator.Cold {
	if backend != Pebble && backend != RocksDB {
		return nil
	}
	spaces.Lock()
	defer spaces.Unlock()
	key := spaceKey{bytes, dir}
	p := spaces.by[key]
	if p == nil {
		if spaces.by == nil {
			spaces.by = map[spaceKey]*Space{}
		}
		p = &Space{Bytes: bytes, Dir: dir}
		spaces.by[key] = p
	}
	return p.Open
}

type spaceKey struct {
	bytes int64
	dir   string
}

var spaces struct {
	sync.Mutex
	by map[spaceKey]*Space
}

// Open returns a store without contents.
func (p *Space) Open() operator.Cold {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.stores++
	return &Store{space: p, failed: make(chan struct{})}
}

func (p *Space) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mu.stores--
}

func (p *Space) bytes() int64 {
	if p.Bytes == 0 {
		return DefaultBytes
	}
	return p.Bytes
}

// share is what the tables of one store may take.
func (p *Space) share() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bytes() / 2 / int64(max(p.mu.stores, 1))
}

func (p *Space) memtable() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	each := p.bytes() / 4 / memtables / int64(max(p.mu.stores, 1))
	return uint64(min(max(each, memtableMin), memtableMax))
}

// acquire returns the caches for one more tree.
func (p *Space) acquire() *caches {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.mu.caches
	if c == nil {
		c = &caches{
			blocks: pebble.NewCache(max(p.bytes()/2, blocksMin)),
			files:  pebble.NewFileCache(1, openFilesMax),
		}
		p.mu.caches = c
	}
	c.users++
	return c
}

// release gives the caches back.
func (p *Space) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.mu.caches
	if c.users--; c.users > 0 {
		return
	}
	c.files.Unref()
	c.blocks.Unref()
	p.mu.caches = nil
}
