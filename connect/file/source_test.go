package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"go.uber.org/goleak"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tree writes files below a fresh directory, compressed as their names say.
func tree(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t testing.TB, path, content string) {
	t.Helper()
	var b bytes.Buffer
	switch filepath.Ext(path) {
	case ".gz":
		z := gzip.NewWriter(&b)
		must(t, errors.Join(second(z.Write([]byte(content))), z.Close()))
	case ".zst":
		z, err := zstd.NewWriter(&b, zstd.WithEncoderConcurrency(1))
		must(t, err)
		must(t, errors.Join(second(z.Write([]byte(content))), z.Close()))
	default:
		b.WriteString(content)
	}
	must(t, os.MkdirAll(filepath.Dir(path), 0o777))
	must(t, os.WriteFile(path, b.Bytes(), 0o666))
}

func second(_ int, err error) error { return err }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read[T any](t testing.TB, src connect.Source[T]) ([]T, error) {
	t.Helper()
	return connecttest.NewDriver(t, src, 1, nil).Read(0)
}

func TestLinesConformance(t *testing.T) {
	lines := 15
	if raceEnabled {
		lines = 6 // the number of histories is that of all polls
	}
	for _, ending := range []string{"", ".gz", ".zst"} {
		files, want := map[string]string{}, []string{}
		for f := range 4 {
			var b strings.Builder
			for i := range lines {
				line := fmt.Sprintf("file %d line %d %s", f, i, strings.Repeat("x", i*i%31))
				want = append(want, line)
				b.WriteString(line + "\n")
			}
			files[fmt.Sprintf("f%d.txt%s", f, ending)] = b.String()
		}
		files["empty.txt"+ending] = ""
		dir := tree(t, files)
		for _, splitBytes := range []int64{60, 1000, DefaultSplitBytes} {
			if ending != "" && splitBytes != 60 {
				continue
			}
			t.Run(fmt.Sprintf("%s split %d", ending, splitBytes), func(t *testing.T) {
				connecttest.Source(t, func() connect.Source[string] {
					return Lines(dir, SplitBytes(splitBytes))
				}, connecttest.Options[string]{Want: want})
			})
		}
	}
}

// TestRanges cuts many contents into ranges of all lengths: each line must be read once, in order.
func TestRanges(t *testing.T) {
	for _, content := range []string{
		"a\nb\nc\n", "a\nb\nc", "\n\n\n", "\n", "x", "aaaa\n\nbb\r\ncccccccc\n\nd", "\r\n\r\n",
		"long line without any end that spans several ranges", strings.Repeat("ab\n", 20),
	} {
		want := strings.Split(strings.TrimSuffix(content, "\n"), "\n")
		for i := range want {
			want[i] = strings.TrimSuffix(want[i], "\r")
		}
		path := filepath.Join(tree(t, map[string]string{"f": content}), "f")
		step := int64(1)
		if raceEnabled {
			step = 4
		}
		for n := int64(1); n <= int64(len(content))+1; n += step {
			got, err := read(t, Lines(path, SplitBytes(n)))
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%q in ranges of %d: %q, %v", content, n, got, err)
			}
		}
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("y", 3*scanBytes)
	path := filepath.Join(tree(t, map[string]string{"f": "a\n" + long + "\nb\n"}), "f")
	got, err := read(t, Lines(path))
	if err != nil || !slices.Equal(got, []string{"a", long, "b"}) {
		t.Errorf("%d lines, %v", len(got), err)
	}
	_, err = read(t, Lines(path, LineBytesMax(scanBytes)))
	wantError(t, err, "line at byte 2", "LineBytesMax")
}

func wantError(t *testing.T, err error, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if err == nil || !strings.Contains(err.Error(), p) {
			t.Errorf("%q is not in the error: %v", p, err)
		}
	}
}

