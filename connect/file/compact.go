package file

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/flott-dev/flott/connect/filesystem"
)

// Compaction says how small files are merged, as SinkOptions.Compact does. One subtask merges those of all: when a checkpoint
// is complete it puts the files of each bucket together, up to Bytes, before anybody sees them; files of several checkpoints
// stay several. The zero value is useful.
type Compaction struct {
	// Bytes is the size up to which files are merged into one; those that are larger stay as they are. Zero means
	// SinkOptions.PartBytes.
	Bytes int64
	// Parallelism is how many files are made of others at a time. Zero means as many as the process has processors; more
	// help in object stores.
	Parallelism int
	// Disabled leaves files as they are, but for those that a snapshot says are to be merged. A job that goes on from a snapshot
	// of one with Compact needs it in place of nil.
	Disabled bool
}

func (c Compaction) withDefaults(partBytes int64) Compaction {
	if c.Bytes == 0 {
		c.Bytes = partBytes
	}
	if c.Parallelism == 0 {
		c.Parallelism = runtime.GOMAXPROCS(0)
	}
	return c
}

func (c *Compaction) validate() (err error) {
	if c != nil && c.Bytes < 0 {
		err = fmt.Errorf("file: Compact.Bytes is %d, want 0 (PartBytes) or more", c.Bytes)
	}
	if c != nil && c.Parallelism < 0 {
		err = errors.Join(err, fmt.Errorf("file: Compact.Parallelism is %d, want 0 (the processors) or more", c.Parallelism))
	}
	return err
}

// Names of files that are merged, and of what becomes of them, begin as Flink's do.
const (
	uncompacted = ".uncompacted-"
	compacted   = "compacted-"
)

