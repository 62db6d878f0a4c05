package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/sql/sqltest"
)

// testCmd runs files of SQL cases.
type testCmd struct {
	Paths       []string `arg:"" help:"Case files, or directories of them."`
	Match       string   `name:"run" help:"Run the cases whose names match only." placeholder:"REGEXP"`
	Data        string   `help:"What $${DATA} stands for: by default the folder data beside the cases." placeholder:"DIR"`
	Parallelism int      `help:"The parallelism of jobs." default:"1"`
	Backend     string   `help:"The state backend: ${enum}." enum:"hashmap,pebble" default:"hashmap"`
	BatchRows   []int    `help:"The sizes of batches that each case runs with." default:"1,3,1024"`
	Shuffle     uint64   `help:"Let rows between which there is no order come in one that the seed gives; cases that depend on order are left out." placeholder:"SEED"`
	Rewrite     bool     `help:"Write what the cases give into their files."`
	JSON        bool     `name:"json" help:"Print a JSON object for each case."`
}

// caseReport is a case as flott test --json prints it.
type caseReport struct {
	Case    string `json:"case"`
	Area    string `json:"area"`
	Outcome string `json:"outcome"` // passed, failed, not graded
	Report  string `json:"report,omitempty"`
}

// Run runs the cases and prints what differs.
func (c *testCmd) Run(ctx context.Context) error {
	files, err := sqltest.Files(c.Paths)
	if err != nil {
		return err
	}
	wanted, err := regexp.Compile(c.Match)
	if err != nil {
		return fmt.Errorf("--run: %w", err)
	}
	counts := map[string]*[3]int{}
	var total [3]int
	for _, file := range files {
		k, err := sqltest.Read(file)
		if err != nil {
			return err
		}
		if !wanted.MatchString(k.Name) {
			continue
		}
		v, err := c.one(ctx, file, k)
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if counts[k.Area()] == nil {
			counts[k.Area()] = &[3]int{}
		}
		counts[k.Area()][v.Outcome]++
		total[v.Outcome]++
		c.report(k, v)
	}
	if !c.JSON {
		printAreas(counts)
		fmt.Printf("%d passed, %d failed, %d skipped\n", total[sqltest.Passed], total[sqltest.Failed], total[sqltest.Ungraded])
	}
	if total[sqltest.Failed] > 0 {
		return fmt.Errorf("%d cases failed", total[sqltest.Failed])
	}
	return nil
}

// one runs a case with each size of batches; the first that fails counts.
func (c *testCmd) one(ctx context.Context, file string, k *sqltest.Case) (v sqltest.Verdict, err error) {
	data := c.Data
	if data == "" {
		data = filepath.Join(filepath.Dir(file), "data")
		if _, err := os.Stat(data); err != nil {
			data = filepath.Join(filepath.Dir(file), "..", "data")
		}
	}
	data, remove, err := sqltest.Data(data)
	if err != nil {
		return v, err
	}
	defer remove()
	for _, rows := range c.BatchRows {
		cfg := &sqltest.Config{
			Data: data, Parallelism: c.Parallelism, Shuffle: c.Shuffle, EachRow: true,
			NewSession: func(options ...sql.Option) *sql.Session {
				options = append(options, sql.With(all.Factories(), all.Formats()), sql.Set("state.backend.type", c.Backend),
					sql.On(launch.Executor(launch.BatchRows(rows))))
				return sql.NewSession(options...)
			},
		}
		v = sqltest.Run(ctx, cfg, k)
		if v.Outcome == sqltest.Failed && !c.Rewrite {
			v.Report = fmt.Sprintf("with batches of %d rows: %s", rows, v.Report)
			return v, nil
		}
	}
	if c.Rewrite && v.Outcome != sqltest.Ungraded {
		v.Outcome = sqltest.Passed
		return v, v.Rewrite(file)
	}
	return v, nil
}

func (c *testCmd) report(k *sqltest.Case, v sqltest.Verdict) {
	outcome := []string{"passed", "failed", "not graded"}[v.Outcome]
	if c.JSON {
		line, err := json.Marshal(caseReport{k.Name, k.Area(), outcome, v.Report})
		if err == nil {
			fmt.Println(string(line))
		}
		return
	}
	if v.Outcome == sqltest.Failed {
		fmt.Printf("--- %s\n%s\n%s\n\n", k.Name, strings.TrimSpace(k.Sections["query"]), v.Report)
	}
}

func printAreas(counts map[string]*[3]int) {
	var areas []string
	for a := range counts {
		areas = append(areas, a)
	}
	slices.Sort(areas)
	fmt.Printf("%-20s %8s %8s %10s\n", "area", "passed", "failed", "not graded")
	for _, a := range areas {
		n := counts[a]
		fmt.Printf("%-20s %8d %8d %10d\n", a, n[sqltest.Passed], n[sqltest.Failed], n[sqltest.Ungraded])
	}
}