func TestWhichFiles(t *testing.T) {
	dir := tree(t, map[string]string{
		"b.txt": "b", "a.txt": "a", "c.csv": "c", ".hidden.txt": "h", "_temp.txt": "t",
		"sub/d.txt": "d", "sub/deep/e.txt": "e", "_sub/f.txt": "f",
	})
	must(t, os.Symlink(filepath.Join(dir, "sub/d.txt"), filepath.Join(dir, "link.txt")))
	must(t, os.Symlink("nowhere", filepath.Join(dir, "dangling.txt")))
	at := func(p string) string { return filepath.Join(dir, p) }
	for _, tc := range []struct {
		pattern string
		options []Option
		want    string
	}{
		{dir, nil, "abcd"},
		{dir, []Option{Recursive()}, "abcdde"},
		{at("*.txt"), nil, "abd"},
		{at("a.txt"), nil, "a"},
		{at("a.txt"), []Option{Also(at("*.txt"), at("sub"))}, "abdd"},
		{at("s*"), nil, "d"},
		{at("[bc].*"), nil, "bc"},
		{at("_temp.txt"), nil, "t"},
		{at("*/*.txt"), nil, "df"},
		{dir + "/./a.txt", []Option{Also(dir)}, "abcd"},
	} {
		got, err := read(t, Lines(tc.pattern, tc.options...))
		slices.Sort(got)
		if err != nil || strings.Join(got, "") != tc.want {
			t.Errorf("%q: %q, %v; want %q", tc.pattern, got, err, tc.want)
		}
	}
}

func TestErrorsNameTheFile(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": "a\nb\n"})
	write(t, filepath.Join(dir, "broken.gz"), "")
	must(t, os.WriteFile(filepath.Join(dir, "broken.gz"), []byte("not gzip"), 0o666))
	full, err := os.ReadFile(filepath.Join(tree(t, map[string]string{
		"x.gz": strings.Repeat("many lines\n", 5000),
	}), "x.gz"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "cut.gz"), full[:len(full)-9], 0o666))
	at := func(p string) string { return filepath.Join(dir, p) }
	for _, tc := range []struct {
		pattern string
		option  Option
		want    []string
	}{
		{"no-such.txt", Also(), []string{`"no-such.txt" does not exist in `}},
		{at("*.json"), Also(), []string{"no file matches", "*.json"}},
		{at("x/*.json"), Also(), []string{at("x"), "does not exist"}},
		{at("[a"), Also(), []string{"[a", "syntax error in pattern"}},
		{"", Also(), []string{"a pattern is empty"}},
		{dir, withFiles(deniedDir{filesystem.Local}), []string{dir, "give the job's user the permission"}},
		{at("*.json"), withFiles(deniedDir{filesystem.Local}), []string{dir, "give the job's user the permission"}},
		{at("a.txt"), withFiles(deniedFile{filesystem.Local}), []string{"a.txt", "give the job's user the permission"}},
		{at("a.txt"), withFiles(failingFiles{filesystem.Local}), []string{"a.txt", "at byte 0", "disk is on fire"}},
		{at("broken.gz"), Also(), []string{"broken.gz", "unexpected EOF"}},
		{at("cut.gz"), Also(), []string{"cut.gz", "unexpected EOF"}},
		{dir, SplitBytes(0), []string{"SplitBytes(0)"}},
		{dir, Watch(0), []string{"Watch(0s)"}},
	} {
		_, err := read(t, Lines(tc.pattern, tc.option))
		wantError(t, err, tc.want...)
	}
}

type deniedDir struct{ filesystem.Files }

func (deniedDir) ReadDir(_ context.Context, path string) ([]fs.DirEntry, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
}

type deniedFile struct{ filesystem.Files }

func (deniedFile) Open(_ context.Context, path string) (filesystem.File, error) {
	return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrPermission}
}

type failingFiles struct{ filesystem.Files }

func (f failingFiles) Open(ctx context.Context, path string) (filesystem.File, error) {
	file, err := f.Files.Open(ctx, path)
	return failingRead{file}, err
}

type failingRead struct{ filesystem.File }

func (failingRead) Read([]byte) (int, error) { return 0, errors.New("disk is on fire") }

