package file

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	columns "github.com/flott-dev/flott/column"
	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect/filesystem"
	formats "github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// The options of the compaction of files.
var (
	compactionOption = options.Bool(options.Doc{
		Key: "auto-compaction", Default: "false", Text: "Merges the files of all subtasks and a checkpoint, in each partition, before they become visible. " +
			"Files end with each checkpoint then. In batch mode it has no effect.",
	})
	compactionSizeOption = options.Size(options.Doc{
		Key: "compaction.file-size", Text: "The size up to which files are merged into one. By default it is `sink.rolling-policy.file-size`.",
	})
	compactionParallelismOption = options.Int(options.Doc{
		Key: "compaction.parallelism", Text: "How many files are made of others at a time, by the one subtask that commits. By default as many as its process has processors.",
	}, 1, 1<<15)
)

// compaction is how files are merged before they become visible.
type compaction struct {
	bytes       int64 // of a merged file, at most; 0 if files are not merged
	parallelism int
	merge       func(to io.Writer, from []string) error
}

// newCompaction reads the options. What was to be merged before a restore is, whatever they are now.
func (s *tableSink) newCompaction() error {
	c := &s.compaction
	c.parallelism, c.merge = runtime.GOMAXPROCS(0), concatenate
	if n, ok := compactionParallelismOption.Lookup(s.values); ok {
		c.parallelism = n
	}
	isBatch := s.spec.Config != nil && options.RuntimeMode.Get(s.spec.Config) == "BATCH"
	if compactionOption.Get(s.values) && !isBatch {
		c.bytes = partSizeOption.Get(s.values)
		if n, ok := compactionSizeOption.Lookup(s.values); ok {
			c.bytes = n
		}
		if c.bytes == 0 {
			return fmt.Errorf("table %s: compaction.file-size is 0; it is a size such as '128 mb'", s.spec.Name)
		}
		if root, _ := filesystem.Split(s.path); root != "" {
			return fmt.Errorf("table %s: 'auto-compaction' merges files on disks, not in %s; leave it out, and have fewer and larger "+
				"files by longer intervals of checkpoints", s.spec.Name, root)
		}
	}
	if s.newFileEncoder == nil {
		return nil
	}
	newDecoder, err := s.newFileDecoder()
	if c.bytes > 0 && err != nil {
		return fmt.Errorf("table %s: 'auto-compaction' has to read files: %w", s.spec.Name, err)
	}
	c.merge = func(to io.Writer, from []string) error {
		if err != nil {
			return err
		}
		return s.rewrite(newDecoder(), to, from)
	}
	return nil
}

func (s *tableSink) newFileDecoder() (func() formats.FileDecoder, error) {
	if s.format.NewFileDecoder == nil {
		return nil, fmt.Errorf("files of the format '%s' cannot be read", s.format.Name)
	}
	return s.format.NewFileDecoder(&s.formatted)
}

// mergeable begins the committable of a file that is merged with others, as deletion that of a file to delete. It has the
// size up to which: which files are put together must not change with the options when they are committed again.
const mergeable = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfd"

func encodeMergeable(bytes int64, part []byte) []byte {
	return append(binary.AppendUvarint([]byte(mergeable), uint64(bytes)), part...)
}

// decodeMergeable decodes a file, and up to which size it is merged, 0 for one that is not.
func decodeMergeable(b []byte) (p filesystem.Pending, most int64, err error) {
	if rest, ok := strings.CutPrefix(string(b), mergeable); ok {
		size, n := binary.Uvarint([]byte(rest))
		if n <= 0 {
			return p, 0, fmt.Errorf("file: a file to merge in the sink's state is broken: % x", b)
		}
		most, b = int64(size), []byte(rest[n:])
	}
	p, _, err = decodePending(b)
	return p, most, err
}

