// Command citest runs the checks and tests of the repository in phases, and ends with a table of
// where the time went and a line that counts tests. The Makefile calls it:
//
//	go run ./internal/citest                  all phases
//	go run ./internal/citest format vet       only these
//
// Phases: format, vet, staticcheck, archtest, unit (with -race), invariants (with tests of processes), sim, bigstate. All phases run,
// also after one that failed; the exit code is 1 if any did.
package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// A phase is one step of the run. It adds to the report what it did.
type phase struct {
	name string
	what string
	run  func(*report) error
}

var phases = []phase{
	{"format", "gofumpt", checkFormat},
	{"vet", "go vet", checkVet},
	{"staticcheck", "staticcheck", checkStatic},
	{"archtest", "import directions, package comments, links", testArch},
	{"unit", "unit tests with -race", testUnit},
	{"invariants", "unit tests with -tags invariants", testInvariants},
	{"sim", "simulations", testSim},
	{"bigstate", "1 GB of keyed state in 256 MB of memory", testBigState},
}

func main() {
	chosen := os.Args[1:]
	for _, name := range chosen {
		if !slices.ContainsFunc(phases, func(p phase) bool { return p.name == name }) {
			fmt.Fprintf(os.Stderr, "citest: unknown phase %q; phases: %s\n", name, phaseNames())
			os.Exit(2)
		}
	}
	r := &report{}
	failed := false
	for _, p := range phases {
		if len(chosen) > 0 && !slices.Contains(chosen, p.name) {
			continue
		}
		fmt.Printf("== %s: %s\n", p.name, p.what)
		begin := time.Now()
		r.phase = p.name
		if err := p.run(r); err != nil {
			fmt.Printf("== %s failed: %v\n", p.name, err)
			failed = true
		}
		r.closePhase(time.Since(begin))
	}
	r.print(os.Stdout)
	if failed || r.failed > 0 {
		os.Exit(1)
	}
}

func phaseNames() string {
	var names []string
	for _, p := range phases {
		names = append(names, p.name)
	}
	return strings.Join(names, ", ")
}