func TestFileVanishesAndShrinks(t *testing.T) {
	dir := tree(t, map[string]string{"a.txt": strings.Repeat("line\n", 20)})
	path := filepath.Join(dir, "a.txt")
	d := connecttest.NewDriver(t, Lines(dir), 1, nil)
	must(t, d.Deliver())
	must(t, os.Rename(path, path+"x"))
	_, err := d.Read(0)
	wantError(t, err, "a.txt", "was listed, but is gone now", "keep input files in place")
	must(t, os.Rename(path+"x", path))

	d = connecttest.NewDriver(t, Lines(dir), 1, nil)
	_, err = d.Read(10)
	must(t, err)
	s := d.Snapshot()
	d.Close()
	must(t, os.Truncate(path, 5))
	_, err = connecttest.NewDriver(t, Lines(dir), 1, s).Read(0)
	wantError(t, err, "a.txt", "has 5 bytes", "was truncated or replaced")
}

type city struct {
	Name   string `csv:"city"`
	People int64  `json:"people"`
	_      int
	Area   *float64  `csv:"area"`
	Since  time.Time `csv:"since"`
	Skip   []int     `csv:"-" json:"-"`
}

// town is a city without pointers, which connecttest would compare by address.
type town struct {
	Name   string `csv:"city"`
	People uint32
	Area   float32
	Since  string
}

func TestCSVConformance(t *testing.T) {
	var plain, named strings.Builder
	named.WriteString("\ufeffextra, AREA ,since,PEOPLE,city\r\n")
	for i := range 30 {
		name := fmt.Sprintf("\"town\n\"\"%d\"\", x\"", i)
		fmt.Fprintf(&plain, "%s,%d,%d.5,20%02d-01-01T00:00:00Z\n", name, i*i, i, i)
		fmt.Fprintf(&named, "..,%d.5,20%02d-01-01T00:00:00Z,%d,%s\r\n", i, i, i*i, name)
	}
	want := make([]city, 30)
	for i := range want {
		area := float64(i) + 0.5
		want[i] = city{
			Name: fmt.Sprintf("town\n\"%d\", x", i), People: int64(i * i), Area: &area,
			Since: time.Date(2000+i, 1, 1, 0, 0, 0, 0, time.UTC),
		}
	}
	for name, content := range map[string]string{
		"plain.csv": plain.String(), "plain.csv.gz": plain.String(), "named.csv": named.String(),
		"named.csv.zst": named.String(),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(tree(t, map[string]string{name: content}), name)
			var options []Option
			if strings.HasPrefix(name, "named") {
				options = append(options, Header())
			}
			got, err := read(t, CSV[city](path, options...))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Fatalf("read %v, %v", got, err)
			}
			connecttest.Source(t, func() connect.Source[town] {
				return CSV[town](path, append(options, SplitBytes(1))...)
			}, connecttest.Options[town]{})
		})
	}
}

