package rest

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/process"
)

// Stored makes a store of a directory of executables.
func Stored(a *process.Artifacts) Artifacts { return stored{a} }

// StoredAlso makes a store of a directory of executables, and of blobs that survive it.
func StoredAlso(a *process.Artifacts, blobs blob.Store) Artifacts { return surviving{stored{a}, blobs} }

type surviving struct {
	stored
	blobs blob.Store
}

func artifactName(hash string) string { return "artifacts/" + hash }

// Put stores an executable in both.
func (s surviving) Put(ctx context.Context, hash string, r io.Reader) error {
	if err := s.stored.Put(ctx, hash, r); err != nil {
		return err
	}
	in, err := s.stored.Open(hash)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := s.blobs.Create(ctx, artifactName(hash))
	if err != nil {
		return ignoreExists(err)
	}
	defer out.Abort()
	if _, err := io.Copy(out, in); err != nil {
		return err
	}
	return ignoreExists(out.Commit())
}

func ignoreExists(err error) error {
	if errors.Is(err, blob.ErrExists) {
		return nil
	}
	return err
}

// Has reports whether an executable is where it survives.
func (s surviving) Has(hash string) (bool, error) {
	if _, err := process.ParseHash(hash); err != nil {
		return false, err
	}
	_, err := s.blobs.Stat(context.Background(), artifactName(hash))
	if errors.Is(err, blob.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Open reads an executable, which an earlier JobManager may have taken.
func (s surviving) Open(hash string) (io.ReadCloser, error) {
	in, err := s.stored.Open(hash)
	if !errors.Is(err, fs.ErrNotExist) {
		return in, err
	}
	size, err := s.blobs.Stat(context.Background(), artifactName(hash))
	if errors.Is(err, blob.ErrNotFound) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	at := &blobReader{s.blobs, artifactName(hash)}
	if err := s.stored.Put(context.Background(), hash, io.NewSectionReader(at, 0, size)); err != nil {
		return nil, err
	}
	return s.stored.Open(hash)
}

// blobReader reads a blob.
type blobReader struct {
	blobs blob.Store
	name  string
}

// ReadAt reads at an offset.
func (r *blobReader) ReadAt(p []byte, offset int64) (int, error) {
	if err := r.blobs.ReadAt(context.Background(), r.name, p, offset); err != nil {
		return 0, err
	}
	return len(p), nil
}

type stored struct{ a *process.Artifacts }

// Put stores an executable.
func (s stored) Put(_ context.Context, hash string, r io.Reader) error {
	h, err := process.ParseHash(hash)
	if err != nil {
		return err
	}
	a, err := s.a.Put(h, r)
	if err != nil {
		return err
	}
	return a.Close()
}

func (s stored) get(hash string) (*process.Artifact, error) {
	h, err := process.ParseHash(hash)
	if err != nil {
		return nil, err
	}
	a, err := s.a.Get(h)
	if errors.Is(err, process.ErrNoArtifact) {
		err = fs.ErrNotExist
	}
	return a, err
}

// Has reports whether an executable is there.
func (s stored) Has(hash string) (bool, error) {
	a, err := s.get(hash)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, a.Close()
}

// Open reads an executable, which stays until the reader is closed.
func (s stored) Open(hash string) (io.ReadCloser, error) {
	a, err := s.get(hash)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(a.Path)
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return held{f, a}, nil
}

// held is a file that is not removed while it is read.
type held struct {
	*os.File
	a *process.Artifact
}

// Close lets go of the file.
func (h held) Close() error { return errors.Join(h.File.Close(), h.a.Close()) }