// concatenate merges files of records.
func concatenate(to io.Writer, from []string) error {
	for _, path := range from {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		_, err = io.Copy(to, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// rewrite merges files of a format that has files of its own.
func (s *tableSink) rewrite(d formats.FileDecoder, to io.Writer, from []string) error {
	e, err := s.newFileEncoder(to)
	if err != nil {
		return err
	}
	b := columns.NewBatch(s.physical)
	for _, path := range from {
		if err := s.copyRows(d, e, path, b); err != nil {
			return fmt.Errorf("%q: %w", path, err)
		}
	}
	return e.Close()
}

// rewriteRows is how many rows are read at a time.
const rewriteRows = 1024

func (s *tableSink) copyRows(d formats.FileDecoder, e formats.FileEncoder, path string, b *columns.Batch) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if err := d.Open(formats.File{ReaderAt: f, Name: path, Size: info.Size(), To: info.Size()}, formats.Position{}); err != nil {
		return err
	}
	var places []int32
	for {
		b.Reset()
		if s.format.Reads != row.InsertOnly {
			b.Kinds = []row.ChangeKind{}
		}
		if err := d.Decode(b, rewriteRows); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		places = places[:0]
		for i := range b.N {
			places = append(places, int32(i))
		}
		if err := e.Encode(b, places); err != nil {
			return err
		}
	}
}

// compactor commits files, those of a partition merged. What it does is the same each time that it is given the
// same files, and it goes on wherever it was cut off. Files a, b, c become A, the name that a alone would get:
//
//	.a .b .c                  as they were written
//	.a .b .c .a.compacting    not complete: begun anew
//	.a .b .c .a.compacted     has all rows, so that the others are not needed
//	.a       .a.compacted
//	.a                        with all rows, as if the others had not been
//	 A
//
// The first file keeps its hidden name up to the end: it was made exclusively, so that no other job that writes to the
// directory takes these names.
type compactor struct {
	*committer
	*compaction
	files compactorDisk
}

// compactorDisk is what a compactor does to files; tests put faults into it.
type compactorDisk struct {
	create func(path string) (compactedFile, error)
	rename func(from, to string) error
	remove func(path string) error
	sync   func(dir string) error
}

// compactedFile is what several files are merged into.
type compactedFile interface {
	io.WriteCloser
	Sync() error
}

var osCompactorDisk = compactorDisk{
	create: func(path string) (compactedFile, error) { return os.Create(path) },
	rename: os.Rename, remove: os.Remove, sync: filesystem.SyncDir,
}

// Commit merges files and makes them visible.
func (c *compactor) Commit(committables [][]byte) error {
	type group struct {
		bucket string
		most   int64
	}
	groups := map[group][]filesystem.Pending{}
	for _, b := range committables {
		p, most, err := decodeMergeable(b)
		if err != nil {
			return err
		}
		g := group{bucketOf(p.Name), most}
		groups[g] = append(groups[g], p)
	}
	var units [][]filesystem.Pending
	var single []filesystem.Pending
	for g, parts := range groups {
		if g.most == 0 {
			single = append(single, parts...)
			continue
		}
		units = append(units, pack(parts, g.most)...)
	}
	if err := c.committer.commit(single); err != nil {
		return err
	}
	errs := make([]error, len(units))
	places := make(chan struct{}, c.parallelism)
	var all sync.WaitGroup
	for i, unit := range units {
		places <- struct{}{}
		all.Go(func() {
			errs[i] = c.publish(unit)
			<-places
		})
	}
	all.Wait()
	return errors.Join(errs...)
}

// openUnitsMax is how many units have room for more at a time, so that packing does not look at all of them.
const openUnitsMax = 10

// pack puts files together up to a size, each into the first unit with room for it, in the order of their names: the same
// way each time.
func pack(parts []filesystem.Pending, most int64) (units [][]filesystem.Pending) {
	type unit struct {
		parts []filesystem.Pending
		bytes int64
	}
	slices.SortFunc(parts, func(a, b filesystem.Pending) int { return cmp.Compare(a.Name, b.Name) })
	var open []*unit
	for _, p := range parts {
		i := slices.IndexFunc(open, func(u *unit) bool { return u.bytes+p.Bytes <= most })
		if i < 0 {
			if len(open) == openUnitsMax {
				units, open = append(units, open[0].parts), open[1:]
			}
			i, open = len(open), append(open, &unit{})
		}
		open[i].parts, open[i].bytes = append(open[i].parts, p), open[i].bytes+p.Bytes
	}
	for _, u := range open {
		units = append(units, u.parts)
	}
	return units
}

// publish makes one visible file of several.
func (c *compactor) publish(unit []filesystem.Pending) error {
	first := filepath.Join(c.dir, unit[0].Token)
	if len(unit) > 1 {
		if err := c.compact(first, unit); err != nil {
			return err
		}
	}
	return c.committer.commit(unit[:1])
}

// compact leaves the first file with the rows of all, and no other.
func (c *compactor) compact(first string, unit []filesystem.Pending) error {
	compacting, compacted, dir := first+".compacting", first+".compacted", filepath.Dir(first)
	isCompacted, err := exists(compacted)
	if err != nil {
		return err
	}
	var there []string
	for _, p := range unit {
		path := filepath.Join(c.dir, p.Token)
		ok, err := exists(path)
		if err != nil {
			return err
		}
		if ok {
			there = append(there, path)
		}
	}
	switch {
	case isCompacted:
	case len(there) == 0, len(there) == 1 && there[0] == first:
		return nil // done before
	case len(there) < len(unit):
		return fmt.Errorf("file: of the %d files that are merged into %q only %q are there; were the others deleted?", len(unit), unit[0].Name, there)
	default:
		if err := c.write(compacting, there); err != nil {
			return fmt.Errorf("file: merge %d files into %q: %w", len(unit), compacting, err)
		}
		if err := errors.Join(c.files.rename(compacting, compacted), c.files.sync(dir)); err != nil {
			return fmt.Errorf("file: merge files: %w", err)
		}
	}
	for _, path := range there {
		if path == first {
			continue
		}
		if err := c.files.remove(path); err != nil {
			return fmt.Errorf("file: remove what is merged: %w", err)
		}
	}
	// They must not come back, after a loss of power, when the first file has their rows.
	if err := c.files.sync(dir); err != nil {
		return err
	}
	if err := c.files.rename(compacted, first); err != nil {
		return fmt.Errorf("file: merge files: %w", err)
	}
	return nil
}

func (c *compactor) write(path string, from []string) error {
	f, err := c.files.create(path)
	if err != nil {
		return err
	}
	err = c.merge(f, from)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("file: %w", err)
	}
	return true, nil
}