func TestCSVRecordsOfStrings(t *testing.T) {
	path := filepath.Join(tree(t, map[string]string{"f": "a;b\n# no\n;\"c\nd\";e\"e\n"}), "f")
	got, err := read(t, CSV[[]string](path, Comma(';'), Comment('#'), LazyQuotes()))
	want := [][]string{{"a", "b"}, {"", "c\nd", "e\"e"}}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

type reading struct {
	Sensor string
	Value  float64 `json:"v"`
	Tags   []string
}

func TestJSONLinesConformance(t *testing.T) {
	files, want := map[string]string{}, []reading{}
	for f := range 3 {
		var b strings.Builder
		for i := range 12 {
			fmt.Fprintf(&b, `{"sensor":"s%d","v":%d.25,"Tags":["a","b%d"]}`+"\n\n", f, i, i)
			want = append(want, reading{
				fmt.Sprint("s", f), float64(i) + 0.25,
				[]string{"a", fmt.Sprint("b", i)},
			})
		}
		files[fmt.Sprintf("%d.json", f)] = b.String()
	}
	dir := tree(t, files)
	connecttest.Source(t, func() connect.Source[reading] {
		return JSONLines[reading](dir, SplitBytes(100))
	}, connecttest.Options[reading]{Want: want})
}

func TestBadRecords(t *testing.T) {
	dir := tree(t, map[string]string{
		"a.json":   `{"v":1}` + "\n" + `{"v":2}` + "\n" + `{"v":"x"}` + "\n\n" + `{"v":3,}` + "\n{\"v\":4}\n",
		"b.csv":    "name,people\n\"two\nlines\",5\nx,many\ny,6,7\nz\"z,1\nok,7\n",
		"c.csv":    "name\nx\n",
		"d.csv.gz": "name,people\nx,1\nx,-\n",
	})
	type row struct {
		Name   string
		People int8
	}
	at := func(p string) string { return filepath.Join(dir, p) }
	var got []string
	var values int
	collect := OnBad(DeadLetter(func(b *Bad) {
		got = append(got, fmt.Sprintf("%s:%d:%d %q", filepath.Base(b.File), b.Line, b.Column, b.Text))
	}))
	count := func(n int, err error) {
		t.Helper()
		must(t, err)
		values += n
	}
	for _, n := range []int64{5, 1000} {
		r, err := read(t, JSONLines[reading](at("a.json"), collect, SplitBytes(n)))
		count(len(r), err)
	}
	c, err := read(t, CSV[row](at("b.csv"), collect, Header()))
	count(len(c), err)
	c, err = read(t, CSV[row](at("d.csv.gz"), collect, Header()))
	count(len(c), err)
	want := []string{
		`a.json:3:8 "{\"v\":\"x\"}"`, `a.json:5:8 "{\"v\":3,}"`,
		`a.json:3:8 "{\"v\":\"x\"}"`, `a.json:5:8 "{\"v\":3,}"`,
		`b.csv:4:3 "x,many"`, `b.csv:5:1 "y,6,7"`, `b.csv:6:2 "z\"z,1"`, `d.csv.gz:3:3 "x,-"`,
	}
	if !slices.Equal(got, want) || values != 3+3+2+1 {
		t.Errorf("%d good records, and bad ones:\n%s\nwant\n%s", values, strings.Join(got, "\n"),
			strings.Join(want, "\n"))
	}
	_, err = read(t, CSV[row](at("b.csv"), Header()))
	wantError(t, err, at("b.csv")+":4:3", `column "People"`, "invalid syntax", `record "x,many"`)
	_, err = read(t, CSV[row](at("c.csv"), Header()))
	wantError(t, err, "c.csv", `no column "People"`, `["name"]`)
	_, err = read(t, JSONLines[reading](at("a.json")))
	var bad *Bad
	if !errors.As(err, &bad) || bad.Line != 3 {
		t.Errorf("the error is %v", err)
	}
}

// TestMalformed reads lines, and rows of CSV, of which some cannot be read.
func TestMalformed(t *testing.T) {
	dir := tree(t, map[string]string{"a.json": "1\n2\nx\n3\n", "b.json": "4\n", "c.csv": "name,people\none,1\ntwo,many\nthree,3\n"})
	type row struct {
		Name   string
		People int8
	}
	lines := func(more ...Option) func() connect.Source[int] {
		return func() connect.Source[int] {
			return JSONLines[int](filepath.Join(dir, "*.json"), append(more, SplitBytes(5))...)
		}
	}
	connecttest.Malformed(t, lines(), lines(OnBad(Skip)), []int{1, 2, 3, 4})
	rows := func(more ...Option) func() connect.Source[row] {
		return func() connect.Source[row] { return CSV[row](filepath.Join(dir, "c.csv"), append(more, Header())...) }
	}
	connecttest.Malformed(t, rows(), rows(OnBad(Skip)), []row{{"one", 1}, {"three", 3}})
}

func TestSkippedRecordsAreCounted(t *testing.T) {
	dir := tree(t, map[string]string{"a.json": "1\nx\n2\n{\n"})
	d := connecttest.NewDriver(t, JSONLines[int](dir, OnBad(Skip)), 1, nil)
	got, err := d.Read(0)
	n := d.Metrics.Counter("numRecordsInErrors").Value()
	if err != nil || !slices.Equal(got, []int{1, 2}) || n != 2 {
		t.Errorf("%v, %v, %d errors counted", got, err, n)
	}
}

func TestDeadLetterFile(t *testing.T) {
	dir := tree(t, map[string]string{"in/a.json": "1\nx\n2\n{\n"})
	letters := filepath.Join(dir, "letters")
	src := JSONLines[int](filepath.Join(dir, "in"), OnBad(DeadLetterTo(letters)))
	got, err := read(t, src)
	if err != nil || len(got) != 2 {
		t.Errorf("%v, %v", got, err)
	}
	type letter struct {
		Line   int
		Column int
		Text   string
	}
	kept, err := read(t, JSONLines[letter](letters))
	if err != nil || !slices.Equal(kept, []letter{{2, 1, "x"}, {4, 1, "{"}}) {
		t.Errorf("kept %v, %v", kept, err)
	}
	_, err = read(t, JSONLines[int](filepath.Join(dir, "in"),
		OnBad(DeadLetterTo(filepath.Join(dir, "no/dir")))))
	wantError(t, err, "keep a bad record", "a.json:2", "no such file")
}

func TestTypesThatAreNoRecords(t *testing.T) {
	path := filepath.Join(tree(t, map[string]string{"f": "1\n"}), "f")
	check := func(_ any, err error, parts ...string) {
		t.Helper()
		wantError(t, err, parts...)
	}
	open := func(src interface {
		Reader(connect.ReaderContext) (connect.Reader[struct{ A []int }], error)
	},
	) error {
		_, err := src.Reader(connect.ReaderContext{})
		return err
	}
	check(nil, open(CSV[struct{ A []int }](path)), "field A", "cannot be a []int")
	for _, tc := range []struct {
		t    reflect.Type
		want string
	}{
		{reflect.TypeFor[int](), "is a struct or []string, not int"},
		{reflect.TypeFor[struct{ a int }](), "has no exported field"},
		{reflect.TypeFor[struct {
			A int `csv:"b"`
			B int
		}](), `same column "B"`},
		{reflect.TypeFor[struct{ A **int }](), "cannot be a **int"},
	} {
		_, err := columnsOf(tc.t)
		wantError(t, err, tc.want)
	}
}

func TestWatch(t *testing.T) {
	dir := tree(t, map[string]string{"b.txt": "1\n2\n"})
	src := Lines(filepath.Join(dir, "*.txt"), Watch(time.Second))
	d := connecttest.NewDriver(t, src, 2, nil)
	expect := func(n int, want ...string) {
		t.Helper()
		got, err := d.Read(n)
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("%q, %v; want %q", got, err, want)
		}
	}
	quiet := func() {
		t.Helper()
		for i := range 2 {
			if b, err := d.Poll(i); err != nil || len(b.Records) > 0 {
				t.Fatalf("%v, %v; want nothing", b, err)
			}
		}
	}
	quiet()
	expect(2, "1", "2")
	write(t, filepath.Join(dir, "a.txt"), "3\n4")
	d.Advance(time.Second)
	quiet() // it is listed once
	write(t, filepath.Join(dir, "a.txt"), "3\n4\n5\n")
	d.Advance(time.Second)
	quiet() // it has grown
	expect(3, "3", "4", "5")
	s := d.Snapshot()
	d.Close()
	write(t, filepath.Join(dir, "b.txt"), "a changed file is not read again\n")
	write(t, filepath.Join(dir, "c.txt"), "6\n")
	d = connecttest.NewDriver(t, src, 1, s)
	expect(1, "6")
	d.Advance(time.Minute)
	if b, err := d.Poll(0); err != nil || !b.Finished {
		t.Errorf("%v, %v; want the end of c.txt", b, err)
	}
	if b, err := d.Poll(0); err != nil || len(b.Records) > 0 || b.Status != connect.Waiting {
		t.Errorf("%v, %v; want to wait", b, err)
	}
}

