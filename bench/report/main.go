// Command report runs the benchmarks, prints their figures beside the bars they are held to, and
// appends them to bench/results/results.jsonl with the commit and the machine.
//
//	make bench
//
// Figures are CPU time, user and system, of the whole process, which on shared cores means more than
// elapsed time; each is the least of several runs. A bar that is missed by up to half is printed as
// missed; one that is missed by more makes the exit code 1.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// bar is a figure, "benchmark metric", and what it is held to.
type bar struct {
	what, of string
	limit    float64
	unit     string
	least    bool   // the figure must reach the limit instead of staying below
	less     string // others whose figures are taken off
	times    string // another one that the figure is a multiple of
	optional bool   // it needs a program that may not be there
}

func atMost(what, of string, limit float64, unit string) bar {
	return bar{what: what, of: of, limit: limit, unit: unit}
}

func atLeast(what, of string, limit float64, unit string) bar {
	return bar{what: what, of: of, limit: limit, unit: unit, least: true}
}

func (b bar) without(less string) bar { b.less = less; return b }

func (b bar) per(of string) bar { b.times = of; return b }

func (b bar) ifThere() bar { b.optional = true; return b }

var bars = []bar{
	atMost("five map and filter steps, above the user functions", "Chain5 cpu-ns/op", 15, "ns/record").without("PlainLoop5+Source cpu-ns/op"),
	atMost("keyed exchange, parallelism 1", "KeyedExchange/1 cpu-ns/op", 40, "ns/record").without("Source cpu-ns/op"),
	atMost("keyed exchange, parallelism 2", "KeyedExchange/2 cpu-ns/op", 40, "ns/record").without("Source cpu-ns/op"),
	atMost("keyed count, 1 million keys", "KeyedCount/1M cpu-ns/op", 60, "ns/record").without("Source cpu-ns/op"),
	atMost("keyed count, 10 million keys", "KeyedCount/10M cpu-ns/op", 90, "ns/record").without("Source cpu-ns/op"),
	atMost("keyed update with changes tracked, 1 million keys", "Values/word=true/1M/tracked=true ns/op", 60, "ns"),
	atMost("the same, 10 million keys", "Values/word=true/10M/tracked=true ns/op", 90, "ns"),
	atMost("the same, 1 million string keys", "Values/word=false/1M/tracked=true ns/op", 90, "ns"),
	atMost("the same, 10 million string keys", "Values/word=false/10M/tracked=true ns/op", 150, "ns"),
	atMost("the same on disk, keys in the table", "DiskHot ns/op", 150, "ns"),
	atMost("the same on disk, keys not in the table", "DiskCold ns/op", 10_000, "ns"),
	atMost("freeze, base of 10 million keys", "Snapshot/base freeze-max-us", 60_000, "µs"),
	atMost("freeze, 2 million of 10 million keys changed", "Snapshot/uniform freeze-max-us", 60_000, "µs"),
	atMost("freeze, a hot thousandth of them changed", "Snapshot/hot freeze-max-us", 10_000, "µs"),
	atLeast("snapshot, encoded", "Snapshot/base MB/s", 500, "MB/s"),
	atMost("garbage collector beside 10 million keys", "GC/int64 gc-%", 5, "% of CPU"),
	atMost("the same, string values", "GC/string gc-%", 5, "% of CPU"),
	atMost("restore of 1 GB, 2 to 4 to 3 subtasks, in memory", "Restore/hashmap s/GB", 10, "s"),
	atMost("the same, on disk", "Restore/pebble s/GB", 10, "s"),
	atMost("checkpoint each second, q4", "Checkpoints/q4 median-%", 5, "% of CPU"),
	atMost("checkpoint each second, q5", "Checkpoints/q5 median-%", 5, "% of CPU"),
	atMost("sliding-window count, above source and key", "WindowCount/sliding cpu-ns/op", 40, "ns/record").without("WindowNone cpu-ns/op"),
	atMost("timer set and fired, a million pending", "Timers cpu-ns/op", 150, "ns/timer").without("WindowNone cpu-ns/op"),
	atMost("auction generator, all columns, as rows", "GenerateBatch/all ns/event", 70, "ns/event"),
	atMost("latency at 1,000/s through two exchanges, p99", "Latency/1000 p99-ms", 2, "ms"),
	atMost("latency at 1,000/s, p99.9", "Latency/1000 p99.9-ms", 10, "ms"),
	atMost("latency at 20,000/s, p99", "Latency/20000 p99-ms", 2, "ms"),
	atMost("latency at 20,000/s, p99.9", "Latency/20000 p99.9-ms", 10, "ms"),
	atLeast("connection of processes, messages of 32 KB", "Conn/32KB/tcp GB/cpu-s", 1, "GB/cpu-s"),
	atMost("the same, of 1 KB, a row of 100 bytes", "Conn/1KB/tcp cpu-ns/row", 100, "ns/row"),
	atLeast("exchange between processes, columns", "Remote/columns GB/cpu-s", 1, "GB/cpu-s"),
	atMost("the same, rows: encode, send, receive, decode", "Remote/rows cpu-ns/row", 100, "ns/row"),
	atMost("cluster: start to ready", "ClusterStart ms", 300, "ms"),
	atMost("cluster: submit to RUNNING, with upload", "Submit first-ms", 300, "ms"),
	atMost("cluster: submit to RUNNING, program is there", "Submit again-ms", 300, "ms"),
	atMost("cluster: SIGKILL of a worker to RUNNING, most of 5", "Kill/worker ms", 1000, "ms"),
	atMost("cluster: the same of a TaskManager, with a spare", "Kill/taskmanager ms", 2000, "ms"),
	atMost("cluster: idle JobManager", "Idle jobmanager-MB", 60, "MB RSS"),
	atMost("cluster: idle TaskManager", "Idle taskmanager-MB", 60, "MB RSS"),
	atMost("REST: overview of 100 jobs", "Answers/jobs ns/op", 20e6, "ns"),
	atMost("the same, length", "Answers/jobs kB/answer", 100, "kB"),
	atMost("REST: a job of 50 vertices × 64 subtasks", "Answers/job ns/op", 20e6, "ns"),
	atMost("the same, length", "Answers/job kB/answer", 100, "kB"),
	atMost("the same, a vertex", "Answers/vertex ns/op", 20e6, "ns"),
	atMost("the same, length", "Answers/vertex kB/answer", 100, "kB"),
	atMost("the same, checkpoints", "Answers/checkpoints ns/op", 20e6, "ns"),
	atMost("the same, its plan", "Answers/plan ns/op", 20e6, "ns"),
	atMost("REST: overview of jobs, 2,000 requests/s", "Requests cpu-us/request", 60, "µs of CPU"),
	atMost("the same, what the job needs more", "Requests job-cpu-%", 5, "% of CPU"),
	atMost("REST: a viewer of a job's page", "Requests core-%/viewer", 1, "% of a core"),
	atMost("program flott", "program MB", 110, "MB"),
	atMost("program of a job, word count", "job MB", 60, "MB"),
	atMost("10 TaskManagers, 10 vertices × 10: deploy", "Deploy/managers=10 cpu-s/op", 5, "s of CPU"),
	atMost("100 TaskManagers, 10 vertices × 100: deploy", "Deploy/managers=100 cpu-s/op", 5, "s of CPU"),
	atMost("1,000 TaskManagers, 10 vertices × 1,000: deploy", "Deploy/managers=1000 cpu-s/op", 5, "s of CPU"),
	atMost("1,000 TaskManagers: heartbeats, both sides", "Heartbeats/managers=1000 %core", 10, "% of a core"),
	atMost("metrics: a scrape of 10,000 series", "Scrape cpu-ms", 50, "ms of CPU"),
	atMost("JSON of a bid, all columns", "Bid/All cpu-ns/op", 250, "ns"),
	atMost("JSON of a bid, two columns", "Bid/Two cpu-ns/op", 90, "ns"),
	atMost("SQL to plan, q16", "Plan/q16 ns/op", 5e6, "ns"),
	atMost("SQL keyed count, 10 million keys to 10 thousand", "SQLKeyedCount/10M cpu-ns/op", 2, "times").per("SQLKeyedCount/10k cpu-ns/op"),
	atMost("SQL group of a CSV file, 1 thousand groups", "FileGroup/CSV/1k x-duckdb", 2, "times DuckDB").ifThere(),
	atMost("the same, 5 million groups", "FileGroup/CSV/5M x-duckdb", 2, "times DuckDB").ifThere(),
	atMost("SQL group of a Parquet file, 1 thousand groups", "FileGroup/Parquet/1k x-duckdb", 5, "times DuckDB").ifThere(),
	atMost("the same, 5 million groups", "FileGroup/Parquet/5M x-duckdb", 5, "times DuckDB").ifThere(),
	atLeast("Kafka to SQL, JSON, q0 (5 times Flink's)", "KafkaRead q0-M/cpu-s", 1.5, "M events/cpu-s").ifThere(),
	atLeast("the same, q1", "KafkaRead q1-M/cpu-s", 1.4, "M events/cpu-s").ifThere(),
	atLeast("the same, q2", "KafkaRead q2-M/cpu-s", 1.5, "M events/cpu-s").ifThere(),
	atMost("SQL to Kafka, exactly once above at least once, CPU", "KafkaWrite exactly-once-cpu-%", 20, "%").ifThere(),
	atMost("the same, time", "KafkaWrite exactly-once-time-%", 20, "%").ifThere(),
	atLeast("query q0", "q0 M/cpu-s", 8, "M events/cpu-s"),
	atLeast("query q1", "q1 M/cpu-s", 8, "M events/cpu-s"),
	atLeast("query q2", "q2 M/cpu-s", 8, "M events/cpu-s"),
	atLeast("query q3", "q3 M/cpu-s", 6, "M events/cpu-s"),
	atLeast("query q4", "q4 M/cpu-s", 1.5, "M events/cpu-s"),
	atLeast("query q5", "q5 M/cpu-s", 4, "M events/cpu-s"),
	atLeast("query q7", "q7 M/cpu-s", 1.5, "M events/cpu-s"),
	atLeast("query q8", "q8 M/cpu-s", 6, "M events/cpu-s"),
	atLeast("query q11", "q11 M/cpu-s", 4, "M events/cpu-s"),
	atLeast("query q12", "q12 M/cpu-s", 4, "M events/cpu-s"),
	atLeast("SQL query q0", "SQL/q0 M/cpu-s", 5, "M events/cpu-s"),
	atLeast("SQL query q1", "SQL/q1 M/cpu-s", 5, "M events/cpu-s"),
	atLeast("SQL query q2", "SQL/q2 M/cpu-s", 5, "M events/cpu-s"),
	atLeast("SQL query q3", "SQL/q3 M/cpu-s", 5, "M events/cpu-s"),
	atLeast("SQL query q4", "SQL/q4 M/cpu-s", 1, "M events/cpu-s"),
	atLeast("SQL query q5", "SQL/q5 M/cpu-s", 3, "M events/cpu-s"),
	atLeast("SQL query q7", "SQL/q7 M/cpu-s", 1, "M events/cpu-s"),
	atLeast("SQL query q8", "SQL/q8 M/cpu-s", 4, "M events/cpu-s"),
	atLeast("SQL query q9", "SQL/q9 M/cpu-s", 0.5, "M events/cpu-s"),
	atLeast("SQL query q11", "SQL/q11 M/cpu-s", 1.5, "M events/cpu-s"),
	atLeast("SQL query q12", "SQL/q12 M/cpu-s", 3, "M events/cpu-s"),
	atLeast("SQL query q13", "SQL/q13 M/cpu-s", 4, "M events/cpu-s"),
	atLeast("SQL query q14", "SQL/q14 M/cpu-s", 5, "M events/cpu-s"),
	atLeast("SQL query q15", "SQL/q15 M/cpu-s", 1.5, "M events/cpu-s"),
	atLeast("SQL query q16", "SQL/q16 M/cpu-s", 0.6, "M events/cpu-s"),
	atLeast("SQL query q17", "SQL/q17 M/cpu-s", 1.5, "M events/cpu-s"),
	atLeast("SQL query q18", "SQL/q18 M/cpu-s", 1.1, "M events/cpu-s"),
	atLeast("SQL query q19", "SQL/q19 M/cpu-s", 0.8, "M events/cpu-s"),
	atLeast("SQL query q20", "SQL/q20 M/cpu-s", 0.8, "M events/cpu-s"),
	atLeast("SQL query q21", "SQL/q21 M/cpu-s", 1.5, "M events/cpu-s"),
	atLeast("SQL query q22", "SQL/q22 M/cpu-s", 5, "M events/cpu-s"),
}

