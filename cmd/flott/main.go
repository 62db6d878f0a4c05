// Command flott is the one binary of Flott: it runs the demo and the benchmark, and draws graphs.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the linker.
var version = "unknown"

// commands are flott's subcommands, one file each.
type commands struct {
	Demo        demoCmd        `cmd:"" help:"Run the demo: two jobs on a cluster of processes, of which one is killed."`
	DemoJob     demoJobCmd     `cmd:"" hidden:""`
	Nexmark     nexmarkCmd     `cmd:"" help:"Run the queries of the auction benchmark, or write its events to files."`
	SQL         sqlCmd         `cmd:"" name:"sql" help:"Run SQL statements."`
	Test        testCmd        `cmd:"" help:"Run files of SQL cases and compare their results."`
	Run         runCmd         `cmd:"" help:"Run a job's program on a cluster."`
	List        listCmd        `cmd:"" help:"List the jobs of a cluster."`
	Info        infoCmd        `cmd:"" help:"Show a job of a cluster."`
	History     historyCmd     `cmd:"" help:"List the jobs that have ended, or show one of them, of a JobManager or of a directory of archives."`
	Logs        logsCmd        `cmd:"" help:"Print the logs of a job's workers, of a TaskManager or of the JobManager."`
	LogLevel    logLevelCmd    `cmd:"" help:"Change what processes of a cluster log, while they run, or show it."`
	Profile     profileCmd     `cmd:"" help:"Take a profile of a process of a cluster, for go tool pprof."`
	Top         topCmd         `cmd:"" help:"Watch a cluster: jobs, vertices with rates, checkpoints, TaskManagers."`
	Cancel      cancelCmd      `cmd:"" help:"Cancel a job of a cluster."`
	Stop        stopCmd        `cmd:"" help:"Stop a job of a cluster with a savepoint."`
	Savepoint   savepointCmd   `cmd:"" help:"Take a savepoint of a job of a cluster, or delete one."`
	Rescale     rescaleCmd     `cmd:"" help:"Have a job of a cluster go on with another number of subtasks."`
	Cluster     clusterCmd     `cmd:"" help:"Start, stop and show a cluster on this machine."`
	JobManager  jobmanagerCmd  `cmd:"" name:"jobmanager" help:"Be the JobManager of a cluster."`
	TaskManager taskmanagerCmd `cmd:"" name:"taskmanager" help:"Be a TaskManager of a cluster."`
	NATS        natsCmd        `cmd:"" name:"nats" help:"Run a server of NATS: a durable log for those who have none."`
	Graph       graphCmd       `cmd:"" help:"Draw the graph of a job."`
	Config      configCmd      `cmd:"" help:"Print the options that jobs get, and where they come from."`
	State       stateCmd       `cmd:"" help:"Look into checkpoints and savepoints, and rewrite them."`
	SQLGateway  sqlGatewayCmd  `cmd:"" name:"sql-gateway" hidden:""`
	Version     versionCmd     `cmd:"" help:"Print the version."`
}

func main() {
	var c commands
	k := kong.Parse(&c, kong.Name("flott"), kong.UsageOnError(),
		kong.Description("Flott computes on streams: stateful, distributed, exactly once."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k.BindTo(ctx, (*context.Context)(nil))
	if err := k.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "flott:", err)
		stop()
		os.Exit(1)
	}
}

type versionCmd struct{}

// Run prints the version, the Go version and the platform.
func (versionCmd) Run() error {
	v := version
	if info, ok := debug.ReadBuildInfo(); ok && v == "unknown" && info.Main.Version != "" {
		v = info.Main.Version
	}
	fmt.Printf("flott %s (%s, %s/%s)\n", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
