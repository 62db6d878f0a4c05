package storage_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/storage"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a blob store in memory and the way to it by URI.
type world struct{ root blob.Store }

func newWorld() world {
	return world{blob.NewMemory(blob.MemoryOptions{ObjectMax: 1 << 30, TotalMax: 1 << 30, Name: "w"})}
}

func (w world) open(_ context.Context, uri string) (blob.Store, error) {
	name, ok := strings.CutPrefix(strings.TrimSuffix(uri, "/"), w.root.URI())
	if !ok {
		return nil, fmt.Errorf("no store at %s", uri)
	}
	return blob.Sub(w.root, strings.Trim(name, "/")), nil
}

func (w world) store(epoch int64, retain int) *storage.Store {
	return storage.New(w.root, "a job", storage.Options{Epoch: epoch, Retain: retain, Compress: true, Open: w.open})
}

func (w world) names(t testing.TB) []string {
	t.Helper()
	list, err := w.root.List(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range list {
		names = append(names, i.Name)
	}
	return names
}

// text is compressible data that a seed determines.
func text(seed, size int) []byte {
	return slices.Clone(generated(1, seed, size, func(r *rand.Rand) byte {
		return "aaaaaaaaabcdefg\n"[r.IntN(16)]
	}))
}

// noise cannot be compressed.
func noise(seed, size int) []byte {
	return slices.Clone(generated(2, seed, size, func(r *rand.Rand) byte { return byte(r.Uint32()) }))
}

// made has what was generated, which tests want many times.
var made = map[[3]int][]byte{}

func generated(kind, seed, size int, next func(*rand.Rand) byte) []byte {
	key := [3]int{kind, seed, size}
	if made[key] == nil {
		r := rand.New(rand.NewPCG(uint64(seed), uint64(kind)))
		out := make([]byte, size)
		for i := range out {
			out[i] = next(r)
		}
		made[key] = out
	}
	return made[key]
}

// contents is what the sections and the rest of a snapshot should be.
type contents map[string]string

func at(uid string, subtask int, state string, group int) string {
	return fmt.Sprint(uid, subtask, state, group)
}

// write writes a snapshot of two operators with two subtasks each. Its data depends on seed.
func write(ctx context.Context, target *storage.Target, id int64, seed int) (*checkpoint.Snapshot,
	contents, error,
) {
	s := &checkpoint.Snapshot{ID: id, Job: "a job", Taken: 1000 * id, Operators: map[string]*checkpoint.OperatorState{}}
	want := contents{}
	for _, uid := range []string{"big", "small"} {
		o := &checkpoint.OperatorState{
			Name: "operator " + uid, MaxParallelism: 8, Coordinator: []byte("splits"),
			Subtasks: make([]*operator.State, 2), Rest: make([]operator.Blob, 2),
		}
		s.Operators[uid] = o
		for i := range o.Subtasks {
			sub, err := writePart(ctx, target, o, uid, i, seed, want)
			if err != nil {
				return nil, nil, err
			}
			o.Subtasks[i] = sub
		}
	}
	return s, want, nil
}

func writePart(ctx context.Context, target *storage.Target, o *checkpoint.OperatorState, uid string,
	i, seed int, want contents,
) (*operator.State, error) {
	w := target.Part(ctx, fmt.Sprint(uid, ".", i))
	defer w.Abort()
	sub := &operator.State{Union: map[string][][]byte{"positions": {text(seed, 40), {}}}}
	size := map[string]int{"big": 30_000, "small": 90}[uid]
	for group := range 4 {
		data := text(seed*100+i*10+group, size)
		if group == 3 {
			data = noise(seed, size)
		}
		want[at(uid, i, "sums", group)] = string(data)
		b, err := w.Append(data)
		if err != nil {
			return nil, err
		}
		sub.Keyed = append(sub.Keyed, operator.Section{State: "sums", Group: group, Data: b})
	}
	want[at(uid, i, "rest", 0)] = fmt.Sprint(sub.Union)
	rest, err := w.AppendRest(sub)
	if err != nil {
		return nil, err
	}
	o.Rest[i] = rest
	sub.Union = nil
	return sub, w.Close()
}

// check compares what a snapshot loads with what was written. It returns the first error of a load.
func check(t testing.TB, s *checkpoint.Snapshot, want contents) error {
	t.Helper()
	seen := 0
	for uid, o := range s.Operators {
		for i, sub := range o.Subtasks {
			for _, section := range sub.Keyed {
				data, err := section.Data.Load()
				if err != nil {
					return err
				}
				if string(data) != want[at(uid, i, section.State, section.Group)] {
					t.Errorf("%s %d, group %d: wrong data", uid, i, section.Group)
				}
				seen++
			}
			if fmt.Sprint(sub.Union) != want[at(uid, i, "rest", 0)] {
				t.Errorf("%s %d: union state is %v", uid, i, sub.Union)
			}
			seen++
		}
	}
	if seen != len(want) {
		t.Errorf("%d pieces, want %d", seen, len(want))
	}
	return nil
}

func publish(t testing.TB, s *storage.Store, id int64, seed int) contents {
	t.Helper()
	want, err := tryPublish(s, id, seed)
	if err != nil {
		t.Fatal(err)
	}
	return want
}

func tryPublish(s *storage.Store, id int64, seed int) (contents, error) {
	ctx := context.Background()
	if err := s.Begin(ctx, id, 0); err != nil {
		return nil, err
	}
	snapshot, want, err := write(ctx, s.Checkpoint(id, 1), id, seed)
	if err != nil {
		return want, err
	}
	return want, s.Publish(ctx, snapshot)
}

func lead(t testing.TB, s *storage.Store) {
	t.Helper()
	if warning, err := s.Lead(context.Background()); err != nil || warning != nil {
		t.Fatal(warning, err)
	}
}

func TestCheckpointRoundTrip(t *testing.T) {
	dir := t.TempDir()
	for name, o := range map[string]storage.Options{
		"s2": {Compress: true}, "plain": {}, "never inline": {Compress: true, InlineMax: -1},
	} {
		o.Epoch = 1
		root := blob.NewDir(filepath.Join(dir, "with space", name))
		s := storage.New(root, "job/ü", o)
		lead(t, s)
		if _, _, err := s.Latest(t.Context()); !errors.Is(err, storage.ErrNone) {
			t.Errorf("latest of a new job: %v", err)
		}
		want := publish(t, s, 1, 5)
		again := storage.New(root, "job/ü", storage.Options{Epoch: 2})
		got, warnings, err := again.Latest(t.Context())
		if err != nil || len(warnings) > 0 {
			t.Fatal(warnings, err)
		}
		if err := check(t, got, want); err != nil {
			t.Error(err)
		}
		if err := again.Verify(t.Context(), got, true); err != nil {
			t.Error(err)
		}
		if got.ID != 1 || got.Taken != 1000 || got.Epoch != 1 {
			t.Errorf("got %+v", got)
		}
		list, err := root.List(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		objects := 4 // two parts, manifest, pointer
		if name == "never inline" {
			objects = 6
		}
		if len(list) != objects {
			t.Errorf("%s: %d objects: %v", name, len(list), list)
		}
		// By path: the directory, and the manifest.
		path := filepath.Join(dir, "with space", name, "job=2f=c3=bc", "chk-1")
		for _, p := range []string{path, filepath.Join(path, "manifest-1-0"), "file://" + strings.ReplaceAll(path, " ", "%20")} {
			byPath, err := storage.Open(t.Context(), p, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := check(t, byPath, want); err != nil {
				t.Error(err)
			}
			if err := storage.Verify(t.Context(), byPath, nil, true); err != nil {
				t.Error(err)
			}
		}
		if err := storage.Dispose(t.Context(), path, nil); err == nil {
			t.Error("a checkpoint is disposed of")
		}
	}
}

func TestWriterKeepsLittleInMemory(t *testing.T) {
	w := newWorld()
	part := w.store(1, 1).Checkpoint(1, 1).Part(t.Context(), "p")
	data := noise(1, 10_000)
	first, err := part.Append(data)
	if err != nil {
		t.Fatal(err)
	}
	if first.Ref() != nil {
		t.Error("a piece is valid before the part is closed")
	}
	if _, err := first.Load(); err == nil {
		t.Error("a piece is loaded before the part is closed")
	}
	copy(data, "changed") // Append has not kept it
	if _, err := part.Append(data); err != nil {
		t.Fatal(err)
	}
	if err := part.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := first.Load(); err != nil || !bytes.Equal(got, noise(1, 10_000)) {
		t.Errorf("inline piece: %d bytes, %v", len(got), err)
	}
	if got := w.names(t); len(got) != 0 {
		t.Errorf("a part of 20000 bytes makes %v", got)
	}
	if _, err := part.Append(data); err == nil {
		t.Error("a closed part takes data")
	}
	part = w.store(1, 1).Checkpoint(1, 1).Part(t.Context(), "q")
	for range 5 {
		if _, err := part.Append(data); err != nil {
			t.Fatal(err)
		}
	}
	part.Abort()
	if part.Close() == nil {
		t.Error("an aborted part is closed")
	}
	if got := w.names(t); len(got) != 0 {
		t.Errorf("an aborted part leaves %v", got)
	}
}

// TestDamage damages every file of the newest checkpoint in every way.
func TestDamage(t *testing.T) {
	base := newWorld()
	s := base.store(1, 2)
	lead(t, s)
	old, latest := publish(t, s, 1, 1), publish(t, s, 2, 2)
	saved := map[string][]byte{}
	for _, name := range base.names(t) {
		data, err := base.root.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		saved[name] = data
	}
	damaged := 0
	for _, name := range base.names(t) {
		if strings.Contains(name, "chk-1/") {
			continue
		}
		for what, data := range damages(saved[name]) {
			w := newWorld()
			for n, d := range saved {
				if n == name {
					d = data
				}
				if d == nil {
					continue // deleted
				}
				if err := blob.Put(t.Context(), w.root, n, d); err != nil {
					t.Fatal(err)
				}
			}
			damaged++
			t.Run(name+" "+what, func(t *testing.T) { checkDamage(t, w, name, old, latest) })
		}
	}
	if damaged < 50 {
		t.Errorf("only %d kinds of damage", damaged)
	}
}

// damages returns broken forms of data.
func damages(data []byte) map[string][]byte {
	out := map[string][]byte{"deleted": nil, "empty": {}, "longer": append(slices.Clone(data), 0)}
	for i := range 16 {
		at := i * (len(data) - 1) / 15
		bad := slices.Clone(data)
		bad[at] ^= 4
		out[fmt.Sprint("flipped at ", at)] = bad
		out[fmt.Sprint("cut off at ", at)] = data[:at:at]
	}
	return out
}

func checkDamage(t *testing.T, w world, name string, old, latest contents) {
	s := w.store(2, 2)
	ctx := t.Context()
	got, warnings, err := s.Latest(ctx)
	if strings.HasSuffix(name, "pointer") {
		if errors.Is(err, storage.ErrNone) && !slices.Contains(w.names(t), name) {
			return // a job without a pointer is a new one
		}
		wantCorrupt(t, err, name)
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if got.ID == 2 { // not seen by the lengths
		deep := s.Verify(ctx, got, true)
		wantCorrupt(t, deep, name)
		err := check(t, got, latest)
		wantCorrupt(t, err, name)
		if !strings.Contains(fmt.Sprint(err), `state "sums"`) && !strings.Contains(fmt.Sprint(err), "operator big") {
			t.Errorf("the error does not say whose state it is: %v", err)
		}
		got, _, err = s.Latest(ctx, 2)
		if err != nil {
			t.Fatal(err)
		}
	} else {
		wantCorrupt(t, errors.Join(warnings...), name)
	}
	if got.ID != 1 {
		t.Errorf("falls back to %d", got.ID)
	}
	if err := check(t, got, old); err != nil {
		t.Error(err)
	}
}

func wantCorrupt(t *testing.T, err error, name string) {
	t.Helper()
	var corrupt *storage.CorruptError
	if !errors.As(err, &corrupt) || !strings.HasSuffix(corrupt.Object, name) {
		t.Errorf("got error %v, want one that says %s is damaged", err, name)
	}
}

var errCrash = errors.New("crash")

// crashing is a world whose store fails at operation n and from then on.
func crashing(inner world, n int, after bool) (world, *int) {
	ops, dead := 0, false
	f := &blob.Faulty{Store: inner.root, Hook: func(_ blob.Op, _ string, isAfter bool) error {
		if dead {
			return errCrash
		}
		if isAfter == after {
			if ops == n {
				dead = true
			}
			ops++
		}
		if dead {
			return errCrash
		}
		return nil
	}}
	return world{f}, &ops
}

// TestCrashAnywhere stops a leader at each operation while it publishes a checkpoint and sweeps, and
// looks at what its successor finds.
func TestCrashAnywhere(t *testing.T) {
	for _, kind := range []string{"memory", "dir"} {
		for _, after := range []bool{false, true} {
			seen := map[int64]int{}
			for n := 0; ; n++ {
				inner := newWorld()
				if kind == "dir" {
					inner = world{blob.NewDir(t.TempDir())}
				}
				old := publish(t, leading(t, inner, 1), 1, 1)
				w, ops := crashing(inner, n, after)
				dying := w.store(2, 1)
				_, leadErr := dying.Lead(t.Context())
				var latest contents
				if leadErr == nil {
					var err error
					if latest, err = tryPublish(dying, 2, 2); err == nil {
						_ = dying.Sweep(t.Context())
					}
				}
				id := checkSuccessor(t, inner, old, latest)
				seen[id]++
				if *ops <= n {
					break // it was not stopped
				}
			}
			if seen[1] < 5 || seen[2] < 2 {
				t.Errorf("%s, after %v: checkpoints found: %v", kind, after, seen)
			}
		}
	}
}

func leading(t testing.TB, w world, epoch int64) *storage.Store {
	t.Helper()
	s := w.store(epoch, 1)
	lead(t, s)
	return s
}

func checkSuccessor(t *testing.T, w world, old, latest contents) int64 {
	t.Helper()
	s := leading(t, w, 3)
	got, warnings, err := s.Latest(t.Context())
	if err != nil || len(warnings) > 0 {
		t.Fatal(warnings, err)
	}
	want := map[int64]contents{1: old, 2: latest}[got.ID]
	if err := check(t, got, want); err != nil {
		t.Error(err)
	}
	for _, name := range w.names(t) {
		if !strings.Contains(name, fmt.Sprintf("/chk-%d/", got.ID)) && name != "a=20job/pointer" {
			t.Errorf("checkpoint %d is complete, and %s is left", got.ID, name)
		}
	}
	if dir, ok := w.root.(*blob.Dir); ok {
		root := strings.TrimPrefix(dir.URI(), "file://")
		_ = filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
			if base := filepath.Base(path); base[0] == '.' && base != ".lock" {
				t.Errorf("temporary file %s is left", path)
			}
			return err
		})
	}
	return got.ID
}

func TestDiskFull(t *testing.T) {
	for n := range 8 {
		inner := newWorld()
		old := publish(t, leading(t, inner, 1), 1, 1)
		writes := 0
		w := world{&blob.Faulty{Store: inner.root, Hook: func(op blob.Op, _ string, after bool) error {
			if after || op != blob.Writing && op != blob.Committing && op != blob.Swapping {
				return nil
			}
			if writes++; writes > n+1 { // the first is that of Lead
				return fmt.Errorf("%w: %w", blob.ErrFull, syscall.ENOSPC)
			}
			return nil
		}}}
		s := w.store(2, 1)
		lead(t, s)
		_, err := tryPublish(s, 2, 2)
		if !errors.Is(err, blob.ErrFull) || !strings.Contains(err.Error(), "free some space") {
			t.Fatalf("after %d writes: %v", n, err)
		}
		if errors.Is(err, storage.ErrUncertain) {
			t.Errorf("a full disk is taken for a lost answer: %v", err)
		}
		s.Abort(2)
		if err := s.Sweep(t.Context()); err != nil {
			t.Error(err)
		}
		got, _, err := w.store(2, 1).Latest(t.Context())
		if err != nil || got.ID != 1 {
			t.Fatal(got, err)
		}
		if err := check(t, got, old); err != nil {
			t.Error(err)
		}
		for _, name := range w.names(t) {
			if strings.Contains(name, "chk-2") {
				t.Errorf("%s is left", name)
			}
		}
	}
}

func TestDeposed(t *testing.T) {
	w := newWorld()
	first := leading(t, w, 1)
	publish(t, first, 1, 1)
	second := leading(t, w, 2)
	if _, err := tryPublish(first, 2, 2); !errors.Is(err, storage.ErrDeposed) {
		t.Errorf("the old leader publishes: %v", err)
	}
	if err := first.Sweep(t.Context()); !errors.Is(err, storage.ErrDeposed) {
		t.Errorf("the old leader sweeps: %v", err)
	}
	if _, err := first.Lead(t.Context()); !errors.Is(err, storage.ErrDeposed) {
		t.Errorf("the old leader leads: %v", err)
	}
	want := publish(t, second, 2, 3)
	if err := second.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	got, _, err := second.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := check(t, got, want); err != nil {
		t.Error(err)
	}
	for _, name := range w.names(t) {
		if strings.Contains(name, "chk-1") || strings.Contains(name, "-1-1") {
			t.Errorf("%s is left", name)
		}
	}
}

// TestUncertain loses the answer of the swap.
func TestUncertain(t *testing.T) {
	inner := newWorld()
	lead(t, inner.store(1, 1))
	lose := func(blind bool) *storage.Store {
		swapped := false
		return world{&blob.Faulty{Store: inner.root, Hook: func(op blob.Op, _ string, after bool) error {
			swapped = swapped || op == blob.Swapping && after
			if op == blob.Swapping && after || op == blob.Getting && swapped && blind {
				return errCrash
			}
			return nil
		}}}.store(1, 1)
	}
	if _, err := tryPublish(lose(false), 1, 1); err != nil {
		t.Errorf("the pointer can be read, and has changed, and yet: %v", err)
	}
	if _, err := tryPublish(lose(true), 2, 2); !errors.Is(err, storage.ErrUncertain) {
		t.Errorf("got %v, want that it is uncertain", err)
	}
	got, _, err := inner.store(2, 1).Latest(t.Context())
	if err != nil || got.ID != 2 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestSavepoint(t *testing.T) {
	dir := t.TempDir()
	s := storage.New(blob.NewDir(filepath.Join(dir, "jobs")), "0123456789", storage.Options{Epoch: 1})
	target, err := s.Savepoint(t.Context(), filepath.Join(dir, "savepoints"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(target.URI(), "/savepoints/savepoint-012345-") {
		t.Error(target.URI())
	}
	worker, err := s.JoinSavepoint(t.Context(), target.URI(), 1)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, want, err := write(t.Context(), worker, 4, 9)
	if err != nil {
		t.Fatal(err)
	}
	snapshot.Native = true
	path := strings.TrimPrefix(target.URI(), "file://")
	if _, err := storage.Open(t.Context(), path, nil); err == nil {
		t.Error("a savepoint without its manifest is opened")
	}
	if err := target.Publish(t.Context(), snapshot); err != nil {
		t.Fatal(err)
	}
	moved := filepath.Join(dir, "elsewhere")
	if err := os.Rename(path, moved); err != nil {
		t.Fatal(err)
	}
	for _, p := range []string{moved, moved + "/", filepath.Join(moved, "_metadata"), "file://" + moved} {
		got, err := storage.Open(t.Context(), p, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind != checkpoint.Savepoint || !got.Native || got.ID != 4 {
			t.Errorf("got %+v", got)
		}
		if err := check(t, got, want); err != nil {
			t.Error(err)
		}
	}
	if err := os.WriteFile(filepath.Join(moved, "notes.txt"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := storage.Dispose(t.Context(), moved, nil); err != nil {
		t.Fatal(err)
	}
	left, _ := os.ReadDir(moved)
	if len(left) != 1 || left[0].Name() != "notes.txt" {
		t.Errorf("left: %v", left)
	}
	aborted, err := s.Savepoint(t.Context(), filepath.Join(dir, "savepoints"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := write(t.Context(), aborted, 5, 1); err != nil {
		t.Fatal(err)
	}
	if err := aborted.Abort(t.Context()); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Join(dir, "savepoints")); len(left) > 0 {
		t.Errorf("an aborted savepoint leaves %v", left)
	}
}

// incremental builds checkpoint id on a snapshot, all of whose sections it takes over but one.
func incremental(t *testing.T, s *storage.Store, id, base int64, from *checkpoint.Snapshot,
	want contents,
) error {
	t.Helper()
	if err := s.Begin(t.Context(), id, base); err != nil {
		t.Fatal(err)
	}
	w := s.Checkpoint(id, 1).Part(t.Context(), "delta")
	data := noise(int(id), 30_000)
	b, err := w.Append(data)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	from.ID = id
	from.Operators["big"].Subtasks[0].Keyed[2].Data = b
	want[at("big", 0, "sums", 2)] = string(data)
	return s.Publish(t.Context(), from)
}

func savepointIn(t *testing.T, w world) (path string, want contents) {
	t.Helper()
	target, err := w.store(1, 1).Savepoint(t.Context(), w.root.URI()+"/saved", 1)
	if err != nil {
		t.Fatal(err)
	}
	snapshot, want, err := write(t.Context(), target, 10, 4)
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Publish(t.Context(), snapshot); err != nil {
		t.Fatal(err)
	}
	return target.URI(), want
}

func TestNoClaim(t *testing.T) {
	w := newWorld()
	path, want := savepointIn(t, w)
	before := w.names(t)
	got, err := storage.Open(t.Context(), path, w.open)
	if err != nil {
		t.Fatal(err)
	}
	s := leading(t, w, 1)
	err = incremental(t, s, 11, 0, got, want)
	if err == nil || !strings.Contains(err.Error(), "has not claimed") {
		t.Errorf("a checkpoint that needs what it does not own: %v", err)
	}
	publish(t, s, 12, 1)
	publish(t, s, 13, 1)
	lead(t, w.store(2, 1))
	for _, name := range before {
		if !slices.Contains(w.names(t), name) {
			t.Errorf("%s of the user is deleted", name)
		}
	}
}

func TestClaim(t *testing.T) {
	w := newWorld()
	path, want := savepointIn(t, w)
	objects := len(w.names(t))
	s := leading(t, w, 1)
	if err := s.Claim(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	saved := func() (n int) {
		for _, name := range w.names(t) {
			if strings.HasPrefix(name, "saved/") {
				n++
			}
		}
		return n
	}
	got, _, err := leading(t, w, 2).Latest(t.Context())
	if err != nil || got.ID != 10 {
		t.Fatal(got, err)
	}
	s = leading(t, w, 3)
	if err := incremental(t, s, 11, 10, got, want); err != nil {
		t.Fatal(err)
	}
	s = leading(t, w, 4) // after a sweep
	got, warnings, err := s.Latest(t.Context())
	if err != nil || len(warnings) > 0 || got.ID != 11 {
		t.Fatal(got, warnings, err)
	}
	if err := check(t, got, want); err != nil {
		t.Error(err)
	}
	if saved() != objects {
		t.Errorf("%d of %d objects are left, and all are needed", saved(), objects)
	}
	publish(t, s, 12, 1)
	if err := s.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if saved() != 0 {
		t.Errorf("%d objects of the claimed savepoint are left: %v", saved(), w.names(t))
	}
	if want := 4; len(w.names(t)) != want {
		t.Errorf("left: %v", w.names(t))
	}
}

// TestCrashDuringClaim stops a leader at each operation while it claims a savepoint and takes a
// checkpoint after which it needs it no more.
func TestCrashDuringClaim(t *testing.T) {
	for _, after := range []bool{false, true} {
		seen := map[int64]int{}
		for n := 0; ; n++ {
			inner := newWorld()
			path, want := savepointIn(t, inner)
			objects := len(inner.names(t))
			w, ops := crashing(inner, n, after)
			dying := w.store(1, 1)
			_, err := dying.Lead(t.Context())
			if err == nil {
				err = dying.Claim(t.Context(), path)
			}
			var latest contents
			if err == nil {
				if latest, err = tryPublish(dying, 12, 2); err == nil {
					_ = dying.Sweep(t.Context())
				}
			}
			got, _, err := leading(t, inner, 2).Latest(t.Context())
			saved := 0
			for _, name := range inner.names(t) {
				if strings.HasPrefix(name, "saved/") {
					saved++
				}
			}
			id, left := int64(0), objects
			if err == nil {
				id = got.ID
				all := map[int64]contents{10: want, 12: latest}
				if err := check(t, got, all[id]); err != nil {
					t.Error(err)
				}
			} else if !errors.Is(err, storage.ErrNone) {
				t.Error(err)
			}
			if id == 12 {
				left = 0
			}
			if saved != left {
				t.Errorf("with checkpoint %d, %d objects of the savepoint are left, want %d", id, saved, left)
			}
			seen[id]++
			if *ops <= n {
				break
			}
		}
		if len(seen) != 3 {
			t.Errorf("after %v: checkpoints found: %v", after, seen)
		}
	}
}

func TestObjectStore(t *testing.T) {
	fake := gofakes3.New(s3mem.New(), gofakes3.WithAutoBucket(true), gofakes3.WithLogger(gofakes3.DiscardLog()))
	server := httptest.NewServer(fake.Server())
	defer server.Close()
	open := func(ctx context.Context, uri string) (blob.Store, error) {
		u, err := url.Parse(uri)
		if err != nil {
			return nil, err
		}
		return blob.NewS3(ctx, blob.S3Options{
			Bucket: u.Host, Prefix: u.Path, Endpoint: server.URL, Region: "us-east-1", AccessKey: "k",
			SecretKey: "s", Retries: 1, Transport: server.Client().Transport,
		})
	}
	root, err := open(t.Context(), "s3://state/flott")
	if err != nil {
		t.Fatal(err)
	}
	w := world{root}
	s := storage.New(root, "a job", storage.Options{Epoch: 1, Open: open})
	lead(t, s)
	publish(t, s, 1, 1)
	want := publish(t, s, 2, 2)
	if err := s.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if got := w.names(t); len(got) != 4 {
		t.Errorf("left: %v", got)
	}
	got, _, err := s.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := check(t, got, want); err != nil {
		t.Error(err)
	}
	got, err = storage.Open(t.Context(), s.URI()+"/chk-2", open)
	if err != nil {
		t.Fatal(err)
	}
	if err := check(t, got, want); err != nil {
		t.Error(err)
	}
}

func TestOpenErrors(t *testing.T) {
	for path, want := range map[string]string{
		filepath.Join(t.TempDir(), "nothing"): "neither a savepoint nor a checkpoint",
		"hdfs://x/y":                          "not known",
	} {
		if _, err := storage.Open(t.Context(), path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("open %s: %v", path, err)
		}
	}
}

func TestPiecesAreBlobs(t *testing.T) {
	var _ checkpoint.Referrer = (*storage.Piece)(nil)
	if !reflect.TypeFor[*storage.Piece]().Implements(reflect.TypeFor[operator.Blob]()) {
		t.Error("a piece is no blob")
	}
}

// entries looks like the entries of a keyed state: a key, a count, a sum and a name each.
func entries(size int) []byte {
	r := rand.New(rand.NewPCG(1, 3))
	var out []byte
	for len(out) < size {
		out = binary.BigEndian.AppendUint64(out, r.Uint64()%1e6)
		out = binary.LittleEndian.AppendUint64(out, r.Uint64()%100)
		out = binary.LittleEndian.AppendUint64(out, r.Uint64()%1e5)
		out = append(out, "\x0acustomer-"...)
		out = append(out, byte('0'+r.IntN(10)))
	}
	return out[:size]
}

func BenchmarkWriter(b *testing.B) {
	for _, kind := range []string{"discard", "dir"} {
		for _, size := range []int{4 << 10, 64 << 10, 1 << 20} {
			for _, compress := range []bool{false, true} {
				b.Run(fmt.Sprint(kind, "/", size, "/compress=", compress), func(b *testing.B) {
					benchmarkWriter(b, kind, size, compress)
				})
			}
		}
	}
}

func benchmarkWriter(b *testing.B, kind string, size int, compress bool) {
	root := blob.Store(discard{})
	if kind == "dir" {
		root = blob.NewDir(b.TempDir())
	}
	data := entries(size)
	w := storage.New(root, "j", storage.Options{Compress: compress}).Checkpoint(1, 1).Part(b.Context(), "p")
	b.SetBytes(int64(size))
	b.ReportAllocs()
	start := cputime.Process()
	for b.Loop() {
		if _, err := w.Append(data); err != nil {
			b.Fatal(err)
		}
	}
	cpu := cputime.Process() - start
	b.ReportMetric(float64(size)*float64(b.N)/1e6/cpu.Seconds(), "MB/cpu-s")
	b.ReportMetric(float64(w.Size())/float64(b.N)/float64(size), "stored/input")
	w.Abort()
}

// discard is a store whose objects go nowhere.
type discard struct{ *blob.Memory }

func (discard) Create(context.Context, string) (blob.Writer, error) { return discard{}, nil }
func (discard) Write(p []byte) (int, error)                         { return len(p), nil }
func (discard) Commit() error                                       { return nil }
func (discard) Abort()                                              {}
