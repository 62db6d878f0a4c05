package launch_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/storage/storagetest"
)

// children are what the test binary does instead of testing, in the directory that an environment
// variable names: tests start it as a process of its own.
var children = map[string]func(dir string) error{
	killVariable: killedJob, clusterVariable: runClusterJob, stagesVariable: runStagesJob,
	taskManagerVariable: runTaskManager, sqlStagesVariable: runSQLStages,
}

func TestMain(m *testing.M) {
	for variable, run := range children {
		dir := os.Getenv(variable)
		if dir == "" {
			continue
		}
		if err := run(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := storagetest.Warm(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
