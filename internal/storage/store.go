package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/fault"
)

// Options of a Store.
type Options struct {
	// Epoch is the term of the leader. Whoever only writes parts has that of the leader who asked.
	Epoch int64
	// Confirm is asked by TakeOver whether the caller still may take the job over, which whoever elects leaders
	// knows; nil asks nobody. Its error is that of TakeOver: ErrDeposed if another one leads.
	Confirm func(ctx context.Context) error
	// Retain is how many checkpoints are kept. The default is 1.
	Retain int
	// InlineMax is the size up to which a part goes into the manifest, in bytes. The default is 20
	// KiB; -1 means never.
	InlineMax int
	// Compress compresses what checkpoints write, with s2. Savepoints are always compressed, with zstd.
	Compress bool
	// Open returns the stores of savepoints and claimed snapshots. The default is blob.Open.
	Open Opener
}

// Store has the checkpoints of one job. Its methods may be called at the same time, except that
// Lead, Publish, Claim and Sweep wait for each other.
type Store struct {
	opts  Options
	job   string
	files *files
	at    pointerObject

	lead sync.Mutex // is held during what changes the pointer or deletes
	next bool       // the epoch becomes the one after the pointer's
	sets map[string]map[string]owner

	mu struct {
		sync.Mutex
		open    map[int64]map[string]owner // objects that open checkpoints may name
		highest int64                      // number of the last checkpoint that was begun
	}
}

// New returns the store of a job below root. It makes no request.
func New(root blob.Store, job string, o Options) *Store {
	if o.Retain == 0 {
		o.Retain = 1
	}
	if o.InlineMax == 0 {
		o.InlineMax = 20 << 10
	}
	s := &Store{opts: o, job: job, files: newFiles(blob.Sub(root, escape(job)), o.Open)}
	s.at = pointerObject{s.files.base}
	s.sets = map[string]map[string]owner{}
	s.mu.open = map[int64]map[string]owner{}
	return s
}

// CopyTo keeps copies of the objects that this process writes in a store of its own, from which it
// reads them again: for local recovery. It must be called before any other method.
func (s *Store) CopyTo(copies blob.Store) { s.files.local = &local{copies} }

// URI is the job's directory.
func (s *Store) URI() string { return s.files.base.URI() }

// Checkpoint is where the parts of checkpoint id are written. Attempts tell apart what may write the
// same part, such as a task before and after its restart.
func (s *Store) Checkpoint(id, attempt int64) *Target {
	t := &Target{
		files: s.files, prefix: checkpointPrefix(id), epoch: s.opts.Epoch, attempt: attempt,
		codec: checkpoint.CodecNone, inline: s.opts.InlineMax,
	}
	if s.opts.Compress {
		t.codec = checkpoint.CodecS2
	}
	return t
}

// Lead takes the job over: leaders of older epochs are deposed, and what they left is deleted. The
// warning says what could not be.
func (s *Store) Lead(ctx context.Context) (warning, err error) {
	s.lead.Lock()
	defer s.lead.Unlock()
	if _, err := s.update(ctx, func(*pointer) {}); err != nil {
		return nil, fmt.Errorf("lead job %q in epoch %d: %w", s.job, s.opts.Epoch, err)
	}
	return s.sweep(ctx), nil
}

// Checkpoint reports whether the target is that of a checkpoint rather than of a savepoint.
func (t *Target) Checkpoint() bool { return !t.plain }

// TakeOver is Lead in the epoch after that of the last leader, for a job whose epochs are counted in its pointer alone.
//
// Where leaders are elected, one that was paused in between might so depose one that was elected later. Therefore Confirm
// is asked after the pointer is read and before it is changed: if the later one has taken the job over before, Confirm
// fails, since it was elected before; and if it does so after, the pointer is not what was read.
func (s *Store) TakeOver(ctx context.Context) (warning, err error) {
	s.lead.Lock()
	defer s.lead.Unlock()
	before := s.opts.Epoch
	s.next = true
	_, err = s.update(ctx, func(*pointer) {})
	s.next = false
	if err != nil {
		s.opts.Epoch = before
		return nil, fmt.Errorf("lead job %q: %w", s.job, err)
	}
	return s.sweep(ctx), nil
}

