package rest_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/internal/rest"
)

// TestStored stores executables in a directory.
func TestStored(t *testing.T) {
	a, err := process.OpenArtifacts(t.TempDir(), 0, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	s, ctx := rest.Stored(a), context.Background()
	sum := sha256.Sum256([]byte("program"))
	hash := hex.EncodeToString(sum[:])
	has := func() bool {
		t.Helper()
		ok, err := s.Has(hash)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	}
	if _, err := s.Open(hash); has() || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before: %v", err)
	}
	torn := io.MultiReader(strings.NewReader("prog"), iotest.ErrReader(io.ErrUnexpectedEOF))
	for name, r := range map[string]io.Reader{"torn": torn, "wrong": strings.NewReader("programs")} {
		if err := s.Put(ctx, hash, r); err == nil || has() {
			t.Errorf("%s content is kept: %v", name, err)
		}
	}
	if err := s.Put(ctx, hash, strings.NewReader("program")); err != nil || !has() {
		t.Fatal(err)
	}
	in, err := s.Open(hash)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if text, err := io.ReadAll(in); err != nil || string(text) != "program" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := s.Has("x"); err == nil {
		t.Error("a hash that is none")
	}
}
