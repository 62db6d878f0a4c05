// Package filesystem is the contract between what reads and writes files, package connect/file, and the
// systems that keep them: the disks of this machine, object stores, distributed file systems.
//
// The scheme of a path says which one it is: a plain path and file:///path are of this machine, of others
// are s3://bucket/key and hdfs://host:port/path. A system is known when the package of its driver is
// imported, as with database/sql; connect/all imports all of them.
//
// # Writing
//
// A file is written where nobody sees it and becomes visible in whole, when the checkpoint that contains its
// end is complete:
//
//	Create ── Write … ── Persist ── Write … ── Finish ────────── Commit
//	                        │                     │                │
//	                     Pending               Pending          visible
//	                  in a snapshot          in a snapshot
//	                        │
//	                     Recover, by another process ─────────── Commit
//
// A Pending is all that another process needs, besides the directory. Recover takes it up at the length that
// it has and ends it: a file is not written further after a failure. Commit may be repeated.
//
// # Optional abilities
//
// A FileSystem may implement Uploader and Walker.
//
// Data flow: connect/file asks For the system of its path, lists and reads files of it, and writes through it.
package filesystem

import (
	"context"
	"io"
	"io/fs"
)

// FileSystem keeps files. Paths are whole, as Parse returns them, with scheme and host. Errors wrap
// fs.ErrNotExist, fs.ErrPermission and fs.ErrExist where these are the cause; they name the path, and what
// to change where that is known. Methods may be called at the same time.
type FileSystem interface {
	Files
	// MkdirAll makes a directory below dir, and those between, and makes their names below dir durable. One
	// that exists is no error. It does nothing where there are no directories.
	MkdirAll(ctx context.Context, dir, below string) error
	// Remove removes a file.
	Remove(ctx context.Context, path string) error
	// Create begins the file dir/name, which is written under the name hidden, in the same directory,
	// until it is committed, where unfinished files have names. If one of both is taken, the error wraps
	// fs.ErrExist and nothing is left behind. The directory exists. The context holds until the writer is
	// closed or aborted.
	Create(ctx context.Context, dir, name, hidden string) (Writer, error)
	// Recover ends, durably, a file that a snapshot knows, at its length there, and returns it as Commit takes it.
	// What was written after the snapshot is cut off. It may be repeated, also with a file that was ended.
	Recover(ctx context.Context, dir string, p Pending) (Pending, error)
	// Commit makes finished files visible, durably. Those that are visible already are passed over, and it
	// is an error if a file of another origin has the name. But for an Uploader, the Name may be another one than Create
	// had, in the same directory.
	Commit(ctx context.Context, dir string, files []Pending) error
}

// Files is what can be read of a FileSystem.
type Files interface {
	// Stat describes a file or a directory. Links are followed.
	Stat(ctx context.Context, path string) (fs.FileInfo, error)
	// ReadDir lists a directory, sorted by name. Info of an entry follows links, and asks nobody again if
	// the list told.
	ReadDir(ctx context.Context, path string) ([]fs.DirEntry, error)
	// Glob returns the paths that match a pattern in the sense of filepath.Match, sorted; see GlobDirs.
	Glob(ctx context.Context, pattern string) ([]string, error)
	// Open opens a file to be read. The context holds until the file is closed.
	Open(ctx context.Context, path string) (File, error)
}

// File is an open file. It may be an io.ReaderAt, which formats with blocks use.
type File interface {
	io.ReadSeekCloser
	Stat() (fs.FileInfo, error)
}

// Writer writes one file that nobody sees yet. It is for one goroutine.
type Writer interface {
	io.Writer
	// Persist makes what was written durable, and returns what Recover needs to go back to it.
	Persist() (Pending, error)
	// Finish ends the file, durably, and returns what Commit needs. Nothing is written after it.
	Finish() (Pending, error)
	// Close releases what the writer holds. What was made durable stays as it is: a snapshot may know it.
	Close() error
	// Abort is Close, and gives up the file. It may be called after Finish, but not if a snapshot may know
	// the file.
	Abort() error
}

// Pending is a file that is not committed yet, as a snapshot keeps it.
type Pending struct {
	// Name is the file below the sink's directory.
	Name string
	// Token is what the file system knows it by until it is committed: for disks, the path of the hidden
	// file below the sink's directory.
	Token string
	// Bytes is its length.
	Bytes int64
}

// Walker are Files that list all of a tree at once, where a list for each directory would take long.
type Walker interface {
	// Walk calls found for all files below a directory, in any order. It fails with errors.ErrUnsupported where the tree has to be
	// listed by its directories.
	Walk(ctx context.Context, dir string, found func(path string, info fs.FileInfo)) error
}

// Uploader is a FileSystem whose unfinished files have no names, so that any number of them may be made for one:
// an object store. Who writes has to give names that nobody else gives, as Create cannot refuse any.
type Uploader interface {
	FileSystem
	// AbortUploads gives up the unfinished files below dir for whose names, below dir, stale returns true.
	AbortUploads(ctx context.Context, dir string, stale func(name string) bool) error
}
