package storage

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
)

// shortID is how much of a job's id is in the name of its savepoints.
const shortID = 6

// Savepoint begins a savepoint in a new directory below dir, whose URI is the target's.
func (s *Store) Savepoint(ctx context.Context, dir string, attempt int64) (*Target, error) {
	parent, err := s.files.open(ctx, dir)
	if err != nil {
		return nil, err
	}
	entropy := make([]byte, 6)
	rand.Read(entropy) // never fails
	name := escape(s.job)
	name = "savepoint-" + name[:min(len(name), shortID)] + "-" + hex.EncodeToString(entropy)
	return s.savepoint(blob.Sub(parent, name), attempt), nil
}

// JoinSavepoint is the target of a savepoint that another process has begun at uri. s may be nil.
func JoinSavepoint(ctx context.Context, s *Store, uri string, attempt int64) (*Target, error) {
	if s == nil {
		s = New(blob.NewMemory(blob.MemoryOptions{}), "", Options{})
	}
	return s.JoinSavepoint(ctx, uri, attempt)
}

// JoinSavepoint is the target of a savepoint that another process has begun at uri.
func (s *Store) JoinSavepoint(ctx context.Context, uri string, attempt int64) (*Target, error) {
	parentURI, name := splitURI(uri)
	parent, err := s.files.open(ctx, parentURI)
	if err != nil {
		return nil, err
	}
	return s.savepoint(blob.Sub(parent, name), attempt), nil
}

func (s *Store) savepoint(base blob.Store, attempt int64) *Target {
	return &Target{
		files: newFiles(base, s.files.open), epoch: s.opts.Epoch, attempt: attempt,
		codec: checkpoint.CodecZstd, inline: s.opts.InlineMax, plain: true,
	}
}

// Publish completes a savepoint whose parts are closed.
func (t *Target) Publish(ctx context.Context, snapshot *checkpoint.Snapshot) error {
	if !t.plain {
		return errors.New("a checkpoint is published by its store")
	}
	snapshot.Epoch, snapshot.Kind = t.epoch, checkpoint.Savepoint
	for name, o := range objectsOf(snapshot) {
		if strings.Contains(name, "/") {
			return fmt.Errorf("savepoint %s: operator %q, state %q: object %s is not in the savepoint, which "+
				"must be full", t.URI(), o.op, o.state, name)
		}
	}
	data, err := checkpoint.AppendManifest(nil, snapshot)
	if err == nil {
		err = t.files.verify(ctx, snapshot, false)
	}
	if err == nil {
		err = putOnce(ctx, t.files.base, metadataName, data)
	}
	if err != nil {
		return fmt.Errorf("savepoint %s: %w", t.URI(), err)
	}
	return nil
}

// Abort deletes what there is of a savepoint that is not published.
func (t *Target) Abort(ctx context.Context) error {
	if !t.plain {
		return errors.New("a checkpoint is aborted by its store")
	}
	return dispose(ctx, t.files.base, nil)
}

// locate returns the URI of the manifest of the snapshot at path: the manifest itself, or the
// directory of a savepoint or checkpoint.
func locate(ctx context.Context, open Opener, location string) (string, error) {
	dir, err := open(ctx, location)
	if err != nil {
		return "", err
	}
	uri := strings.TrimSuffix(dir.URI(), "/")
	base := path.Base(uri)
	if base == metadataName || strings.HasPrefix(base, manifestPart+"-") {
		return uri, nil
	}
	parentURI, name := splitURI(uri)
	parent, err := open(ctx, parentURI)
	if err != nil {
		return "", err
	}
	list, err := parent.List(ctx, name+"/")
	if err != nil {
		return "", err
	}
	newest, epochMax, attemptMax := "", int64(-1), int64(-1)
	for _, i := range list {
		file := strings.TrimPrefix(i.Name, name+"/")
		if file == metadataName {
			return blob.Join(uri, file), nil
		}
		part, epoch, attempt, ok := parseVersioned(file)
		if ok && part == manifestPart &&
			(epoch > epochMax || epoch == epochMax && attempt > attemptMax) {
			newest, epochMax, attemptMax = file, epoch, attempt
		}
	}
	if newest == "" {
		return "", fmt.Errorf("%s is neither a savepoint nor a checkpoint; name the directory that has "+
			"%s or %s-… in it", uri, metadataName, manifestPart)
	}
	return blob.Join(uri, newest), nil
}

