package web_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/servertest"
	"github.com/flott-dev/flott/web"
)

func TestMain(m *testing.M) { servertest.Main(m) }

// TestBuilt fails if the sources are others than those that the page was made of.
func TestBuilt(t *testing.T) {
	names := []string{"build.mjs", "package-lock.json", "package.json", "tsconfig.json"}
	err := filepath.WalkDir("src", func(name string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			names = append(names, filepath.ToSlash(name))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	hash := sha256.New()
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(hash, "%s %d\n%s", name, len(text), text)
	}
	built, err := os.ReadFile("dist/sources")
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != strings.TrimSpace(string(built)) {
		t.Errorf("the sources of the dashboard have changed since it was made (%s, now %s): run make web", built, got)
	}
}

// bundleBytesMax is how much a browser loads, compressed.
const bundleBytesMax = 300_000

// TestBundle looks at what is embedded: that it is small, and that the page names the files that are there.
func TestBundle(t *testing.T) {
	var zipped bytes.Buffer
	page, err := fs.ReadFile(web.Files(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	named := regexp.MustCompile(`assets/[a-z]+-[0-9A-Z]{8}\.(js|css|svg)`).FindAllString(string(page), -1)
	if len(named) != 3 {
		t.Errorf("the page names %q", named)
	}
	err = fs.WalkDir(web.Files(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if strings.HasPrefix(name, "assets/") && !slices.Contains(named, name) {
			t.Errorf("nothing names %s", name)
		}
		text, err := fs.ReadFile(web.Files(), name)
		if err != nil {
			return err
		}
		z := gzip.NewWriter(&zipped)
		_, _ = z.Write(text)
		return z.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	if zipped.Len() > bundleBytesMax {
		t.Errorf("the dashboard has %d bytes, compressed; at most %d", zipped.Len(), bundleBytesMax)
	}
}

// TestLock wants the lock file to say nothing of where packages came from: that may be a mirror of somebody's own.
func TestLock(t *testing.T) {
	text, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range regexp.MustCompile(`"resolved": "([^"]*)"`).FindAllSubmatch(text, -1) {
		if !bytes.HasPrefix(url[1], []byte("https://registry.npmjs.org/")) {
			t.Errorf("a package comes from %s", url[1])
		}
	}
	if !bytes.Contains(text, []byte(`"integrity": "sha512-`)) {
		t.Error("packages have no hashes")
	}
}
