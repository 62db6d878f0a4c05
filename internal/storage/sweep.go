package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/flott-dev/flott/internal/blob"
)

// Sweep deletes what the job owns and does not need. An error means that some is left.
func (s *Store) Sweep(ctx context.Context) error {
	s.lead.Lock()
	defer s.lead.Unlock()
	return s.sweep(ctx)
}

func (s *Store) sweep(ctx context.Context) error {
	p, _, err := s.read(ctx)
	if err != nil {
		return fmt.Errorf("sweep job %q: %w", s.job, err)
	}
	if p.epoch > s.opts.Epoch {
		return fmt.Errorf("sweep job %q: %w", s.job, ErrDeposed)
	}
	live, err := s.live(ctx, p)
	if err != nil {
		return fmt.Errorf("sweep job %q: nothing is deleted, since what is needed is not known: %w",
			s.job, err)
	}
	errs := []error{s.sweepOwn(ctx, live), s.sweepClaimed(ctx, p, live)}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("sweep job %q: %w", s.job, err)
	}
	return nil
}

// live returns the objects and manifests that are needed.
func (s *Store) live(ctx context.Context, p *pointer) (map[string]owner, error) {
	live := map[string]owner{}
	for _, e := range p.retained {
		set, err := s.set(ctx, e.manifest)
		if err != nil {
			return nil, err
		}
		live[e.manifest] = owner{}
		maps.Copy(live, set)
	}
	s.mu.Lock()
	for _, objects := range s.mu.open {
		maps.Copy(live, objects)
	}
	s.mu.Unlock()
	for manifest := range s.sets {
		if !p.names(manifest) && !slices.Contains(p.claimed, manifest) {
			delete(s.sets, manifest)
		}
	}
	return live, nil
}

// stale reports whether an object of the job's directory that nobody needs can be deleted: its epoch
// is closed, or its checkpoint has ended.
func (s *Store) stale(name string) bool {
	id, epoch, ok := parseCheckpoint(name)
	if !ok || epoch > s.opts.Epoch {
		return false
	}
	if epoch < s.opts.Epoch {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	_, open := s.mu.open[id]
	return !open && id <= s.mu.highest
}

func (s *Store) sweepOwn(ctx context.Context, live map[string]owner) error {
	unneeded := func(name string) bool {
		_, needed := live[name]
		return !needed && s.stale(name)
	}
	s.files.local.sweep(ctx, unneeded)
	list, err := s.files.base.List(ctx, checkpointDir)
	if err != nil {
		return err
	}
	var errs []error
	for _, i := range list {
		if unneeded(i.Name) {
			errs = append(errs, s.files.base.Delete(ctx, i.Name))
		}
	}
	if c, ok := s.files.base.(blob.Cleaner); ok {
		errs = append(errs, c.Clean(ctx, checkpointDir, s.stale))
	}
	return errors.Join(errs...)
}

// sweepClaimed deletes objects of claimed snapshots, and the manifest when none is left: until then
// it is what says which objects are the job's.
func (s *Store) sweepClaimed(ctx context.Context, p *pointer, live map[string]owner) error {
	var errs []error
	gone := map[string]bool{}
	for _, manifest := range p.claimed {
		set, err := s.set(ctx, manifest)
		if corrupt := (*CorruptError)(nil); errors.As(err, &corrupt) {
			gone[manifest] = true // nothing can be said about what belongs to it
			continue
		}
		if err != nil {
			errs = append(errs, err)
			continue
		}
		left := false
		for _, name := range sortedKeys(set) {
			if _, needed := live[name]; needed {
				left = true
			} else if err := s.files.delete(ctx, name); err != nil {
				errs = append(errs, err)
				left = true
			}
		}
		if left {
			continue
		}
		if err := s.files.delete(ctx, manifest); err != nil {
			errs = append(errs, err)
			continue
		}
		gone[manifest] = true
	}
	if len(gone) > 0 {
		_, err := s.update(ctx, func(p *pointer) {
			p.claimed = slices.DeleteFunc(p.claimed, func(m string) bool { return gone[m] })
		})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
