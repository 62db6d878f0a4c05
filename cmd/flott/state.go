package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/flott-dev/flott/savepoint"
)

// stateCmd has the commands of the state processor.
type stateCmd struct {
	Ls     stateLsCmd     `cmd:"" help:"List the operators and states of a checkpoint or savepoint."`
	Cat    stateCatCmd    `cmd:"" help:"Print the rows of a keyed state."`
	Rehash stateRehashCmd `cmd:"" help:"Write a savepoint for another maximum parallelism."`
}

type stateLsCmd struct {
	Path   string `arg:"" help:"Savepoint, checkpoint (chk-…) or a job's checkpoint directory; a path or URI."`
	JSON   bool   `name:"json" help:"Print JSON."`
	NoSkew bool   `help:"Do not read the states to count their entries."`
}

// Run lists what the snapshot has.
func (c *stateLsCmd) Run(ctx context.Context) error {
	l, err := listed(ctx, c.Path, !c.NoSkew)
	if err != nil {
		return err
	}
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		return e.Encode(l)
	}
	l.print(os.Stdout)
	return nil
}

// listing is a snapshot as flott state ls --json prints it.
type listing struct {
	Path      string            `json:"path"`
	Job       string            `json:"job"`
	ID        int64             `json:"id"`
	Kind      string            `json:"kind"`
	Taken     time.Time         `json:"taken"`
	Operators []listingOperator `json:"operators"`
}

type listingOperator struct {
	UID             string                    `json:"uid"`
	Name            string                    `json:"name"`
	Parallelism     int                       `json:"parallelism"`
	MaxParallelism  int                       `json:"max_parallelism"`
	Finished        int                       `json:"finished_subtasks"`
	Bytes           int64                     `json:"bytes"`
	Coordinator     int64                     `json:"coordinator_bytes"`
	InFlightRecords int64                     `json:"in_flight_records"`
	InFlightBytes   int64                     `json:"in_flight_bytes"`
	States          []listingState            `json:"states"`
	Lists           []savepoint.OperatorState `json:"operator_states"`
}

type listingState struct {
	Name      string          `json:"name"`
	Kind      string          `json:"kind"`
	TTL       bool            `json:"ttl"`
	Windowed  bool            `json:"windowed"`
	Key       string          `json:"key"`
	Namespace string          `json:"namespace,omitempty"`
	Value     string          `json:"value"`
	Bytes     int64           `json:"bytes"`
	Skew      *savepoint.Skew `json:"skew,omitempty"`
}

// triesMax bounds how often a job's next checkpoint is tried when it deletes the one being read.
const triesMax = 5

// retried calls f, again if it fails because the job has moved on to its next checkpoint.
func retried(ctx context.Context, path string, f func(s *savepoint.Snapshot) error) error {
	last := int64(-1)
	for try := 1; ; try++ {
		s, err := savepoint.Open(ctx, path)
		if err != nil {
			return err
		}
		if err = f(s); err == nil || try == triesMax || s.ID == last {
			return err
		}
		last = s.ID
	}
}

func listed(ctx context.Context, path string, skew bool) (l listing, err error) {
	err = retried(ctx, path, func(s *savepoint.Snapshot) error {
		l = listing{Path: path, Job: s.Job, ID: s.ID, Kind: "checkpoint", Taken: s.Taken}
		if s.Savepoint {
			l.Kind = "savepoint"
		}
		for _, o := range s.Operators {
			lo, err := listedOperator(o, skew)
			if err != nil {
				return err
			}
			l.Operators = append(l.Operators, lo)
		}
		return nil
	})
	return l, err
}

func listedOperator(o *savepoint.Operator, skew bool) (listingOperator, error) {
	l := listingOperator{
		UID: o.UID, Name: o.Name, Parallelism: o.Parallelism, MaxParallelism: o.MaxParallelism,
		Finished: o.Finished, Bytes: o.Bytes(), Coordinator: o.CoordinatorBytes,
		InFlightRecords: o.InFlightRecords, InFlightBytes: o.InFlightBytes, Lists: o.Lists,
	}
	for _, st := range o.States {
		ls := listingState{
			Name: st.Name, Kind: st.Kind, TTL: st.TTL, Windowed: st.Windowed, Key: st.Key,
			Namespace: st.Namespace, Value: st.Value, Bytes: st.Bytes,
		}
		if skew {
			sk, err := st.Skew()
			if err != nil {
				return l, err
			}
			ls.Skew = &sk
		}
		l.States = append(l.States, ls)
	}
	return l, nil
}