func TestWatchEmptyDirectoryThatIsMissing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	d := connecttest.NewDriver(t, Lines(dir, Watch(time.Second)), 1, nil)
	if b, err := d.Poll(0); err != nil || b.Status != connect.Waiting {
		t.Fatalf("%v, %v", b, err)
	}
	write(t, filepath.Join(dir, "x"), "1\n")
	if got, err := d.Read(1); err != nil || !slices.Equal(got, []string{"1"}) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestOrderOfSplits(t *testing.T) {
	dir := tree(t, map[string]string{"b": "12345", "a": "1", "c/d": "1"})
	var first []listed
	for range 3 {
		files, err := newConfig(dir, []Option{Recursive()}).list(context.Background())
		must(t, err)
		if first == nil {
			first = files
		}
		if !slices.Equal(files, first) || len(files) != 3 || filepath.Base(files[0].path) != "a" {
			t.Errorf("%v, then %v", first, files)
		}
	}
	var ids []string
	for _, s := range splitsOf(listed{path: "b", size: 5}, 2) {
		ids = append(ids, s.id)
	}
	if !slices.Equal(ids, []string{"b@0-2", "b@2-4", "b@4-5"}) {
		t.Errorf("ids %v", ids)
	}
}

func TestLinesAllocOneStringForABatch(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	path := filepath.Join(tree(t, map[string]string{
		"f": strings.Repeat("a line of text\n", 200_000),
	}), "f")
	if n := connecttest.PollAllocs(t, Lines(path)); n > 1.1 {
		t.Errorf("%v allocations for each poll", n)
	}
}