func main() {
	runs := flag.Int("runs", 3, "runs of each benchmark; the best counts")
	events := flag.Int64("events", 10_000_000, "events of each query")
	rows := flag.Int64("rows", 20_000_000, "records of each micro-benchmark")
	only := flag.String("only", "", "a part of the names of packages: only their benchmarks are run, without the queries, and nothing is appended")
	flag.Parse()
	if err := report(*only, *runs, *events, *rows); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func report(only string, runs int, events, rows int64) error {
	figures := figures{}
	micro := fmt.Sprintf("%dx", rows)
	for _, set := range []struct{ pkg, match, benchtime string }{
		{"./bench", "^Benchmark(Source|PlainLoop5|Chain5|KeyedExchange|KeyedCount|WindowNone|WindowJoin|Timers)$", micro},
		{"./bench", "^BenchmarkWindowCount$/^(tumbling|sliding|session)$", micro},
		{"./bench", "^BenchmarkLatency$", "1x"},
		{"./connect/nexmark", "^BenchmarkGenerateBatch$", "1s"},
		{"./internal/keyed", "^Benchmark(Values|DiskHot|DiskCold|GC)$", "2s"},
		{"./internal/keyed", "^BenchmarkSnapshot$", "3x"},
		{"./bench", "^BenchmarkRestore$", "1x"},
		{"./internal/wire", "^BenchmarkConn$", "1s"},
		{"./internal/exchange", "^BenchmarkRemote$", "1s"},
		{"./bench/chaos", "^Benchmark(ClusterStart|Submit|Idle|Kill|Requests)$", "1x"},
		{"./internal/rest", "^BenchmarkAnswers$", "1s"},
		{"./internal/jobmanager", "^Benchmark(Deploy|Heartbeats)$", "1x"},
		{"./internal/exposition", "^BenchmarkScrape$", "100x"},
		{"./format/json", "^BenchmarkBid$", "1s"},
		{"./bench/queries", "^BenchmarkPlan$", "1s"},
		{"./bench", "^BenchmarkSQLKeyedCount$", "100000000x"},
		{"./bench", "^BenchmarkFileGroup$", "1x"},
		{"./bench", "^BenchmarkCheckpoints$", "15x"},
		{"./bench/queries", "^BenchmarkKafka(Read|Write)$", "3000000x"},
	} {
		if !strings.Contains(set.pkg, only) {
			continue
		}
		for i := range runs {
			fmt.Fprintf(os.Stderr, "run %d of %d: %s %s\n", i+1, runs, set.pkg, set.match)
			if err := figures.benchmarks(set.pkg, set.match, set.benchtime); err != nil {
				return err
			}
		}
	}
	if err := figures.sizes(); err != nil {
		return err
	}
	if only != "" {
		figures.print(false)
		return nil
	}
	fmt.Fprintln(os.Stderr, "queries")
	if err := figures.queries("", "stream", runs, events); err != nil {
		return err
	}
	// Some queries keep all events: fewer are enough.
	if err := figures.queries("SQL/", "sql", runs, events/5); err != nil {
		return err
	}
	far := figures.print(true)
	if err := figures.save(); err != nil {
		return err
	}
	if far > 0 {
		return fmt.Errorf("%d bars are missed by more than half", far)
	}
	return nil
}

// figures are the best figures by "benchmark metric".
type figures map[string]float64

func (f figures) add(name string, v float64) {
	more := strings.HasSuffix(name, "/cpu-s") || strings.HasSuffix(name, " MB/s")
	if old, ok := f[name]; !ok || more == (v > old) {
		f[name] = v
	}
}

// benchmarks runs go test and reads what it prints.
func (f figures) benchmarks(pkg, match, benchtime string) error {
	cmd := exec.Command("go", "test", "-run", "^$", "-bench", match, "-benchtime", benchtime,
		"-timeout", "30m", pkg)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(fields[0], "Benchmark"), fmt.Sprintf("-%d", runtime.GOMAXPROCS(0)))
		for i := 2; i+1 < len(fields); i += 2 {
			if v, err := strconv.ParseFloat(fields[i], 64); err == nil {
				f.add(name+" "+fields[i+1], v)
			}
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("go test -bench %s %s: %w", match, pkg, err)
	}
	return nil
}

