package sqltest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql"
)

// Outcome is how a case went.
type Outcome uint8

// The outcomes.
const (
	Passed Outcome = iota
	Failed
	Ungraded // a quirk of Flink's, or a statement that neither Flink nor Flott takes
)

// Verdict is what became of a case.
type Verdict struct {
	Case    *Case
	Outcome Outcome
	// Report says what is different, or why the case is not graded.
	Report string
	// Got is the result, in the form of a case's sections.
	Schema, Rows, Changes []string
	Err                   error
}

// Config is how cases are run.
type Config struct {
	// NewSession makes a session for a case. Its options come before those of the case.
	NewSession func(options ...sql.Option) *sql.Session
	// Data is what ${DATA} stands for.
	Data string
	// Parallelism is that of the jobs, 1 by default.
	Parallelism int
	// EachRow compares the changelog too: it is that of a change for each row of the input.
	EachRow bool
	// Shuffle is the seed of another order of rows where none is defined: see sql.Shuffle. Cases that depend on the order
	// are not graded, and changelogs not compared. 0 leaves rows in the order of their files.
	Shuffle uint64
	// Timeout is the longest time that a case may take; 0 is a minute.
	Timeout time.Duration
}

// Run runs a case in a session of its own and compares what it gives with what is expected.
func Run(ctx context.Context, cfg *Config, c *Case) Verdict {
	v := Verdict{Case: c}
	if q := c.Head["quirk"]; q != "" {
		v.Outcome, v.Report = Ungraded, "quirk: "+q
		return v
	}
	if cfg.Shuffle != 0 && c.Head["order-sensitive"] != "" {
		v.Outcome, v.Report = Ungraded, "the result depends on the order of the rows"
		return v
	}
	timeout := cfg.Timeout
	if timeout == 0 {
		timeout = time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	v.Err = v.run(ctx, cfg)
	if ctx.Err() != nil {
		v.Err = fmt.Errorf("the case has not ended after %v", timeout)
	}
	v.judge(cfg)
	return v
}

// run runs the statements.
func (v *Verdict) run(ctx context.Context, cfg *Config) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	out, err := os.MkdirTemp("", "flott-test-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(out)
	s := cfg.NewSession(v.options(cfg)...)
	replace := strings.NewReplacer("${DATA}", cfg.Data, "${OUT}", out)
	err = s.Script(ctx, replace.Replace(v.Case.Sections["setup"]), func(statement string, r *sql.Result) error {
		if err := drain(r, nil); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
		return nil
	})
	if err != nil {
		return err
	}
	r, err := s.Execute(ctx, replace.Replace(strings.TrimSpace(v.Case.Sections["query"])))
	if err != nil {
		return err
	}
	defer r.Close()
	if r.Schema != nil {
		for _, f := range r.Schema.Fields {
			v.Schema = append(v.Schema, fmt.Sprintf("[%q, %q]", f.Name, f.Type))
		}
	}
	return drain(r, func(kind row.ChangeKind, row string) {
		v.Changes = append(v.Changes, kind.String()+" "+row)
	})
}

// options are those of a case's session.
func (v *Verdict) options(cfg *Config) []sql.Option {
	options := []sql.Option{
		Functions(), sql.Set("pipeline.auto-watermark-interval", "0 ms"), sql.Set("parallelism.default", fmt.Sprint(max(1, cfg.Parallelism))),
		sql.Set("table.local-time-zone", "UTC"), sql.Set("restart-strategy.type", "none"),
		sql.Shuffle(cfg.Shuffle),
	}
	if cfg.EachRow {
		options = append(options, sql.Set("table.exec.mini-batch.enabled", "false"))
	}
	if v.Case.Head["mode"] == "batch" {
		options = append(options, sql.Set("execution.runtime-mode", "BATCH"))
	}
	return options
}

// drain reads a result to its end.
func drain(r *sql.Result, each func(kind row.ChangeKind, row string)) error {
	for b, err := range r.Batches() {
		if err != nil {
			return err
		}
		for i := range b.N {
			if each != nil {
				each(b.Kind(i), string(AppendRow(nil, b.Cols, i)))
			}
		}
	}
	return nil
}

// judge compares the result with what is expected.
func (v *Verdict) judge(cfg *Config) {
	c := v.Case
	if c.Error != "" {
		v.judgeError()
		return
	}
	if v.Err != nil {
		v.fail("%v", show(v.Err))
		return
	}
	if want := c.Lines("schema"); len(want) > 0 && !slices.Equal(want, v.Schema) {
		v.fail("columns\n%s", Diff(want, v.Schema))
		return
	}
	v.Rows = Materialize(v.Changes, c.UpsertKey())
	ordered := c.Head["compare"] == "ordered"
	if digest := c.Lines("expect-digest"); len(digest) > 0 {
		if got := Digest(v.Rows); !slices.Equal(digest, got) {
			v.fail("digest of the rows\n%s\nfirst rows\n%s", Diff(digest, got), Diff(c.Lines("sample"), slices.Sorted(slices.Values(v.Rows))[:min(20, len(v.Rows))]))
		}
		return
	}
	want := c.Lines("expect")
	if !SameRows(want, v.Rows, ordered) {
		if !ordered {
			slices.Sort(v.Rows)
		}
		v.fail("rows\n%s", Diff(want, v.Rows))
		return
	}
	changes := c.Lines("changelog")
	if cfg.EachRow && cfg.Parallelism <= 1 && cfg.Shuffle == 0 && len(changes) > 0 && c.isSingleSource() && !SameChanges(changes, v.Changes) {
		v.fail("changes\n%s", Diff(changes, v.Changes))
	}
}

func (v *Verdict) judgeError() {
	c := v.Case
	switch {
	case c.Head["flink-limit"] != "":
		v.Outcome, v.Report = Ungraded, "Flink does not support the statement"
		if v.Err == nil {
			v.Report += ", Flott does"
		}
	case v.Err == nil:
		v.fail("it gives %d rows; an error is expected: %s %s", len(v.Changes), c.Error, strings.TrimSpace(c.Sections["error"]))
	default:
		if kind := kindOf(v.Err); kind != c.Error && !(c.Head["raised"] != "" && kind != "") {
			v.fail("the error is of the kind %s, not %s: %v", kind, c.Error, v.Err)
		}
	}
}

func (v *Verdict) fail(format string, args ...any) {
	v.Outcome, v.Report = Failed, fmt.Sprintf(format, args...)
}

// kindOf is the kind of an error of a statement, empty for others.
func kindOf(err error) string {
	var e *sql.Error
	if errors.As(err, &e) {
		return string(e.Kind)
	}
	return ""
}

func show(err error) string {
	var e *sql.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("%s error: %s", e.Kind, e.Show())
	}
	return err.Error()
}