// Discard deletes all checkpoints of the job.
func (s *Store) Discard(ctx context.Context) error {
	s.lead.Lock()
	defer s.lead.Unlock()
	_, err := s.update(ctx, func(p *pointer) {
		for _, e := range p.retained {
			if absolute(e.manifest) {
				p.claimed = append(p.claimed, e.manifest)
			}
		}
		p.retained = nil
	})
	if err != nil {
		return fmt.Errorf("discard the checkpoints of job %q: %w", s.job, err)
	}
	s.mu.Lock()
	s.mu.highest = math.MaxInt64
	s.mu.Unlock()
	return s.sweep(ctx)
}

// read returns the pointer and its bytes, nil if there is none.
func (s *Store) read(ctx context.Context) (*pointer, []byte, error) {
	data, err := s.at.Get(ctx)
	if errors.Is(err, blob.ErrNotFound) {
		return &pointer{}, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	p, err := decodePointer(data)
	if err != nil {
		return nil, nil, s.corruptPointer(ctx, err)
	}
	return p, data, nil
}

// corruptPointer names what could be restored by hand.
func (s *Store) corruptPointer(ctx context.Context, err error) error {
	problem := err.Error()
	list, _ := s.files.base.List(ctx, checkpointDir)
	for _, i := range slices.Backward(list) {
		if strings.Contains(i.Name, "/"+manifestPart+"-") {
			problem += ", and which checkpoint is complete is not known (there is " + s.files.uri(i.Name) + ")"
			break
		}
	}
	return &CorruptError{Object: s.at.URI(), Problem: problem}
}

// Bounds on how often a swap is tried: against others, and against failures.
const (
	swapsMax    = 20
	failuresMax = 3
)

// update changes the pointer. After an error that is not ErrUncertain it is as if it had not been
// called.
func (s *Store) update(ctx context.Context, change func(*pointer)) (*pointer, error) {
	failures := 0
	for range swapsMax {
		p, old, err := s.read(ctx)
		if err != nil && failures == 0 {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUncertain, err)
		}
		if s.next {
			if err := s.confirm(ctx); err != nil {
				return nil, err
			}
			s.opts.Epoch = p.epoch + 1
			p.serial = rand.Int64N(math.MaxInt64 / 2)
		}
		if p.epoch > s.opts.Epoch {
			return nil, fmt.Errorf("%w (%d after %d)", ErrDeposed, p.epoch, s.opts.Epoch)
		}
		change(p)
		p.epoch = s.opts.Epoch
		p.serial++
		next := p.encode()
		if err = s.at.Swap(ctx, old, next); err == nil {
			return p, nil
		}
		// The effect may have happened all the same: contents never repeat, so that it shows.
		now, again := s.at.Get(context.WithoutCancel(ctx))
		if again == nil && bytes.Equal(now, next) {
			return p, nil
		}
		if errors.Is(err, blob.ErrConflict) {
			continue
		}
		if errors.Is(err, blob.ErrFull) && again == nil && bytes.Equal(now, old) {
			return nil, err // it was answered, and refused
		}
		// Nor does seeing the old pointer prove that the request is not still on its way. But once
		// another swap has succeeded it comes in vain.
		if failures++; failures == failuresMax || again != nil {
			return nil, fmt.Errorf("%w: %w", ErrUncertain, err)
		}
	}
	return nil, fmt.Errorf("%w: the pointer is changed all the time", ErrDeposed)
}

func (s *Store) confirm(ctx context.Context) error {
	if s.opts.Confirm == nil || fault.Seeded(fault.TakeUnconfirmed) {
		return nil
	}
	return s.opts.Confirm(ctx)
}

// Begin opens checkpoint id, so that its objects are kept. If it builds on checkpoint base, base's
// objects are kept as well until Publish or Abort; 0 is none.
func (s *Store) Begin(ctx context.Context, id, base int64) error {
	var objects map[string]owner
	if base != 0 {
		p, _, err := s.read(ctx)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(p.retained, func(e entry) bool { return e.id == base })
		if i < 0 {
			return fmt.Errorf("checkpoint %d cannot build on checkpoint %d, which is not retained", id, base)
		}
		s.lead.Lock()
		objects, err = s.set(ctx, p.retained[i].manifest)
		s.lead.Unlock()
		if err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.open[id] = objects
	s.mu.highest = max(s.mu.highest, id)
	return nil
}

// Abort gives checkpoint id up. The next sweep deletes its objects.
func (s *Store) Abort(id int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mu.open, id)
}