// sizes measures programs: the command, if it is built, and a job.
func (f figures) sizes() error {
	if info, err := os.Stat("bin/flott"); err == nil {
		f.add("program MB", float64(info.Size())/(1<<20))
	}
	dir, err := os.MkdirTemp("", "flott-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	job := filepath.Join(dir, "job")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", job, "./examples/wordcount")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("go build ./examples/wordcount: %w", err)
	}
	info, err := os.Stat(job)
	if err != nil {
		return err
	}
	f.add("job MB", float64(info.Size())/(1<<20))
	return nil
}

// queries runs the queries by the binary, as a user does.
func (f figures) queries(prefix, api string, runs int, events int64) error {
	cmd := exec.Command("bin/flott", "nexmark", "--json", "--api", api, "--events", fmt.Sprint(events),
		"--repeat", fmt.Sprint(runs))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("bin/flott nexmark: %w; make bench builds it", err)
	}
	for line := range strings.Lines(string(out)) {
		var r struct {
			Query              string
			EventsPerCPUSecond float64 `json:"events_per_cpu_second"`
		}
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return err
		}
		f.add(prefix+r.Query+" M/cpu-s", r.EventsPerCPUSecond/1e6)
	}
	return nil
}

// value is the figure that a bar is about.
func (f figures) value(b bar) (float64, bool) {
	v, ok := f[b.of]
	if per, known := f[b.times]; b.times != "" {
		return v / per, ok && known
	}
	if !ok || b.less == "" {
		return v, ok
	}
	names, metric, _ := strings.Cut(b.less, " ")
	for name := range strings.SplitSeq(names, "+") {
		less, known := f[name+" "+metric]
		if !known {
			return 0, false
		}
		v -= less
	}
	return v, true
}