// Open returns the savepoint or checkpoint at path, which is a directory or manifest. Its blobs load
// as long as ctx holds. The default of open is blob.Open.
func Open(ctx context.Context, location string, open Opener) (*checkpoint.Snapshot, error) {
	if open == nil {
		open = blob.Open
	}
	uri, err := locate(ctx, open, location)
	if err != nil {
		return nil, err
	}
	f := nowhere(open)
	s, err := f.manifest(ctx, uri)
	if err != nil {
		return nil, err
	}
	if err := f.verify(ctx, s, false); err != nil {
		return nil, err
	}
	return s, f.bind(ctx, s)
}

// OpenLatest returns the newest checkpoint of the job whose directory dir is, as Open does, without
// taking the job over. The error is ErrNone if there is no pointer. A checkpoint that is retired
// meanwhile shows as a CorruptError: the caller asks again.
func OpenLatest(ctx context.Context, dir blob.Store) (*checkpoint.Snapshot, error) {
	f := newFiles(dir, nil)
	data, err := dir.Get(ctx, pointerName)
	if errors.Is(err, blob.ErrNotFound) {
		return nil, fmt.Errorf("%s: %w", dir.URI(), ErrNone)
	}
	if err != nil {
		return nil, err
	}
	p, err := decodePointer(data)
	if err != nil {
		return nil, &CorruptError{Object: f.uri(pointerName), Problem: err.Error()}
	}
	if len(p.retained) == 0 {
		return nil, fmt.Errorf("%s: the job has not completed a checkpoint yet, or has deleted them", dir.URI())
	}
	s, err := f.manifest(ctx, p.retained[0].manifest)
	if err == nil {
		err = f.verify(ctx, s, false)
	}
	if err != nil {
		return nil, err
	}
	return s, f.bind(ctx, s)
}

// Create begins a savepoint in the directory at uri, which must not have one.
func Create(ctx context.Context, uri string, open Opener) (*Target, error) {
	if open == nil {
		open = blob.Open
	}
	base, err := open(ctx, uri)
	if err != nil {
		return nil, err
	}
	list, err := base.List(ctx, "")
	if err == nil && len(list) > 0 {
		err = fmt.Errorf("%s is not empty; name a new directory", uri)
	}
	if err != nil {
		return nil, err
	}
	return New(base, "", Options{}).savepoint(base, 1), nil
}

// Verify compares the objects of a snapshot that Open has returned with what is there: their
// lengths, or if deep their checksums. Its error has a CorruptError for each that is damaged.
func Verify(ctx context.Context, s *checkpoint.Snapshot, open Opener, deep bool) error {
	return newFiles(blob.NewMemory(blob.MemoryOptions{Name: "none"}), open).verify(ctx, s, deep)
}

// Dispose deletes the savepoint at path, as far as it is there.
func Dispose(ctx context.Context, location string, open Opener) error {
	if open == nil {
		open = blob.Open
	}
	uri, err := locate(ctx, open, location)
	if err != nil {
		return err
	}
	dirURI, file := splitURI(uri)
	if file != metadataName {
		return fmt.Errorf("%s is a checkpoint, which its job deletes", dirURI)
	}
	parentURI, name := splitURI(dirURI)
	parent, err := open(ctx, parentURI)
	if err != nil {
		return err
	}
	dir := blob.Sub(parent, name)
	return dispose(ctx, dir, []string{metadataName})
}

// dispose deletes the parts in dir and then others: the manifest last, so that what is left of an
// interrupted deletion can still be deleted by its path.
func dispose(ctx context.Context, dir blob.Store, last []string) error {
	list, err := dir.List(ctx, "")
	if err != nil {
		return err
	}
	var errs []error
	if c, ok := dir.(blob.Cleaner); ok {
		errs = append(errs, c.Clean(ctx, "", func(string) bool { return true }))
	}
	for _, i := range list {
		if _, _, _, ok := parseVersioned(i.Name); ok && !strings.Contains(i.Name, "/") {
			errs = append(errs, dir.Delete(ctx, i.Name))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, name := range last {
		if err := dir.Delete(ctx, name); err != nil {
			return err
		}
	}
	return nil
}