// Publish completes a checkpoint whose parts are closed: its manifest is written, and the pointer
// names it. The caller sweeps later.
func (s *Store) Publish(ctx context.Context, snapshot *checkpoint.Snapshot) error {
	s.lead.Lock()
	defer s.lead.Unlock()
	err := s.publish(ctx, snapshot)
	if err == nil {
		s.Abort(snapshot.ID) // it is no longer open
		return nil
	}
	return fmt.Errorf("checkpoint %d of job %q: %w", snapshot.ID, s.job, err)
}

func (s *Store) publish(ctx context.Context, snapshot *checkpoint.Snapshot) error {
	snapshot.Epoch, snapshot.Kind = s.opts.Epoch, checkpoint.Checkpoint
	data, err := checkpoint.AppendManifest(nil, snapshot)
	if err != nil {
		return err
	}
	p, _, err := s.read(ctx)
	if err != nil {
		return err
	}
	if err := s.owned(ctx, p, snapshot); err != nil {
		return err
	}
	if err := s.files.verify(ctx, snapshot, false); err != nil {
		return err
	}
	name := checkpointPrefix(snapshot.ID) + versioned(manifestPart, s.opts.Epoch, snapshot.Attempt)
	if err := putOnce(ctx, s.files.base, name, data); err != nil {
		return err
	}
	_, err = s.update(ctx, func(p *pointer) {
		if !p.names(name) {
			p.add(entry{snapshot.ID, name}, s.opts.Retain)
		}
	})
	if err == nil {
		s.sets[name] = objectsOf(snapshot)
	}
	return err
}

// putOnce writes an object that may be there already, from an attempt whose answer was lost.
func putOnce(ctx context.Context, b blob.Store, name string, data []byte) error {
	err := blob.Put(ctx, b, name, data)
	if !errors.Is(err, blob.ErrExists) {
		return err
	}
	if now, again := b.Get(ctx, name); again == nil && bytes.Equal(now, data) {
		return nil
	}
	return err
}

// owned refuses a checkpoint that needs objects which are not the job's: their owner may delete
// them.
func (s *Store) owned(ctx context.Context, p *pointer, snapshot *checkpoint.Snapshot) error {
	manifests := slices.Clone(p.claimed)
	for _, e := range p.retained {
		if absolute(e.manifest) {
			manifests = append(manifests, e.manifest)
		}
	}
	mine := map[string]owner{}
	for _, m := range manifests {
		set, err := s.set(ctx, m)
		if err != nil {
			return err
		}
		maps.Copy(mine, set)
	}
	for name, o := range objectsOf(snapshot) {
		if _, ok := mine[name]; absolute(name) && !ok {
			return fmt.Errorf("operator %q, state %q: object %s belongs to a snapshot that the job has not "+
				"claimed; the first checkpoint after it must be full", o.op, o.state, name)
		}
	}
	return nil
}

// set returns the objects that a manifest names. lead is held.
func (s *Store) set(ctx context.Context, manifest string) (map[string]owner, error) {
	if set, ok := s.sets[manifest]; ok {
		return set, nil
	}
	snapshot, err := s.files.manifest(ctx, manifest)
	if err != nil {
		return nil, err
	}
	s.sets[manifest] = objectsOf(snapshot)
	return s.sets[manifest], nil
}

// manifest reads a manifest. Names in it become names below the base where they can.
func (f *files) manifest(ctx context.Context, name string) (*checkpoint.Snapshot, error) {
	data, err := f.get(ctx, name)
	if err != nil {
		if c := damage(f.uri(name), err); c != nil {
			return nil, c
		}
		return nil, err
	}
	s, err := checkpoint.DecodeManifest(data)
	var version *checkpoint.VersionError
	if errors.As(err, &version) {
		return nil, fmt.Errorf("%s: %w", f.uri(name), err)
	}
	if err != nil {
		return nil, &CorruptError{Object: f.uri(name), Problem: err.Error()}
	}
	if !absolute(name) {
		return s, nil
	}
	base, file := splitURI(name)
	if file != metadataName {
		base, _ = splitURI(base)
	}
	s.Refs(func(_, _ string, r *checkpoint.Ref) {
		if r.Object != "" && !absolute(r.Object) {
			r.Object = blob.Join(base, r.Object)
		}
		if own, ok := below(f.base.URI(), r.Object); ok {
			r.Object = own
		}
	})
	return s, nil
}

