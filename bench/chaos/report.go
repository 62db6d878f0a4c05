//go:build linux

package main

import (
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// print writes what a run has come to, as Markdown.
func (r *run) print(w io.Writer, err error) {
	fmt.Fprintf(w, "- %d strikes with seed %d in %v, %d CPUs, %s/%s\n", len(r.strikes), r.seed, r.took.Round(time.Second), runtime.NumCPU(), runtime.GOOS, runtime.GOARCH)
	fmt.Fprintf(w, "- %d events, %d restarts, %d checkpoints\n", r.job.events, r.restarts, r.checkpoints)
	if err == nil {
		fmt.Fprintf(w, "- the %d records of the output are those of a run without faults, each of them once\n", r.lines)
		fmt.Fprintf(w, "- no process, file, cgroup, slot or port is left\n")
	} else {
		fmt.Fprintf(w, "- **failed**: %v\n", err)
	}
	fmt.Fprintf(w, "\n| fault | strikes | alone | RUNNING after: median | 90 %% | most | bar | two checkpoints after: median | most |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, f := range faults {
		struck := 0
		var running, healthy []time.Duration
		for _, s := range r.strikes {
			if s.fault.name != f.name {
				continue
			}
			struck++
			if s.alone() {
				healthy = append(healthy, s.healthy)
				if !f.harmless {
					running = append(running, s.running)
				}
			}
		}
		if struck == 0 {
			continue
		}
		bar := "–"
		if f.bar > 0 {
			bar = millis(f.bar)
		}
		fmt.Fprintf(w, "| %s | %d | %d | %s | %s | %s | %s | %s | %s |\n", f.name, struck, len(healthy),
			quantile(running, 0.5), quantile(running, 0.9), quantile(running, 1), bar, quantile(healthy, 0.5), quantile(healthy, 1))
	}
}

func quantile(d []time.Duration, q float64) string {
	if len(d) == 0 {
		return "–"
	}
	d = slices.Sorted(slices.Values(d))
	return millis(d[min(len(d)-1, int(q*float64(len(d))))])
}

func millis(d time.Duration) string { return fmt.Sprintf("%d ms", d.Milliseconds()) }