// print writes the listing for people.
func (l *listing) print(w io.Writer) {
	fmt.Fprintf(w, "%s %d of job %q, taken %s\n", l.Kind, l.ID, l.Job, l.Taken.Format(time.RFC3339))
	for i := range l.Operators {
		o := &l.Operators[i]
		fmt.Fprintf(w, "\n%s  uid %s, parallelism %d of %d, %s", o.Name, o.UID, o.Parallelism, o.MaxParallelism,
			size(o.Bytes))
		if o.Finished > 0 {
			fmt.Fprintf(w, ", %d of %d subtasks finished", o.Finished, o.Parallelism)
		}
		if o.Coordinator > 0 {
			fmt.Fprintf(w, ", coordinator %s", size(o.Coordinator))
		}
		if o.InFlightRecords > 0 {
			fmt.Fprintf(w, ", %d records (%s) in flight", o.InFlightRecords, size(o.InFlightBytes))
		}
		fmt.Fprintln(w)
		o.print(w)
	}
}

func (o *listingOperator) print(w io.Writer) {
	if len(o.States)+len(o.Lists) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "  STATE\tKIND\tENTRIES\tSIZE\tPER KEY GROUP (MIN/MEDIAN/MAX)\tTYPES")
	for i := range o.States {
		st := &o.States[i]
		entries, groups := "-", "-"
		if st.Skew != nil {
			e := &st.Skew.Entries
			entries = strconv.FormatInt(e.Total, 10)
			groups = fmt.Sprintf("%d / %d / %d (group %d)", e.Min, e.Median, e.Max, e.MaxGroup)
		}
		fmt.Fprintf(t, "  %s\t%s\t%s\t%s\t%s\t%s\n", st.Name, st.kind(), entries, size(st.Bytes), groups, st.types())
	}
	for _, s := range o.Lists {
		fmt.Fprintf(t, "  %s\t%s\t%d\t%s\t-\t-\n", s.Name, s.Kind, s.Items, size(s.Bytes))
	}
	t.Flush()
}

func (st *listingState) kind() string {
	k := st.Kind
	if st.Windowed {
		k = "window " + k
	}
	if st.TTL {
		k += ", TTL"
	}
	return k
}

// types are the schemas, shortened to what a line has room for.
func (st *listingState) types() string {
	s := st.Key
	if st.Namespace != "" {
		s += ", " + st.Namespace
	}
	s += " -> " + st.Value
	const room = 80
	if r := []rune(s); len(r) > room {
		return string(r[:room-1]) + "…"
	}
	return s
}

// size is a number of bytes with its unit.
func size(n int64) string {
	const units = "KMGTPE"
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	f, i := float64(n)/1024, 0
	for ; f >= 1024; i++ {
		f /= 1024
	}
	return fmt.Sprintf("%.1f %ciB", f, units[i])
}

type stateCatCmd struct {
	Path   string `arg:"" help:"Savepoint, checkpoint (chk-…) or a job's checkpoint directory; a path or URI."`
	UID    string `help:"Uid of the operator, or its name."`
	State  string `help:"Name of the state."`
	Key    string `help:"Print the rows of this key only."`
	Limit  int    `default:"100" help:"Print at most so many rows; 0 is all."`
	Format string `enum:"table,json,csv" default:"table" help:"One of ${enum}. JSON is one object a line."`
}

// Run prints rows.
func (c *stateCatCmd) Run(ctx context.Context) error {
	if c.Limit < 0 {
		return fmt.Errorf("--limit is %d; give 0 (all) or more", c.Limit)
	}
	var st *savepoint.State
	var rows []savepoint.Row
	err := retried(ctx, c.Path, func(s *savepoint.Snapshot) (err error) {
		if st, err = c.find(s); err != nil {
			return err
		}
		rows, err = c.some(st)
		return err
	})
	if err != nil {
		return err
	}
	p := c.printer(st)
	for _, row := range rows {
		err = errors.Join(err, p.row(row))
	}
	if c.Limit == 0 && c.Key == "" {
		for row, rowErr := range st.Rows() {
			if err = errors.Join(rowErr, err); err != nil {
				break
			}
			err = p.row(row)
		}
	}
	return errors.Join(err, p.flush())
}

// some is the rows where they are few. They are read before one is printed, so that it can be begun again.
func (c *stateCatCmd) some(st *savepoint.State) (rows []savepoint.Row, err error) {
	if c.Key != "" {
		rows, err = st.Get(c.Key)
		if c.Limit > 0 && len(rows) > c.Limit {
			rows = rows[:c.Limit]
		}
		return rows, err
	}
	if c.Limit == 0 {
		return nil, nil
	}
	for row, err := range st.Rows() {
		if err != nil {
			return nil, err
		}
		if rows = append(rows, row); len(rows) == c.Limit {
			break
		}
	}
	return rows, nil
}