func FuzzDecodeSplit(f *testing.F) {
	s := split{id: "a", path: "a", to: 5, last: true, pos: 3, begun: true}
	f.Add(s.encode().Data)
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeSplit(connect.Split{ID: "a", Data: data})
		if err != nil {
			return
		}
		again, err := decodeSplit(s.encode())
		if err != nil || again != s {
			t.Errorf("%+v, then %+v, %v", s, again, err)
		}
	})
}

func BenchmarkLines(b *testing.B) {
	var content strings.Builder
	for i := range 500_000 {
		fmt.Fprintf(&content, "%d some words of an ordinary line of text, to be split later\n", i)
	}
	for _, name := range []string{"f.txt", "f.txt.gz", "f.txt.zst"} {
		b.Run(name, func(b *testing.B) {
			benchmark(b, name, content.String(), func(path string) connect.Source[string] {
				return Lines(path)
			})
		})
	}
}

func BenchmarkCSV(b *testing.B) {
	type row struct {
		ID    int64
		Name  string
		Price float64
	}
	var content strings.Builder
	for i := range 200_000 {
		fmt.Fprintf(&content, "%d,name of %d,%d.5\n", i, i, i%1000)
	}
	benchmark(b, "f.csv", content.String(), func(path string) connect.Source[row] {
		return CSV[row](path)
	})
}

func BenchmarkJSONLines(b *testing.B) {
	var content strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&content, `{"sensor":"s%d","v":%d.25,"tags":["a"]}`+"\n", i, i)
	}
	benchmark(b, "f.json", content.String(), func(path string) connect.Source[reading] {
		return JSONLines[reading](path)
	})
}

// benchmark reads one file with a job again and again.
func benchmark[T any](b *testing.B, name, content string, open func(string) connect.Source[T]) {
	path := filepath.Join(tree(b, map[string]string{name: content}), name)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	records := int64(0)
	for b.Loop() {
		env := stream.NewEnv()
		out := discard.To[T]()
		stream.From(env, open(path)).To(out)
		if err := launch.Run(context.Background(), env, "read"); err != nil {
			b.Fatal(err)
		}
		records += out.Count()
	}
	b.ReportMetric(float64(records)/b.Elapsed().Seconds(), "records/s")
}
