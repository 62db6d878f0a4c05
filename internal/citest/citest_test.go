package main

import (
	"strings"
	"testing"
	"time"
)

func TestCounting(t *testing.T) {
	const events = `
{"Action":"start","Package":"github.com/flott-dev/flott/internal/a/deep"}
{"Action":"output","Package":"github.com/flott-dev/flott/internal/a/deep","Test":"TestX","Output":"x went wrong\n"}
{"Action":"fail","Package":"github.com/flott-dev/flott/internal/a/deep","Test":"TestX","Elapsed":0.1}
{"Action":"output","Package":"github.com/flott-dev/flott/internal/a/deep","Test":"TestY","Output":"all is well\n"}
{"Action":"pass","Package":"github.com/flott-dev/flott/internal/a/deep","Test":"TestY","Elapsed":0.1}
{"Action":"skip","Package":"github.com/flott-dev/flott/internal/a/deep","Test":"TestZ","Elapsed":0}
{"Action":"fail","Package":"github.com/flott-dev/flott/internal/a/deep","Elapsed":0.5}
{"ImportPath":"github.com/flott-dev/flott/b","Action":"build-output","Output":"b.go:1: no such thing\n"}
{"Action":"fail","Package":"github.com/flott-dev/flott/b","Elapsed":0}
{"Action":"output","Package":"github.com/flott-dev/flott/c","Test":"TestPanic","Output":"panic: c\n"}
{"Action":"fail","Package":"github.com/flott-dev/flott/c","Elapsed":0}
{"Action":"skip","Package":"github.com/flott-dev/flott","Elapsed":0}
go: a line of the go command
`
	r := &report{phase: "unit"}
	var out strings.Builder
	if err := newTestRun(r, &out).read(strings.NewReader(events)); err != nil {
		t.Fatal(err)
	}
	if r.passed != 1 || r.failed != 3 || r.skipped != 1 {
		t.Errorf("%d passed, %d failed, %d skipped; want 1, 3, 1", r.passed, r.failed, r.skipped)
	}
	for _, want := range []string{"x went wrong", "no such thing", "panic: c", "a line of the go"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the output has no %q", want)
		}
	}
	if strings.Contains(out.String(), "all is well") {
		t.Error("the output of a test that passed is printed")
	}

	r.closePhase(2 * time.Second)
	out.Reset()
	r.print(&out)
	if !strings.HasSuffix(out.String(), "\n1 passed, 3 failed, 1 skipped\n") {
		t.Errorf("the last line is not the count:\n%s", out.String())
	}
	for _, want := range []string{"internal/a", "0.5   25.0%", "1.5   75.0%"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the table has no %q:\n%s", want, out.String())
		}
	}
}

func TestArea(t *testing.T) {
	for pkg, want := range map[string]string{
		".": ".", "stream": "stream", "sql/internal/parse": "sql",
		"internal/ops/nfa": "internal/ops", "connect/kafka": "connect/kafka", "connect": "connect",
	} {
		if got := area(pkg); got != want {
			t.Errorf("area of %s is %s, want %s", pkg, got, want)
		}
	}
}
