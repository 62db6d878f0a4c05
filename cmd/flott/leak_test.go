package main

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/control"
)

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(control.WorkerVariable) != "" && os.Getenv(jobVariable)+os.Getenv(batchVariable)+os.Getenv(flottVariable)+os.Getenv(windowsVariable)+os.Getenv(panicVariable)+os.Getenv(logVariable) == "":
		fmt.Fprintln(os.Stderr, "a worker has not got the variable that says what it is")
		os.Exit(1)
	case os.Getenv(jobVariable) != "":
		if err := testJob(os.Getenv(jobVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case os.Getenv(batchVariable) != "":
		if err := batchJob(os.Getenv(batchVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case os.Getenv(windowsVariable) != "":
		if err := windowsJob(os.Getenv(windowsVariable)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case os.Getenv(logVariable) != "":
		exitWith(logJob())
	case os.Getenv(panicVariable) != "":
		if err := panicJob(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	case os.Getenv(flottVariable) != "":
		inherited, passed = append(inherited, flottVariable), append(passed, flottVariable)
		main()
		return
	}
	goleak.VerifyTestMain(m)
}