// find is the state that the flags name; the error has the names there are.
func (c *stateCatCmd) find(s *savepoint.Snapshot) (*savepoint.State, error) {
	if c.UID == "" {
		var with []string
		for _, o := range s.Operators {
			if len(o.States) > 0 {
				with = append(with, o.UID)
			}
		}
		if len(with) == 0 {
			return nil, errors.New("no operator of the snapshot has keyed state")
		}
		return nil, fmt.Errorf("name an operator with --uid; there is %s", strings.Join(with, ", "))
	}
	o, err := s.Operator(c.UID)
	if err != nil {
		return nil, err
	}
	if c.State == "" {
		var names []string
		for _, st := range o.States {
			names = append(names, st.Name)
		}
		return nil, fmt.Errorf("name a keyed state of operator %q with --state; there is %s", o.UID,
			strings.Join(names, ", "))
	}
	return o.State(c.State)
}

// printer writes rows in one of the formats.
type printer struct {
	columns []string
	cells   func(r *savepoint.Row) []any
	row     func(r savepoint.Row) error
	flush   func() error
}

func (c *stateCatCmd) printer(st *savepoint.State) *printer {
	p := &printer{columns: []string{"key"}}
	window := st.Windowed || st.Kind == "slice"
	if window {
		p.columns = append(p.columns, "start", "end")
	}
	if st.Kind == "timer" {
		p.columns = append(p.columns, "at")
	}
	if st.Namespace != "" {
		p.columns = append(p.columns, "entry")
	}
	p.columns = append(p.columns, "value")
	if st.TTL {
		p.columns = append(p.columns, "updated")
	}
	p.cells = func(r *savepoint.Row) []any {
		cells := []any{r.Key}
		if window {
			cells = append(cells, moment(r.Start), moment(r.End))
		}
		if st.Kind == "timer" {
			cells = append(cells, moment(r.At))
		}
		if st.Namespace != "" {
			cells = append(cells, r.Namespace)
		}
		cells = append(cells, r.Value)
		if st.TTL {
			cells = append(cells, moment(r.At))
		}
		return cells
	}
	switch c.Format {
	case "json":
		p.json(os.Stdout)
	case "csv":
		p.csv(os.Stdout)
	default:
		p.table(os.Stdout)
	}
	return p
}

// moment is a time, or the number where it is none: a round, the end of time.
func moment(millis int64) any {
	if t := time.UnixMilli(millis).UTC(); t.Year() >= 0 && t.Year() < 10000 {
		return t
	}
	return millis
}

func (p *printer) json(w io.Writer) {
	p.row = func(r savepoint.Row) error {
		var line savepoint.Struct
		for i, cell := range p.cells(&r) {
			line = append(line, savepoint.Field{Name: p.columns[i], Value: cell})
		}
		_, err := fmt.Fprintln(w, savepoint.Text(line))
		return err
	}
	p.flush = func() error { return nil }
}

func (p *printer) csv(w io.Writer) {
	out := csv.NewWriter(w)
	out.UseCRLF = true // RFC 4180
	err := out.Write(p.columns)
	p.row = func(r savepoint.Row) error {
		var cells []string
		for _, cell := range p.cells(&r) {
			cells = append(cells, savepoint.Text(cell))
		}
		return errors.Join(err, out.Write(cells))
	}
	p.flush = func() error {
		out.Flush()
		return out.Error()
	}
}

func (p *printer) table(w io.Writer) {
	out := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, strings.ToUpper(strings.Join(p.columns, "\t")))
	p.row = func(r savepoint.Row) error {
		var cells []string
		for _, cell := range p.cells(&r) {
			cells = append(cells, inLine(savepoint.Text(cell)))
		}
		_, err := fmt.Fprintln(out, strings.Join(cells, "\t"))
		return err
	}
	p.flush = out.Flush
}

// inLine quotes a text that would break the table.
func inLine(s string) string {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) {
		return strconv.Quote(s)
	}
	return s
}

type stateRehashCmd struct {
	MaxParallelism int    `required:"" help:"Number of key groups of the new savepoint."`
	From           string `arg:"" help:"Savepoint or checkpoint to read."`
	To             string `arg:"" help:"New directory to write the savepoint to."`
}

// Run writes the savepoint.
func (c *stateRehashCmd) Run(ctx context.Context) error {
	if err := savepoint.Rehash(ctx, c.MaxParallelism, c.From, c.To); err != nil {
		return err
	}
	fmt.Printf("%s has the state of %s with %d key groups; restore it with a maximum parallelism of %[3]d\n",
		c.To, c.From, c.MaxParallelism)
	return nil
}
