package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// sqlCmd runs SQL statements.
type sqlCmd struct {
	File    string   `short:"f" help:"A file of statements; - is the standard input." placeholder:"FILE"`
	Execute []string `short:"e" sep:"none" help:"Statements." placeholder:"STATEMENT"`
	Format  string   `help:"How rows are printed: ${enum}." enum:"table,changelog,csv,json" default:"table"`
	Batch   bool     `help:"Run queries in batch mode: final results only."`
	Options []string `short:"D" name:"define" sep:"none" help:"An option, as SET has it." placeholder:"KEY=VALUE"`

	JobManager string `name:"jobmanager" short:"m" placeholder:"URL" help:"Run INSERT statements on the cluster of this JobManager; queries run here."`
	Detached   bool   `short:"d" help:"Do not wait for the jobs of INSERT statements on a cluster."`
}

// Run runs the statements one after the other.
func (c *sqlCmd) Run(ctx context.Context) error {
	text, err := c.text()
	if err != nil {
		return err
	}
	if c.JobManager != "" {
		if c.File == "-" || c.File == "" && len(c.Execute) == 0 {
			return errors.New("workers of the cluster read the statements again: give them by -f FILE or -e")
		}
		if err := os.Setenv(launch.JobManagerVariable, c.JobManager); err != nil {
			return err
		}
	}
	options := []sql.Option{sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor(launch.PassEnvironment(passed...)))}
	if c.Batch {
		options = append(options, sql.Set("execution.runtime-mode", "BATCH"))
	}
	if c.Detached {
		if os.Getenv(launch.JobManagerVariable) == "" {
			return errors.New("--detached is for jobs on a cluster: give --jobmanager URL")
		}
		options = append(options, sql.Set("table.dml-sync", "false"))
	}
	for _, o := range c.Options {
		key, value, ok := strings.Cut(o, "=")
		if !ok {
			return fmt.Errorf("-D %s: give it as key=value", o)
		}
		options = append(options, sql.Set(key, value))
	}
	out := bufio.NewWriter(os.Stdout)
	s := sql.NewSession(options...)
	if !c.Detached {
		defer s.Close()
	}
	err = s.Script(ctx, text, func(_ string, r *sql.Result) error {
		defer out.Flush()
		defer r.Close()
		return c.print(out, r)
	})
	if err == nil && !c.Detached {
		err = s.Wait(ctx)
	}
	var e *sql.Error
	if errors.As(err, &e) {
		return errors.New(e.Show())
	}
	return err
}

// text are the statements.
func (c *sqlCmd) text() (string, error) {
	if len(c.Execute) > 0 {
		if c.File != "" {
			return "", errors.New("give either -f or -e")
		}
		return strings.Join(c.Execute, "\n;\n"), nil // the last line of one may be a comment
	}
	if c.File == "" || c.File == "-" {
		data, err := io.ReadAll(os.Stdin)
		return string(data), err
	}
	data, err := os.ReadFile(c.File)
	return string(data), err
}

// print prints what a statement gives.
func (c *sqlCmd) print(out *bufio.Writer, r *sql.Result) error {
	if r.Schema == nil {
		if err := r.Wait(); err != nil {
			return err
		}
		if r.Message != "" && c.Format == "table" {
			fmt.Fprintln(out, r.Message)
		}
		return nil
	}
	var write func(b *column.Batch) error
	end := func() {}
	switch c.Format {
	case "csv":
		write = csvPrinter(out, r)
	case "json":
		write = func(b *column.Batch) error {
			for i := range b.N {
				fmt.Fprintf(out, "%s\n", r.AppendJSON(nil, b, i))
			}
			return nil
		}
	case "changelog":
		write = func(b *column.Batch) error {
			for i := range b.N {
				fmt.Fprintf(out, "%s %s\n", b.Kind(i), r.AppendJSON(nil, b, i))
			}
			return nil
		}
	default:
		t := &tablePrinter{out: out, r: r, op: r.IsChangelog()}
		write, end = t.print, t.end
	}
	for b, err := range r.Batches() {
		if err != nil {
			end()
			return err
		}
		if err := write(b); err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
	}
	end()
	return nil
}

func csvPrinter(out io.Writer, r *sql.Result) func(b *column.Batch) error {
	w := csv.NewWriter(out)
	_ = w.Write(r.Schema.Names()) // Flush reports the error
	return func(b *column.Batch) error {
		record := make([]string, len(b.Cols))
		for i := range b.N {
			for c, v := range b.Cols {
				record[c] = ""
				if !v.IsNull(i) {
					record[c] = string(r.AppendText(nil, v, i))
				}
			}
			_ = w.Write(record)
		}
		w.Flush()
		return w.Error()
	}
}

// tablePrinter prints rows under the names of their columns. The columns are as wide as what the first batch has in them;
// what is wider later stands out.
type tablePrinter struct {
	out    io.Writer
	r      *sql.Result
	op     bool
	widths []int
	rows   int
}

// cellMax is the widest column.
const cellMax = 60

func (t *tablePrinter) print(b *column.Batch) error {
	cells := make([][]string, b.N)
	for i := range cells {
		if t.op {
			cells[i] = append(cells[i], b.Kind(i).String())
		}
		for _, v := range b.Cols {
			text := string(t.r.AppendText(nil, v, i))
			if strings.Count(text, "\n") > 0 && b.N == 1 && len(b.Cols) == 1 { // a plan
				_, err := fmt.Fprint(t.out, text)
				t.rows = -1
				return err
			}
			cells[i] = append(cells[i], strings.ReplaceAll(text, "\n", "\\n"))
		}
	}
	if t.widths == nil {
		t.begin(cells)
	}
	for _, row := range cells {
		t.line(row)
	}
	t.rows += b.N
	return nil
}

func (t *tablePrinter) begin(cells [][]string) {
	var names []string
	if t.op {
		names = append(names, "op")
	}
	names = append(names, t.r.Schema.Names()...)
	t.widths = make([]int, len(names))
	for _, row := range append([][]string{names}, cells...) {
		for c, s := range row {
			t.widths[c] = min(cellMax, max(t.widths[c], utf8.RuneCountInString(s)))
		}
	}
	t.rule()
	t.line(names)
	t.rule()
}

func (t *tablePrinter) rule() {
	var b bytes.Buffer
	for _, w := range t.widths {
		b.WriteString("+" + strings.Repeat("-", w+2))
	}
	fmt.Fprintln(t.out, b.String()+"+")
}

func (t *tablePrinter) line(row []string) {
	var b bytes.Buffer
	for c, s := range row {
		if n := utf8.RuneCountInString(s); n > cellMax {
			s = string([]rune(s)[:cellMax-1]) + "…"
		}
		pad := strings.Repeat(" ", max(0, t.widths[c]-utf8.RuneCountInString(s)))
		if t.isNumber(c) {
			s = pad + s
		} else {
			s += pad
		}
		b.WriteString("| " + s + " ")
	}
	fmt.Fprintln(t.out, b.String()+"|")
}

// isNumber reports whether a column stands to the right.
func (t *tablePrinter) isNumber(c int) bool {
	if t.op {
		c--
	}
	return c >= 0 && t.r.Schema.Fields[c].Type.IsNumeric()
}

func (t *tablePrinter) end() {
	if t.rows < 0 {
		return
	}
	if t.widths == nil {
		t.begin(nil)
	}
	t.rule()
	what := "row"
	if t.op {
		what = "change"
	}
	if t.rows != 1 {
		what += "s"
	}
	fmt.Fprintf(t.out, "%d %s\n", t.rows, what)
}
