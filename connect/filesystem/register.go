package filesystem

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Driver opens the file system at root, such as s3://bucket or hdfs://host:port. It asks no server: a server
// that is away is an error of what is done later.
type Driver func(root string) (FileSystem, error)

var drivers struct {
	sync.Mutex
	byScheme map[string]Driver
}

// packages are those of the drivers there are, for who has forgotten to import one.
var packages = map[string]string{
	"s3": "connect/s3", "s3a": "connect/s3", "hdfs": "connect/hdfs",
}

// Register makes a driver known for paths of a scheme. Packages of drivers call it when they are initialized; it
// panics if the scheme has one.
func Register(scheme string, d Driver) {
	drivers.Lock()
	defer drivers.Unlock()
	if drivers.byScheme[scheme] != nil || scheme == "file" {
		panic(fmt.Sprintf("filesystem: the scheme %q has two drivers", scheme))
	}
	if drivers.byScheme == nil {
		drivers.byScheme = map[string]Driver{}
	}
	drivers.byScheme[scheme] = d
}

func driverOf(scheme string) Driver {
	drivers.Lock()
	defer drivers.Unlock()
	return drivers.byScheme[scheme]
}

func unregistered(path, scheme string) error {
	if p := packages[scheme]; p != "" {
		return fmt.Errorf("%q: this program has no driver for %s://; import _ %q", path, scheme, "github.com/flott-dev/flott/"+p)
	}
	drivers.Lock()
	defer drivers.Unlock()
	known := append([]string{"file"}, slices.Sorted(maps.Keys(drivers.byScheme))...)
	return fmt.Errorf("%q: no driver for %s:// is registered; there are %s", path, scheme, strings.Join(known, "://, ")+"://")
}

// For returns the file system that a path is in.
func For(path string) (FileSystem, error) {
	root, _ := Split(path)
	if root == "" {
		return Local, nil
	}
	scheme, _, _ := strings.Cut(root, ":")
	d := driverOf(scheme)
	if d == nil {
		return nil, unregistered(path, scheme)
	}
	return d(root)
}

// All returns the files of all file systems: each path says where it is. Systems are opened once.
func All() Files { return &all{systems: map[string]FileSystem{}} }

type all struct {
	mu      sync.Mutex
	systems map[string]FileSystem // by their roots
}

func (a *all) of(path string) (FileSystem, error) {
	root, _ := Split(path)
	if root == "" {
		return Local, nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if s := a.systems[root]; s != nil {
		return s, nil
	}
	s, err := For(path)
	if err != nil {
		return nil, err
	}
	a.systems[root] = s
	return s, nil
}

func (a *all) Stat(ctx context.Context, path string) (fs.FileInfo, error) {
	s, err := a.of(path)
	if err != nil {
		return nil, err
	}
	return s.Stat(ctx, path)
}

func (a *all) ReadDir(ctx context.Context, path string) ([]fs.DirEntry, error) {
	s, err := a.of(path)
	if err != nil {
		return nil, err
	}
	return s.ReadDir(ctx, path)
}

func (a *all) Glob(ctx context.Context, pattern string) ([]string, error) {
	s, err := a.of(pattern)
	if err != nil {
		return nil, err
	}
	return s.Glob(ctx, pattern)
}

// Walk is that of the directory's system.
func (a *all) Walk(ctx context.Context, dir string, found func(path string, info fs.FileInfo)) error {
	s, err := a.of(dir)
	if err != nil {
		return err
	}
	w, ok := s.(Walker)
	if !ok {
		return errors.ErrUnsupported
	}
	return w.Walk(ctx, dir, found)
}

func (a *all) Open(ctx context.Context, path string) (File, error) {
	s, err := a.of(path)
	if err != nil {
		return nil, err
	}
	return s.Open(ctx, path)
}