// Latest returns the newest retained checkpoint that is not damaged and not one of except, with
// bound blobs, which load as long as ctx holds. For each newer one that is damaged there is a
// warning. The error is ErrNone if the job never completed a checkpoint.
func (s *Store) Latest(ctx context.Context, except ...int64) (latest *checkpoint.Snapshot,
	warnings []error, err error,
) {
	p, _, err := s.read(ctx)
	if err != nil {
		return nil, nil, err
	}
	if len(p.retained) == 0 {
		return nil, nil, fmt.Errorf("job %q in %s: %w", s.job, s.URI(), ErrNone)
	}
	for _, e := range p.retained {
		if slices.Contains(except, e.id) {
			continue
		}
		snapshot, err := s.intact(ctx, e.manifest)
		if err == nil {
			return snapshot, warnings, nil
		}
		var corrupt *CorruptError
		if !errors.As(err, &corrupt) {
			return nil, warnings, err // older state must not be taken because of a bad moment
		}
		warnings = append(warnings, fmt.Errorf("checkpoint %d: %w", e.id, err))
	}
	err = fmt.Errorf("job %q in %s: none of %d checkpoints can be restored: %w", s.job, s.URI(),
		len(p.retained), errors.Join(warnings...))
	return nil, warnings, err
}

func (s *Store) intact(ctx context.Context, manifest string) (*checkpoint.Snapshot, error) {
	snapshot, err := s.files.manifest(ctx, manifest)
	if err != nil {
		return nil, err
	}
	if err := s.files.verify(ctx, snapshot, false); err != nil {
		return nil, err
	}
	return snapshot, s.files.bind(ctx, snapshot)
}

// Retained returns the numbers of the checkpoints that the job has, the newest first.
func (s *Store) Retained(ctx context.Context) ([]int64, error) {
	p, _, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	var ids []int64
	for _, e := range p.retained {
		ids = append(ids, e.id)
	}
	return ids, nil
}

// Bind gives the blobs of a snapshot of this job a way to the storage: they load as long as ctx
// holds. Lists, unions and broadcast state are loaded at once.
func (s *Store) Bind(ctx context.Context, snapshot *checkpoint.Snapshot) error {
	return s.files.bind(ctx, snapshot)
}

// Bind is Store.Bind for a snapshot that names its objects by their URIs. The default of open is
// blob.Open.
func Bind(ctx context.Context, snapshot *checkpoint.Snapshot, open Opener) error {
	return nowhere(open).bind(ctx, snapshot)
}

// nowhere are files of which all names are URIs, as no name is below the base.
func nowhere(open Opener) *files {
	return newFiles(blob.NewMemory(blob.MemoryOptions{Name: "none"}), open)
}

// Epoch is the term of the leader: that which TakeOver has found, or that of Options.
func (s *Store) Epoch() int64 { return s.opts.Epoch }

// Verify compares the objects of a snapshot with what is there: their lengths, or if deep their
// checksums. Its error has a CorruptError for each that is damaged.
func (s *Store) Verify(ctx context.Context, snapshot *checkpoint.Snapshot, deep bool) error {
	return s.files.verify(ctx, snapshot, deep)
}

// Claim makes the snapshot at path the job's own, as its newest checkpoint: it is deleted when it
// is no longer needed.
func (s *Store) Claim(ctx context.Context, path string) error {
	s.lead.Lock()
	defer s.lead.Unlock()
	uri, err := locate(ctx, s.files.open, path)
	if err != nil {
		return err
	}
	if own, ok := below(s.URI(), uri); ok {
		uri = own
	}
	snapshot, err := s.files.manifest(ctx, uri)
	if err != nil {
		return err
	}
	_, err = s.update(ctx, func(p *pointer) {
		if !p.names(uri) {
			p.add(entry{snapshot.ID, uri}, s.opts.Retain)
		}
	})
	if err != nil {
		return fmt.Errorf("claim %s: %w", path, err)
	}
	return nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
