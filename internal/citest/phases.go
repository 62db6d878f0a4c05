package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
)

const (
	module      = "github.com/flott-dev/flott"
	archPkg     = module + "/internal/archtest"
	simPkg      = module + "/internal/sim"
	schedulePkg = module + "/internal/schedule"
	bigStatePkg = module + "/bench/bigstate"
)

func checkFormat(r *report) error {
	out, err := exec.Command("go", tool("gofumpt", "-l", ".")...).CombinedOutput()
	if err == nil && len(out) > 0 {
		err = errors.New("run go tool -modfile=tools/go.mod gofumpt -w on these files")
	}
	os.Stdout.Write(out)
	return r.countCheck(err)
}

// invariants is the build tag of one of the two runs of all tests. The checks have it as well: to look at packages
// the go command compiles them, and the cache keeps that for the tests.
const invariants = "-tags=invariants"

func checkVet(r *report) error { return r.countCheck(stream("go", "vet", invariants, "./...")) }

func checkStatic(r *report) error {
	return r.countCheck(stream("go", tool("staticcheck", invariants, "./...")...))
}

func testArch(r *report) error { return r.goTest(archPkg) }

func testUnit(r *report) error {
	packages, err := list(func(pkg string) bool { return pkg != archPkg && !isSim(pkg) && !slices.Contains(processes, pkg) })
	if err != nil {
		return err
	}
	race, err := raceFlags()
	if err != nil {
		return err
	}
	return r.goTest(append(race, packages...)...)
}

// withoutRows are packages, with those below them, that no row passes through: with invariants they do what they do without.
var withoutRows = []string{"client", "config", "internal/certificate", "internal/ha", "internal/process", "internal/rest", "internal/wire"}

// processes are tests of clusters of real processes, and of what a browser shows. They run once, with invariants: what a process
// does has tests with the race detector in the packages that it is made of, and a cluster of its programs takes minutes.
var processes = []string{module + "/bench/chaos", module + "/cmd/flott", module + "/web"}

func testInvariants(r *report) error {
	packages, err := list(func(pkg string) bool {
		return pkg != archPkg && !isSim(pkg) && !slices.ContainsFunc(withoutRows, func(name string) bool {
			return pkg == module+"/"+name || strings.HasPrefix(pkg, module+"/"+name+"/")
		})
	})
	if err != nil {
		return err
	}
	if err := keepScreenshots(); err != nil {
		return err
	}
	return r.goTest(append([]string{invariants}, packages...)...)
}

// screenshotsVariable names a directory for the pictures that tests of the dashboard take.
const screenshotsVariable = "FLOTT_SCREENSHOTS"

// keepScreenshots has pictures be taken in CI, and says where they are.
func keepScreenshots() error {
	if os.Getenv("CI") != "true" || os.Getenv(screenshotsVariable) != "" {
		return nil
	}
	dir, err := os.MkdirTemp("", "flott-screenshots-")
	if err != nil {
		return err
	}
	fmt.Printf("screenshots of the dashboard: %s\n", dir)
	return os.Setenv(screenshotsVariable, dir)
}

func testSim(r *report) error {
	packages, err := list(isSim)
	if err != nil {
		return err
	}
	if len(packages) == 0 {
		fmt.Println("no simulations")
		return nil
	}
	if err := r.goTest(append([]string{"-v"}, packages...)...); err != nil {
		return err
	}
	return r.goTest("-tags", "seededbugs", "-run", "TestSeededBugs", simPkg, schedulePkg)
}

// testBigState runs as the program is shipped: without cgo, whose memory the collector does not see,
// and without the race detector, which multiplies memory.
func testBigState(r *report) error {
	for name, value := range map[string]string{"CGO_ENABLED": "0", "FLOTT_BIGSTATE_SIZE": "1GB"} {
		if err := os.Setenv(name, value); err != nil {
			return err
		}
	}
	return r.goTest("-v", "-run", "TestStateLargerThanMemory", bigStatePkg)
}

func isSim(pkg string) bool { return pkg == simPkg || strings.HasPrefix(pkg, simPkg+"/") }

// raceFlags returns -race, which needs a C compiler. On a machine without one the tests run
// without it; in CI that is an error, so that nobody relies on a check that was not made.
func raceFlags() ([]string, error) {
	out, err := exec.Command("go", "env", "CC").Output()
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(out))
	if len(fields) > 0 {
		if _, err := exec.LookPath(fields[0]); err == nil {
			return []string{"-race"}, nil
		}
	}
	const missing = "no C compiler found, which -race needs"
	if os.Getenv("CI") == "true" {
		return nil, errors.New(missing)
	}
	fmt.Println("!! " + missing + ": running WITHOUT the race detector")
	return nil, nil
}

// list returns the packages of the module that keep wants.
func list(keep func(pkg string) bool) ([]string, error) {
	var stderr bytes.Buffer
	cmd := exec.Command("go", "list", "./...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w\n%s", err, stderr.Bytes())
	}
	packages := strings.Fields(string(out))
	return slices.DeleteFunc(packages, func(pkg string) bool { return !keep(pkg) }), nil
}

// tool returns the arguments that make the go command run a tool of the module in tools.
func tool(args ...string) []string {
	return append([]string{"tool", "-modfile=tools/go.mod"}, args...)
}

// stream runs a command with its output on ours.
func stream(name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	return cmd.Run()
}