// compactedName is the name of the file that several are merged into, of which one has the name; ok is false for a name
// that is not of a file to merge.
func compactedName(name string) (to string, ok bool) {
	base, ok := strings.CutPrefix(filepath.Base(name), uncompacted)
	return filepath.Join(filepath.Dir(name), compacted+base), ok
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

// compactor commits files, those of a partition merged. What it does is the same each time that it is given the
// same files, and it goes on wherever it was cut off:
//
//	                         nothing, or what a file system has of files that are not committed
//	.u-a .u-b .u-c           committed under hidden names, so that they can be read
//	.u-a .u-b .u-c .c-a.x    not complete, or not known to be: given up, and begun anew under another name
//	.u-a .u-b .u-c  c-a      visible, so that the others are not needed
//	                c-a
//
// where u is uncompacted and c compacted. Names of files that are merged have a random part: if the visible one is there, no
// other job has made it. A file with no others to merge it with is made visible as it is, or copied where names are
// given for good.
type compactor struct {
	*committer
	parallelism int
	newMerger   func(to io.Writer) (Merger, error)
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
	if err := c.commit(single); err != nil {
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
	target, ok := compactedName(unit[0].Name)
	if !ok {
		return c.publishOld(unit)
	}
	// The first file by the name of all is that file if there are no others, and gone if that is visible.
	first := []filesystem.Pending{{Name: target, Token: unit[0].Token, Bytes: unit[0].Bytes}}
	_, uploads := c.files.(filesystem.Uploader)
	if len(unit) == 1 && !uploads {
		return c.commit(first)
	}
	done, err := c.exists(target)
	switch {
	case err != nil:
	case !done:
		err = c.merge(target, unit)
	case !uploads: // a process that was killed may not have made the name durable
		err = c.files.Commit(c.ctx, c.dir, first)
	}
	if err != nil {
		return fmt.Errorf("file: merge %d files into %q: %w", len(unit), target, err)
	}
	for _, p := range unit {
		if err := c.remove(p.Name); err != nil {
			return fmt.Errorf("file: remove what is merged: %w", err)
		}
	}
	return nil
}

// merge makes a visible file of several, which stay.
func (c *compactor) merge(target string, unit []filesystem.Pending) error {
	begun, err := c.exists(unit[len(unit)-1].Name)
	if err == nil && begun {
		err = c.giveUp(target)
	}
	if err == nil {
		err = c.files.Commit(c.ctx, c.dir, unit)
	}
	if err != nil {
		return err
	}
	w, err := c.files.Create(c.ctx, c.dir, target, hiddenPrefix(target)+newOrigin())
	if err != nil {
		return err
	}
	p, err := c.write(w, unit)
	if err == nil {
		err = c.files.Commit(c.ctx, c.dir, []filesystem.Pending{p})
	}
	if err != nil {
		return errors.Join(err, w.Abort())
	}
	return w.Close()
}

// hiddenPrefix is what the names begin with under which a merged file is written. Each attempt has its own: one that is
// thought dead must not change, or make visible, the file of another.
func hiddenPrefix(target string) string { return "." + filepath.Base(target) + ".compacting." }

// giveUp removes what attempts have left that were cut off while they merged.
func (c *compactor) giveUp(target string) error {
	if u, ok := c.files.(filesystem.Uploader); ok {
		return u.AbortUploads(c.ctx, filesystem.Join(c.dir, filepath.Dir(target)), func(name string) bool { return name == filepath.Base(target) })
	}
	entries, err := c.files.ReadDir(c.ctx, filesystem.Join(c.dir, filepath.Dir(target)))
	for _, e := range entries {
		if err == nil && strings.HasPrefix(e.Name(), hiddenPrefix(target)) {
			err = c.remove(filepath.Join(filepath.Dir(target), e.Name()))
		}
	}
	return err
}

// write writes what is in files into one.
func (c *compactor) write(w filesystem.Writer, unit []filesystem.Pending) (p filesystem.Pending, err error) {
	to := bufio.NewWriterSize(w, flushBytes)
	newMerger := c.newMerger
	if len(unit) == 1 {
		newMerger = newCopy
	}
	m, err := newMerger(to)
	for i := 0; i < len(unit) && err == nil; i++ {
		err = c.add(m, unit[i])
	}
	if err == nil {
		err = m.Close()
	}
	if err == nil {
		err = to.Flush()
	}
	if err != nil {
		return p, err
	}
	return w.Finish()
}

// add adds a file.
func (c *compactor) add(m Merger, p filesystem.Pending) error {
	path := filesystem.Join(c.dir, p.Name)
	f, err := c.files.Open(c.ctx, path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err == nil && info.Size() != p.Bytes {
		err = fmt.Errorf("it has %d bytes, but the checkpoint knows %d: was it changed?", info.Size(), p.Bytes)
	}
	if err == nil {
		err = m.Add(f, path, p.Bytes)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", path, err)
	}
	return nil
}

func (c *compactor) exists(name string) (bool, error) {
	_, err := c.files.Stat(c.ctx, filesystem.Join(c.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// remove removes a file that may be gone.
func (c *compactor) remove(name string) error {
	if err := c.files.Remove(c.ctx, filesystem.Join(c.dir, name)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// publishOld makes files visible that a checkpoint of an earlier version knows. That merged files, on disks, by writing
// .a.compacted, removing all but .a, and renaming it to .a: what it has begun is ended so, and what it has not begun is
// not merged.
func (c *compactor) publishOld(unit []filesystem.Pending) error {
	whole := filesystem.Pending{Name: unit[0].Name, Token: unit[0].Token + ".compacted"}
	isWhole, err := c.exists(whole.Token)
	if err != nil {
		return err
	}
	var others []filesystem.Pending // that are there
	for _, p := range unit {
		isWritten, err := c.exists(p.Token)
		if err == nil && isWhole {
			err = c.remove(p.Token)
		}
		isVisible, statErr := c.exists(p.Name)
		if err = errors.Join(err, statErr); err != nil {
			return err
		}
		if (isWritten || isVisible) && p.Name != whole.Name {
			others = append(others, p)
		}
	}
	switch {
	case isWhole:
		return c.commit([]filesystem.Pending{whole})
	case len(others) == 0:
		return c.commit(unit[:1])
	}
	return c.commit(unit)
}
