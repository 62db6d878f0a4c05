package connecttest_test

import (
	"testing"

	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/filesystem"
)

func TestLocalIsAFileSystem(t *testing.T) {
	connecttest.FileSystem(t, connecttest.FileSystemOptions{
		Open: func(*testing.T) filesystem.FileSystem { return filesystem.Local },
		Dir:  func(t *testing.T) string { return t.TempDir() },
	})
}
