//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
)

// options are those of the command line.
type options struct {
	faults []fault
	hits   int
	seed   uint64
	dir    string
	flott  string
	report string
}

func main() {
	if err := chaos(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

// chaos is the program.
func chaos(args []string) error {
	if len(args) > 0 && args[0] == jobArgument {
		j, err := parseJob(args)
		if err != nil {
			return err
		}
		return j.run(context.Background())
	}
	// Children end with the thread that has started them: that of main stays.
	runtime.LockOSThread()
	o, err := parse(args)
	if err != nil {
		return err
	}
	var namespaces uintptr
	if needs(o.faults, func(f fault) bool { return f.network }) {
		namespaces |= syscall.CLONE_NEWNET
	}
	if needs(o.faults, func(f fault) bool { return f.disk }) {
		namespaces |= syscall.CLONE_NEWNS
	}
	if namespaces != 0 && os.Getenv(insideVariable) == "" {
		return inside(namespaces, args)
	}
	return o.do()
}

func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("chaos", flag.ContinueOnError)
	names := flags.String("faults", "kill-worker,kill-taskmanager", "what strikes: in each round each of them once, or as often as name*3 says")
	flags.IntVar(&o.hits, "hits", 15, "how often")
	flags.Uint64Var(&o.seed, "seed", 1, "what the choices of faults, victims and pauses are made of")
	flags.StringVar(&o.dir, "dir", "", "where files go, which stay; by default a temporary directory")
	flags.StringVar(&o.flott, "flott", "", "the program flott; by default it is built")
	flags.StringVar(&o.report, "report", "", "a file that the report is written to as well")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.faults, err = choose(*names)
	return o, err
}

// do runs it, in this process.
func (o options) do() (err error) {
	given := o.dir
	if given == "" {
		o.dir, err = os.MkdirTemp("", "flott-chaos-")
	} else if o.dir, err = filepath.Abs(given); err == nil {
		err = os.MkdirAll(o.dir, 0o700)
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("%w; logs are in %s", err, o.dir)
		} else if given == "" {
			err = os.RemoveAll(o.dir)
		}
	}()
	if o.flott == "" {
		o.flott = filepath.Join(o.dir, "flott")
		if err := command("go", "build", "-tags", tags(), "-o", o.flott, "github.com/flott-dev/flott/cmd/flott"); err != nil {
			return err
		}
	}
	fmt.Printf("seed %d, files in %s\n", o.seed, o.dir)
	r := &run{options: o, rng: rand.New(rand.NewPCG(o.seed, 0))}
	err = r.do(context.Background())
	r.print(os.Stdout, err)
	if o.report != "" {
		err = errors.Join(err, r.write(err))
	}
	return err
}

// insideVariable says that this process is in namespaces of its own.
const insideVariable = "FLOTT_CHAOS_INSIDE"

// errMachine is in the error where the machine does not give what a fault needs: the rights, or the programs ip, nsenter, mount,
// mkfs.ext4 and fsfreeze.
var errMachine = errors.New("this machine cannot have networks or disks that break")

// inside runs the program in namespaces of its own.
func inside(namespaces uintptr, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
	err = cmd.Run()
	if errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("%w: %w", errMachine, err)
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return fmt.Errorf("the run with %s has failed", strings.Join(args, " "))
	}
	return err
}

// write writes the report to its file.
func (r *run) write(err error) error {
	f, createErr := os.Create(r.report)
	if createErr != nil {
		return createErr
	}
	fmt.Fprintf(f, reportHead, strings.Join(os.Args[1:], " "))
	r.print(f, err)
	return f.Close()
}

const reportHead = `# What a cluster survives

Written by

    go run ./bench/chaos %s

which is what ` + "`make chaos`" + ` does. What it breaks, and what it looks for, is in [fault-tolerance.md](fault-tolerance.md#real-processes-that-break). Times are from the strike until all tasks run again, and until they
have taken two checkpoints, of the strikes that hit a job that was well and were not followed by another one at once ("alone"). The heartbeat's timeout is 2 s; bars are the project's.

`
