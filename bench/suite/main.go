// Command suite runs a second suite of queries beside Nexmark's: functions of strings, times, wide decimals and JSON, columns full of
// NULLs, nested rows, tables that change, skewed and unique keys, in batch and streaming mode.
//
//	go run ./bench/suite -dir /tmp/suite -rows 2000000
//	go run ./bench/suite -dir /tmp/suite -rows 2000000 -hash 12-distinct 29-cdc
//	go run ./bench/suite -dir /tmp/suite -set execution.runtime-mode=batch -set parallelism.default=2 15-join-inner
//
// Nothing in the engine is made for these queries: what is slow here is slow for a reason that other queries have too. They are
// written in what Flink takes as well, so that it can read the same files; what it gives is in testdata.
//
// Data flow: data.go writes the files, sql/tables.sql makes tables of them, and each query of sql is run into a sink that reads every
// byte, or computes a hash of the final result.
package main

import (
	"cmp"
	"context"
	"embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"runtime/pprof"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "suite:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("suite", flag.ContinueOnError)
	dir := flags.String("dir", "", "the `directory` of the files, which are written if they are not there; needed")
	rows := flags.Int64("rows", 2_000_000, "rows of a large table; the directory must hold files of as many")
	repeat := flags.Int("repeat", 1, "runs of each query; the best is printed")
	hash := flags.Bool("hash", false, "compute the hash of the final result, which costs time")
	asJSON := flags.Bool("json", false, "print a JSON object for each query")
	profile := flags.String("profile", "", "write a CPU profile of all runs to this `file`")
	var options []sql.Option
	flags.Func("set", "an option of all queries, as `key=value`, in place of the suite's own; may come several times", func(text string) error {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return fmt.Errorf("give it as key=value")
		}
		options = append(options, sql.Set(key, value))
		return nil
	})
	print := flags.Bool("print", false, "print the statements of the queries, with ${SINK} for the options of the sink, and run nothing")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" || *rows < 1 {
		return fmt.Errorf("give -dir a directory, and -rows at least 1")
	}
	path, err := filepath.Abs(*dir)
	if err != nil {
		return err
	}
	list, err := queries(flags.Args())
	if err != nil {
		return err
	}
	if *print {
		for _, q := range list {
			if err := json.NewEncoder(os.Stdout).Encode(map[string]any{
				"query": q.name, "batch": q.batch, "events": q.events(*rows), "statements": q.statements(path),
			}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := generate(ctx, path, *rows); err != nil {
		return err
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	debug.SetGCPercent(400) // as flott nexmark does
	if !*asJSON {
		fmt.Printf("%-18s %10s %8s %8s %12s %9s %10s\n", "query", "events", "seconds", "cpu", "events/cpu-s", "rss MiB", "rows")
	}
	for _, q := range list {
		var best report
		for i := range max(1, *repeat) {
			r, err := q.run(ctx, path, *rows, *hash, options...)
			if err != nil {
				return fmt.Errorf("query %s: %w", q.name, err)
			}
			if i == 0 || r.CPUSeconds < best.CPUSeconds {
				best = r
			}
		}
		if *asJSON {
			if err := json.NewEncoder(os.Stdout).Encode(best); err != nil {
				return err
			}
			continue
		}
		fmt.Printf("%-18s %10d %8.2f %8.2f %12d %9d %10d %s\n", best.Query, best.Events, best.Seconds, best.CPUSeconds, best.EventsPerCPUSecond,
			best.MaxRSSBytes>>20, best.OutputRows, best.OutputHash)
	}
	return nil
}

// report is what a run has cost, and what came out.
type report struct {
	Query              string  `json:"query"`
	Events             int64   `json:"events"`
	Seconds            float64 `json:"seconds"`
	CPUSeconds         float64 `json:"cpu_seconds"`
	EventsPerCPUSecond int64   `json:"events_per_cpu_second"`
	MaxRSSBytes        int64   `json:"max_rss_bytes"`
	OutputRows         int64   `json:"output_rows"` // changes
	OutputHash         string  `json:"output_hash,omitempty"`
}

// A query is a file of sql. The comments at its top say which tables it reads, and whether in batch mode.
type query struct {
	name, text string
	batch      bool
	reads      []string
}

var header = regexp.MustCompile(`(?m)^-- (reads|mode) (.*)\n`)

// queries are those of the names, or all.
func queries(names []string) (list []query, err error) {
	if len(names) == 0 {
		files, err := sqlFiles.ReadDir("sql")
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.Name() != "tables.sql" {
				names = append(names, strings.TrimSuffix(f.Name(), ".sql"))
			}
		}
	}
	for _, name := range names {
		text, err := sqlFiles.ReadFile("sql/" + name + ".sql")
		if err != nil {
			return nil, fmt.Errorf("there is no query %q", name)
		}
		q := query{name: name, text: strings.TrimSpace(string(text))}
		for _, h := range header.FindAllStringSubmatch(q.text, -1) {
			if h[1] == "mode" {
				q.batch = h[2] == "batch"
			} else {
				q.reads = strings.Fields(h[2])
			}
		}
		list = append(list, q)
	}
	return list, nil
}

// events are the rows of the files that the query reads.
func (q query) events(scale int64) (n int64) {
	for _, name := range q.reads {
		n += tables[name].rows(scale)
	}
	return n
}

// statements are the tables, and a table of what the query gives, with ${SINK} for its options.
func (q query) statements(dir string) []string {
	text, err := sqlFiles.ReadFile("sql/tables.sql")
	if err != nil {
		panic(err) // embedded
	}
	list := strings.Split(strings.ReplaceAll(string(text), "${DATA}", filepath.ToSlash(dir)), ";\n")
	list = slices.DeleteFunc(list, func(s string) bool { return strings.TrimSpace(s) == "" })
	return append(list, "CREATE TABLE res WITH (${SINK}) AS\n"+q.text)
}

func (q query) run(ctx context.Context, dir string, scale int64, hash bool, options ...sql.Option) (report, error) {
	p := &probe{hashed: hash}
	mode := "streaming"
	if q.batch {
		mode = "batch"
	}
	s := sql.NewSession(append([]sql.Option{
		sql.With(append(all.Factories(), p.table()), all.Formats()), sql.On(launch.Executor()), sql.Set("parallelism.default", "1"),
		sql.Set("execution.runtime-mode", mode), sql.Set("pipeline.name", q.name),
	}, options...)...)
	script := strings.ReplaceAll(strings.Join(q.statements(dir), ";\n"), "${SINK}", "'connector' = 'probe'")
	cpu, start := cputime.Process(), time.Now()
	if err := s.Script(ctx, script, func(_ string, r *sql.Result) error { return r.Wait() }); err != nil {
		return report{}, err
	}
	used := (cputime.Process() - cpu).Seconds()
	r := report{
		Query: q.name, Events: q.events(scale), Seconds: time.Since(start).Seconds(), CPUSeconds: used, MaxRSSBytes: cputime.MaxRSS(),
		OutputRows: p.rows,
	}
	r.EventsPerCPUSecond = int64(float64(r.Events) / cmp.Or(used, 1e-9))
	if hash {
		r.OutputHash = p.hash.String()
	}
	return r, nil
}
