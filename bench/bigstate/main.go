// Command bigstate holds more keyed state than it has memory for, and says what that took.
//
//	make bigstate SIZE=20GB
//	go run ./bench/bigstate -size 20GB -entry 1000 -memory 64MB -dir /var/tmp
//
// Data flow: one process runs a job that writes the state, then changes and checks a part of it, with
// checkpoints into a directory all the time. A second one restores what the first has left, and goes
// on. Each prints how much memory it has had at most, and how much CPU time it took; on the way, on standard error,
// how far it is.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// variable makes a process of this program run a job with the config it holds.
const variable = "FLOTT_BIGSTATE"

func main() {
	if os.Getenv(variable) != "" {
		if err := child(); err != nil {
			fmt.Fprintln(os.Stderr, "bigstate:", err)
			os.Exit(1)
		}
		return
	}
	if err := parent(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bigstate:", err)
		os.Exit(1)
	}
}

func parent(args []string) (err error) {
	flags := flag.NewFlagSet("bigstate", flag.ContinueOnError)
	size := flags.String("size", "1GB", "the `bytes` of all values")
	entry := flags.Int("entry", 1000, "the bytes of one value, at least 8")
	memory := flags.String("memory", "64MB", "stream.StateMemory, in `bytes`")
	interval := flags.Duration("interval", time.Second, "the time between checkpoints, which is what a large size needs most disk for")
	limit := flags.String("limit", "180MB", "GOMEMLIMIT, in `bytes`: what the collector aims at")
	dir := flags.String("dir", "", "where state and checkpoints are put, three times the size (default: the system's directory for temporary files)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	c := config{EntryBytes: *entry, Parallelism: 2, Interval: *interval}
	bytes, err := parseBytes(*size)
	if err == nil {
		c.Memory, err = parseBytes(*memory)
	}
	if err == nil {
		c.Limit, err = parseBytes(*limit)
	}
	if err != nil {
		return err
	}
	if c.EntryBytes < 8 || bytes < int64(c.EntryBytes) {
		return fmt.Errorf("-entry %d: give at least 8, and at most -size", c.EntryBytes)
	}
	c.Entries = (bytes/int64(c.EntryBytes) + changeEvery) / changeEvery * changeEvery
	if c.Dir, err = os.MkdirTemp(*dir, "flott-bigstate-"); err != nil {
		return err
	}
	defer os.RemoveAll(c.Dir)
	for _, what := range []string{"written", "restored"} {
		c.Records = c.Entries / 10
		if what == "written" {
			c.Records += c.Entries
		}
		f, err := c.spawn()
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Printf("%-9s %d records in %.1f s, %.1f s of CPU; first record after %.1f s, %.1f s of CPU\n",
			what, f.Records, f.Elapsed.Seconds(), f.CPU.Seconds(), f.Restore.Seconds(), f.RestoreCPU.Seconds())
		fmt.Printf("%-9s %d checkpoints, the last of %d MB; peak of memory %d MB\n",
			"", f.Checkpoints, f.StateBytes>>20, f.PeakBytes>>20)
	}
	return nil
}

// spawn runs the job in a process of its own.
func (c *config) spawn() (f figures, err error) {
	text, err := json.Marshal(c)
	if err != nil {
		return f, err
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+string(text), fmt.Sprint("GOMEMLIMIT=", c.Limit))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(out, &f)
}

// child is the process that spawn starts.
func child() error {
	var c config
	if err := json.Unmarshal([]byte(os.Getenv(variable)), &c); err != nil {
		return err
	}
	stop, err := profile()
	if err != nil {
		return err
	}
	f, err := c.run(context.Background())
	if err := stop(); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// parseBytes reads a size such as 20GB; units are powers of 1000.
func parseBytes(s string) (int64, error) {
	number, factor := strings.ToUpper(s), int64(1)
	for i, unit := range []string{"KB", "MB", "GB", "TB"} {
		if rest, ok := strings.CutSuffix(number, unit); ok {
			number = rest
			for range i + 1 {
				factor *= 1000
			}
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n <= 0 || n > (1<<62)/factor {
		return 0, fmt.Errorf("%q is no size; write one such as 500MB or 20GB", s)
	}
	return n * factor, nil
}
