package sqltest

import (
	"compress/gzip"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Data is a directory with the files of another, of which those that end in .gz are unpacked: large ones are kept
// so. remove deletes what was made.
func Data(dir string) (path string, remove func(), err error) {
	packed, err := filepath.Glob(filepath.Join(dir, "*.gz"))
	if err != nil {
		return "", nil, err
	}
	if dir, err = filepath.Abs(dir); err != nil || len(packed) == 0 {
		return dir, func() {}, err
	}
	if path, err = os.MkdirTemp("", "flott-data-"); err != nil {
		return "", nil, err
	}
	remove = func() { os.RemoveAll(path) }
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		if err == nil && e.Type().IsRegular() {
			err = unpack(filepath.Join(dir, e.Name()), filepath.Join(path, strings.TrimSuffix(e.Name(), ".gz")))
		}
	}
	if err != nil {
		remove()
		return "", nil, err
	}
	return path, remove, nil
}

// unpack copies a file, and unpacks it if its name ends in .gz.
func unpack(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	r := io.Reader(in)
	if strings.HasSuffix(from, ".gz") {
		if r, err = gzip.NewReader(in); err != nil {
			return err
		}
	}
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	if _, err = io.Copy(out, r); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
