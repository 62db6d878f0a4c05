package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Elapsed    float64
	Output     string
}

// goTest runs go test with the arguments, prints a line for each package and the output of what
// failed, and counts. What vet looks for has a phase of its own.
func (r *report) goTest(args ...string) error {
	cmd := exec.Command("go", append([]string{"test", "-json", "-vet=off"}, args...)...)
	cmd.Stderr = os.Stdout
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	run := newTestRun(r, os.Stdout)
	if err := run.read(out); err != nil {
		return err
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go test: %w", err)
	}
	return nil
}

// testRun follows the events of one go test.
type testRun struct {
	report *report
	out    io.Writer
	output map[string][]string // of tests that have not ended, by package and test
	failed map[string]bool     // packages with a failed test
}

func newTestRun(r *report, out io.Writer) *testRun {
	return &testRun{report: r, out: out, output: map[string][]string{}, failed: map[string]bool{}}
}

func (t *testRun) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(t.out, lines.Text()) // not of the format: the go command itself speaks
			continue
		}
		t.take(e)
	}
	return lines.Err()
}

func (t *testRun) take(e event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		t.output[key] = append(t.output[key], e.Output)
	case "build-output":
		fmt.Fprint(t.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			t.endPackage(e, t.output[key])
		} else {
			t.endTest(e, t.output[key])
		}
		delete(t.output, key)
	}
}

func (t *testRun) endTest(e event, output []string) {
	switch e.Action {
	case "pass":
		t.report.passed++
	case "skip":
		t.report.skipped++
	case "fail":
		t.report.failed++
		t.failed[e.Package] = true
		fmt.Fprint(t.out, strings.Join(output, ""))
	}
}

func (t *testRun) endPackage(e event, output []string) {
	name := strings.TrimPrefix(strings.TrimPrefix(e.Package, module), "/")
	if name == "" {
		name = "."
	}
	if e.Action == "fail" {
		t.printUnfinished(e.Package)
		fmt.Fprint(t.out, strings.Join(output, ""))
		if !t.failed[e.Package] { // it did not build, or ended by a panic or os.Exit
			t.report.failed++
		}
	}
	if e.Action != "skip" { // skip: a package without tests
		fmt.Fprintf(t.out, "%-5s %-40s %6.2f s\n", e.Action, name, e.Elapsed)
	}
	t.report.add(area(name), e.Elapsed)
}

// printUnfinished prints the output of tests that a panic or a timeout cut off.
func (t *testRun) printUnfinished(pkg string) {
	for key, output := range t.output {
		if strings.HasPrefix(key, pkg+" ") && key != pkg+" " {
			fmt.Fprint(t.out, strings.Join(output, ""))
			delete(t.output, key)
		}
	}
}

// area returns what a package counts as in the table of times: its first path element, and the
// second one below internal and connect.
func area(pkg string) string {
	parts := strings.Split(pkg, "/")
	n := 1
	if parts[0] == "internal" || parts[0] == "connect" || parts[0] == "format" {
		n = 2
	}
	return strings.Join(parts[:min(n, len(parts))], "/")
}
