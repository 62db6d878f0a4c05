package parse

import (
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/flott-dev/flott/sql/internal/ast"
)

var rewrite = flag.Bool("rewrite", false, "write the files in testdata anew")

// read returns the statements of a text.
func read(text string) (statements []ast.Statement, err error) {
	p := New(text)
	for {
		s, err := p.Next()
		if errors.Is(err, io.EOF) {
			return statements, nil
		}
		if err != nil {
			return statements, err
		}
		statements = append(statements, s)
	}
}

// checkRoundTrip parses what a statement prints as.
func checkRoundTrip(t *testing.T, s ast.Statement) {
	t.Helper()
	text := ast.String(s)
	again, err := Statement(text)
	if err != nil {
		t.Fatalf("%v\nprinted as %s", err, text)
	}
	if second := ast.String(again); second != text {
		t.Fatalf("printed as   %s\nand then as %s", text, second)
	}
	forgetSpans(reflect.ValueOf(s))
	forgetSpans(reflect.ValueOf(again))
	if !reflect.DeepEqual(s, again) {
		t.Fatalf("%s\nis another tree than what it was printed from", text)
	}
}

// forgetSpans clears all spans below v.
func forgetSpans(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			forgetSpans(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			forgetSpans(v.Index(i))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[ast.Span]() {
			v.SetZero()
			return
		}
		for i := range v.NumField() {
			forgetSpans(v.Field(i))
		}
	}
}

// golden calls f with the setup and the query of each golden case.
func golden(t testing.TB, f func(name, setup, query string, isParseError bool)) {
	files, err := filepath.Glob("../../testdata/golden/*.case")
	if err != nil || len(files) < 300 {
		t.Fatalf("%d golden cases, %v", len(files), err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		sections, section := map[string]string{}, ""
		for line := range strings.Lines(string(data)) {
			if head, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "-- "); ok {
				section = head
				sections[section] = "" // there it is
				continue
			}
			sections[section] += line
		}
		_, isParseError := sections["error parse"]
		f(filepath.Base(file), sections["setup"], sections["query"], isParseError)
	}
}

func TestGoldenCases(t *testing.T) {
	golden(t, func(name, setup, query string, isParseError bool) {
		t.Run(name, func(t *testing.T) {
			all, err := read(setup)
			if err != nil {
				t.Fatal(err)
			}
			of, err := read(query)
			if (err != nil) != isParseError {
				t.Fatalf("%s: %v", query, err)
			}
			for _, s := range append(all, of...) {
				checkRoundTrip(t, s)
			}
		})
	})
}

// testdata/statements.sql has the grammar by example, a statement in each paragraph.
func TestStatements(t *testing.T) {
	for _, text := range paragraphs(t, "testdata/statements.sql") {
		s, err := Statement(text)
		if err != nil {
			t.Errorf("%s\n%s", text, explain(text, err))
			continue
		}
		checkRoundTrip(t, s)
	}
}

func paragraphs(t testing.TB, file string) []string {
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n\n")
}

// explain shows an error below the line of the text that it is about.
func explain(text string, err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	line := strings.LastIndex(text[:e.Span.From], "\n") + 1
	whole, _, _ := strings.Cut(text[line:], "\n")
	marked := []rune(text[e.Span.From:max(e.Span.From, min(e.Span.To, line+len(whole)))])
	return whole + "\n" + strings.Repeat(" ", len([]rune(text[line:e.Span.From]))) +
		strings.Repeat("^", max(1, len(marked))) + " " + e.Error()
}

// testdata/errors.txt has statements, each followed by what is said about it.
func TestErrors(t *testing.T) {
	const file = "testdata/errors.txt"
	var now []string
	for _, p := range paragraphs(t, file) {
		text, want, _ := strings.Cut(p, "\n  # ")
		_, err := read(text)
		if err == nil {
			t.Errorf("%s\nis read without an error", text)
			continue
		}
		got := strings.ReplaceAll(explain(text, err), "\n", "\n  # ")
		now = append(now, text+"\n  # "+got)
		if got != want && !*rewrite {
			t.Errorf("%s\n  # %s\nwant\n  # %s", text, got, want)
		}
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(strings.Join(now, "\n\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEnormousStatements(t *testing.T) {
	for name, text := range map[string]string{
		"parentheses":      "SELECT " + strings.Repeat("(", 1000) + "1" + strings.Repeat(")", 1000),
		"nested queries":   strings.Repeat("SELECT * FROM (", 1000) + "SELECT 1" + strings.Repeat(")", 1000),
		"nested subquery":  "SELECT " + strings.Repeat("(", 300) + "SELECT 1" + strings.Repeat(") + 1", 300),
		"union":            strings.TrimSuffix(strings.Repeat("SELECT 1 UNION ALL ", 1000), "UNION ALL "),
		"million":          "SELECT '" + strings.Repeat("x", 1_000_000) + "'",
		"million items":    "SELECT 1" + strings.Repeat(", 1", 300_000),
		"sum":              "SELECT 1" + strings.Repeat(" + 1", 100_000),
		"too deep":         "SELECT " + strings.Repeat("(", 100_000),
		"unclosed":         "SELECT " + strings.Repeat("f(", 10_000),
		"NOT":              "SELECT " + strings.Repeat("NOT ", 10_000) + "TRUE",
		"not UTF-8":        "SELECT '\xff', \xff",
		"a type in a type": "SELECT CAST(x AS " + strings.Repeat("ARRAY<", 1000) + "INT" + strings.Repeat(">", 1000) + ")",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Statement(text)
			if e := (*Error)(nil); err != nil && !errors.As(err, &e) {
				t.Fatal(err)
			}
			if err == nil {
				ast.String(s)
			}
		})
	}
}

func FuzzStatement(f *testing.F) {
	golden(f, func(_, setup, query string, _ bool) { f.Add(setup + query) })
	for _, file := range []string{"testdata/statements.sql", "testdata/errors.txt"} {
		for _, text := range paragraphs(f, file) {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		statements, err := read(text)
		if e := (*Error)(nil); err != nil {
			if !errors.As(err, &e) {
				t.Fatal(err)
			}
			if e.Span.From < 0 || e.Span.To < e.Span.From || e.Span.To > len(text) {
				t.Fatalf("the error is at %v", e.Span)
			}
		}
		for _, s := range statements {
			checkRoundTrip(t, s)
		}
	})
}
