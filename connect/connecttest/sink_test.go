package connecttest_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/file"
)

func record(n int) string { return fmt.Sprint("record ", n) }

func TestCollectIsASink(t *testing.T) {
	connecttest.Sink(t, func(*testing.T) connecttest.SinkTarget[string] {
		s := collect.To[string]()
		return connecttest.SinkTarget[string]{Sink: s, Visible: s.Results}
	}, connecttest.SinkOptions[string]{Record: record})
}

func TestFileIsASink(t *testing.T) {
	for _, partBytes := range []int64{0, 20} {
		connecttest.Sink(t, func(t *testing.T) connecttest.SinkTarget[string] {
			dir := t.TempDir()
			enc := file.EncodeLines(func(s string) string { return s })
			return connecttest.SinkTarget[string]{
				Sink:    file.Sink(dir, enc, file.SinkOptions[string]{PartBytes: partBytes}),
				Visible: func() []string { return lines(t, dir) },
			}
		}, connecttest.SinkOptions[string]{Record: record, Seeds: 10})
	}
}

// lines are those of the files in dir that are not hidden.
func lines(t *testing.T, dir string) (all []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			return err
		}
		text, err := os.ReadFile(path)
		for line := range strings.Lines(string(text)) {
			all = append(all, strings.TrimSuffix(line, "\n"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