// print prints all bars, or those with a figure, and returns how many are missed by more than half.
func (f figures) print(all bool) (far int) {
	fmt.Printf("%-54s %10s %10s  %-16s %s\n", "what", "figure", "bar", "unit", "")
	for _, b := range bars {
		v, ok := f.value(b)
		if !ok && !all {
			continue
		}
		if !ok && b.optional {
			fmt.Printf("%-54s %10s %10.4g  %-16s left out: the program is not here\n", b.what, "–", b.limit, b.unit)
			continue
		}
		if !ok {
			fmt.Printf("%-54s %10s %10.4g  %-16s not measured\n", b.what, "–", b.limit, b.unit)
			far++
			continue
		}
		ratio := v / b.limit
		if b.least {
			ratio = b.limit / v
		}
		verdict := "met"
		if ratio > 1 {
			verdict = fmt.Sprintf("MISSED by %.2fx", ratio)
		}
		if ratio > 1.5 {
			far++
		}
		fmt.Printf("%-54s %10.4g %10.4g  %-16s %s\n", b.what, v, b.limit, b.unit, verdict)
	}
	return far
}

// save appends all figures to the results.
func (f figures) save() error {
	commit, err := exec.Command("git", "describe", "--always", "--dirty").Output()
	if err != nil {
		commit = []byte("unknown")
	}
	line, err := json.Marshal(map[string]any{
		"time": time.Now().UTC().Format(time.RFC3339), "commit": strings.TrimSpace(string(commit)),
		"machine": machine(), "figures": f,
	})
	if err != nil {
		return err
	}
	path := filepath.Join("bench", "results", "results.jsonl")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = file.Write(append(line, '\n'))
	if e := file.Close(); err == nil {
		err = e
	}
	fmt.Printf("appended to %s\n", path)
	return err
}

// machine describes the processor and the Go version.
func machine() string {
	model := runtime.GOARCH
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(info)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	return fmt.Sprintf("%s, %d cores, %s", model, runtime.NumCPU(), runtime.Version())
}
