package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// report is what a run found, and how long it took.
type report struct {
	phase                   string
	rows                    []row
	open                    int // rows of phases that are closed
	passed, failed, skipped int
}

type row struct {
	phase, area string
	seconds     float64
}

// countCheck counts a check that is not a test: one that fails counts as a failed test.
func (r *report) countCheck(err error) error {
	if err != nil {
		r.failed++
	}
	return err
}

// add notes the time of a package under its area.
func (r *report) add(area string, seconds float64) {
	for i := range r.rows {
		if r.rows[i].phase == r.phase && r.rows[i].area == area {
			r.rows[i].seconds += seconds
			return
		}
	}
	r.rows = append(r.rows, row{r.phase, area, seconds})
}

// closePhase adds what the phase took beyond its packages, which is mostly building them.
// Packages run side by side, so their times can add up to more than that of the phase.
func (r *report) closePhase(took time.Duration) {
	tested := 0.0
	for _, row := range r.rows[r.open:] {
		tested += row.seconds
	}
	if rest := took.Seconds() - tested; rest > 0 {
		name := "(build and wait)"
		if tested == 0 {
			name = "(all)"
		}
		r.rows = append(r.rows, row{r.phase, name, rest})
	}
	slices.SortStableFunc(r.rows[r.open:], func(a, b row) int {
		return int((b.seconds - a.seconds) * 1e6)
	})
	r.open = len(r.rows)
}

// print writes the table of times and, as the last line, the counts.
func (r *report) print(out io.Writer) {
	total := 0.0
	for _, row := range r.rows {
		total += row.seconds
	}
	fmt.Fprintf(out, "\n%-12s %-28s %9s %7s\n", "phase", "area", "seconds", "share")
	for _, row := range r.rows {
		if row.seconds >= 0.05 || row.seconds >= total/100 {
			fmt.Fprintf(out, "%-12s %-28s %9.1f %6.1f%%\n",
				row.phase, row.area, row.seconds, 100*row.seconds/max(total, 1e-9))
		}
	}
	fmt.Fprintf(out, "%-12s %-28s %9.1f\n\n", "all", "", total)
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped\n", r.passed, r.failed, r.skipped)
}