// isSingleSource reports whether a case reads one table once, so that the order of changes is known. Flink reads VALUES
// that are not constants only as several tables.
func (c *Case) isSingleSource() bool {
	text := c.Sections["query"]
	if strings.Count(text, "VALUES") > 0 {
		return strings.Count(text, "VALUES") == 1 && !strings.Contains(text, "CAST(NULL") && !strings.Contains(text, "JOIN") &&
			!strings.Contains(c.Sections["setup"], "CREATE")
	}
	for _, m := range withNames.FindAllStringSubmatch(text, -1) {
		if len(regexp.MustCompile(`\b`+m[1]+`\b`).FindAllString(text, -1)) > 2 {
			return false // two operators read what is named
		}
	}
	reads := 0
	for _, m := range tableNames.FindAllStringSubmatch(c.Sections["setup"], -1) {
		reads += len(regexp.MustCompile(`\b`+regexp.QuoteMeta(m[1])+`\b`).FindAllString(text, -1))
	}
	return reads == 1 && !strings.Contains(text, "JOIN") && strings.Count(c.Sections["setup"], "CREATE") == 1
}

var tableNames = regexp.MustCompile("CREATE (?:TEMPORARY )?(?:TABLE|VIEW) `?(\\w+)")

var withNames = regexp.MustCompile(`(?:WITH|,) (\w+) AS \(SELECT`)

// Files are the case files that paths name: files, or directories with *.case.
func Files(paths []string) ([]string, error) {
	var files []string
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			files = append(files, p)
			continue
		}
		found, err := filepath.Glob(filepath.Join(p, "*.case"))
		if err != nil {
			return nil, err
		}
		files = append(files, found...)
	}
	return files, nil
}
