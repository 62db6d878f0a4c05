package queries

import (
	"cmp"
	"context"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// sqlFiles are the queries in SQL, and the tables that they read.
//
//go:embed sql/*.sql
var sqlFiles embed.FS

// SQLNames are the names of the queries in SQL, in order.
func SQLNames() []string {
	entries, err := sqlFiles.ReadDir("sql")
	if err != nil {
		panic(err) // embedded
	}
	var names []string
	for _, e := range entries {
		if name := strings.TrimSuffix(e.Name(), ".sql"); name != "tables" && name != "gen" {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int { return cmp.Compare(number(a), number(b)) })
	return append([]string{"gen"}, names...)
}

func number(name string) int {
	n, _ := strconv.Atoi(name[1:]) // all are q and a number
	return n
}

// SQLOptions say how a query in SQL is run.
type SQLOptions struct {
	Options
	// Input is a file of events as JSON lines: track F; or a topic of them, as kafka://host:port/topic: track K. Without it the
	// generator makes them.
	Input string
	// Readers is the number of readers of the generator's events, by default the parallelism. With one, rows of equal time have an
	// order, which queries that break ties by arrival need.
	Readers int
}

// SQLScript is the statements of a query: the tables, then the query.
func SQLScript(name string, o SQLOptions, out string) (string, error) {
	tables, err := sqlFiles.ReadFile("sql/tables.sql")
	if err != nil {
		return "", err
	}
	query, err := sqlFiles.ReadFile("sql/" + name + ".sql")
	if err != nil {
		return "", fmt.Errorf("there is no query %q; there are %s", name, strings.Join(SQLNames(), " "))
	}
	c := o.Config
	source := fmt.Sprintf("'connector' = 'nexmark', 'events.num' = '%d', 'first-event.rate' = '%d', 'seed' = '%d', 'variant' = '%d'",
		c.Events, cmp.Or(c.RatePerSecond, 100_000), cmp.Or(c.Seed, 1), c.Variant)
	if o.Readers > 0 {
		source += fmt.Sprintf(", 'scan.parallelism' = '%d'", o.Readers)
	}
	if brokers, topic, ok := o.topic(); ok {
		source = fmt.Sprintf("'connector' = 'kafka', 'format' = 'json', 'properties.bootstrap.servers' = '%s', 'topic' = '%s', "+
			"'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset'", brokers, topic)
	} else if o.Input != "" {
		source = fmt.Sprintf("'connector' = 'filesystem', 'format' = 'json', 'path' = '%s'", o.Input)
	}
	r := strings.NewReplacer("${SOURCE}", source, "${SINK}", "'connector' = 'probe'", "${OUT}", out)
	return r.Replace(string(tables) + "\n" + string(query)), nil
}

// topic is that of Input.
func (o *SQLOptions) topic() (brokers, name string, ok bool) {
	rest, ok := strings.CutPrefix(o.Input, "kafka://")
	brokers, name, _ = strings.Cut(rest, "/")
	return brokers, name, ok
}

// SQLSession is a session that has what the queries need.
func SQLSession(p *Probe, options ...sql.Option) *sql.Session {
	options = append([]sql.Option{
		sql.With(append(all.Factories(), probeTable(p), sideTable), all.Formats()),
		sql.Functions(sql.Scalar("count_char", countChar)),
	}, options...)
	return sql.NewSession(options...)
}

// countChar is how often the first byte of c occurs in text.
func countChar(text, c *string) int64 {
	if text == nil || c == nil || *c == "" {
		return 0
	}
	return int64(strings.Count(*text, (*c)[:1]))
}

// RunSQL runs a query in SQL to the end of its events.
func RunSQL(ctx context.Context, name string, o SQLOptions) (Report, error) {
	out, err := os.MkdirTemp("", "flott-nexmark-")
	if err != nil {
		return Report{}, err
	}
	defer os.RemoveAll(out)
	script, err := SQLScript(name, o, filepath.ToSlash(out))
	if err != nil {
		return Report{}, err
	}
	p := &Probe{Hash: o.Hash}
	parallelism := cmp.Or(o.Parallelism, config.Parallelism.Get(o.Configuration))
	interval := cmp.Or(o.Interval, config.CheckpointInterval.Get(o.Configuration))
	backend := cmp.Or(o.Backend, config.StateBackend.Get(o.Configuration))
	options := []sql.Option{
		sql.On(launch.Executor(launch.Configuration(o.Configuration))), sql.Set("parallelism.default", strconv.Itoa(parallelism)),
		sql.Set("state.backend.type", backend), sql.Set("pipeline.name", "nexmark "+name),
	}
	if interval > 0 {
		options = append(options, sql.Set("execution.checkpointing.interval", interval.String()))
	}
	s := SQLSession(p, options...)
	cpu, start := cputime.Process(), time.Now()
	err = s.Script(ctx, script, func(_ string, r *sql.Result) error { return r.Wait() })
	if err != nil {
		return Report{}, fmt.Errorf("query %s: %w", name, err)
	}
	used := (cputime.Process() - cpu).Seconds()
	track := "G"
	if _, _, kafka := o.topic(); kafka {
		track = "K"
	} else if o.Input != "" {
		track = "F"
	}
	got := p.Output()
	return Report{
		Query: name, API: "sql", Track: track, Parallelism: parallelism, StateBackend: backend, CheckpointInterval: interval.Milliseconds(),
		Events: o.Config.Events, Seconds: time.Since(start).Seconds(), CPUSeconds: used,
		EventsPerCPUSecond: int64(float64(o.Config.Events) / used), MaxRSSBytes: cputime.MaxRSS(),
		OutputRows: got.Rows, OutputChecksum: strconv.FormatUint(got.Checksum, 16), OutputHash: p.FinalHash(),
	}, nil
}
