package lsm

import "github.com/cockroachdb/pebble/v2/vfs"

// noSync is a file system whose files are never forced to the disk: a tree that does not survive its
// process needs none of it. What the disk loses is found by the checksums of the blocks.
type noSync struct{ vfs.FS }

// Create makes a file.
func (f noSync) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return unsynced(f.FS.Create(name, c))
}

// ReuseForWrite makes a file of another one.
func (f noSync) ReuseForWrite(old, name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return unsynced(f.FS.ReuseForWrite(old, name, c))
}

// OpenDir opens a directory.
func (f noSync) OpenDir(name string) (vfs.File, error) { return unsynced(f.FS.OpenDir(name)) }

func unsynced(f vfs.File, err error) (vfs.File, error) {
	if err != nil {
		return nil, err
	}
	return noSyncFile{f}, nil
}

type noSyncFile struct{ vfs.File }

// Sync does nothing.
func (noSyncFile) Sync() error { return nil }

// SyncData does nothing.
func (noSyncFile) SyncData() error { return nil }

// SyncTo does nothing.
func (noSyncFile) SyncTo(int64) (fullSync bool, err error) { return false, nil }
