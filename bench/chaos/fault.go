//go:build linux

package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// fault is something that goes wrong.
type fault struct {
	name string
	// bar is how long the job may take at most until it runs again; 0 says nothing.
	bar time.Duration
	// lasts is how long it goes on at least before it is undone; 0 is undone at once.
	lasts time.Duration
	// disk and network say that it needs one of the cluster's own.
	disk, network bool
	// harmless says that tasks may live on.
	harmless bool
	// unnoticed says that all tasks do, if the job was well.
	unnoticed bool
	// strike does it, and returns what it has hit and what undoes it. Choices are rng's.
	strike func(c *cluster, rng *rand.Rand) (hit string, heal func() error, err error)
}

// tags are those that this program was built with, and that others of the cluster are built with too.
var tags = sync.OnceValue(func() string {
	info, _ := debug.ReadBuildInfo()
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			return s.Value
		}
	}
	return ""
})

const frozen = silenceTimeout + time.Second

// faults are those that there are.
var faults = []fault{
	{name: "kill-worker", bar: time.Second, strike: killWorker},
	{name: "kill-taskmanager", bar: 2 * time.Second, strike: killTaskManager},
	{name: "kill-jobmanager", harmless: true, strike: killJobManager},
	{name: "freeze-worker", bar: frozen, lasts: frozen, strike: freezeWorker},
	{name: "freeze-taskmanager", bar: frozen, lasts: frozen, strike: freezeTaskManager},
	{name: "partition-jobmanager", bar: frozen, lasts: frozen, network: true, strike: partitionJobManager},
	{name: "partition-taskmanagers", lasts: frozen, network: true, strike: partitionTaskManagers},
	{name: "full-disk", lasts: 2 * time.Second, disk: true, harmless: true, strike: fullDisk},
	{name: "slow-disk", lasts: 3 * time.Second, disk: true, harmless: true, strike: slowDisk},
}

// choose returns the faults of a list of names, such as kill-worker*10,full-disk: how many there are of each in a round.
func choose(list string) (chosen []fault, err error) {
	for item := range strings.SplitSeq(list, ",") {
		name, times, _ := strings.Cut(item, "*")
		n, err := strconv.Atoi(cmp.Or(times, "1"))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q: want the name of a fault, or name*3", item)
		}
		i := slices.IndexFunc(faults, func(f fault) bool { return f.name == name })
		if i < 0 {
			var all []string
			for _, f := range faults {
				all = append(all, f.name)
			}
			return nil, fmt.Errorf("there is no fault %q; there are %s (and clock-jump with -tags clockjump)", name, strings.Join(all, ", "))
		}
		chosen = append(chosen, slices.Repeat(faults[i:i+1], n)...)
	}
	return chosen, nil
}

func healed() error { return nil }

// victim is a worker of the job.
func (c *cluster) victim(rng *rand.Rand) (worker, error) {
	all, err := c.atLeast(1)
	if err != nil {
		return worker{}, err
	}
	return all[rng.IntN(len(all))], nil
}

// atLeast waits until so many TaskManagers have workers, and returns one of each. Of a job that is well it returns those in which
// it runs: one that was given up may still be there.
func (c *cluster) atLeast(n int) ([]worker, error) {
	for late := time.Now().Add(awaitTimeout); ; time.Sleep(pollInterval) {
		all, err := c.workers()
		if err != nil {
			return nil, err
		}
		slices.SortFunc(all, func(a, b worker) int { return strings.Compare(a.tm.name, b.tm.name) })
		twice := false
		if c.well {
			used, err := c.used()
			if err != nil {
				return nil, err
			}
			all = slices.DeleteFunc(all, func(w worker) bool { return !used[w.tm] })
			twice = len(all) > len(used)
		}
		all = slices.CompactFunc(all, func(a, b worker) bool { return a.tm == b.tm })
		if len(all) >= n && !twice {
			return all, nil
		}
		if time.Now().After(late) {
			return nil, fmt.Errorf("%d TaskManagers have workers, want %d", len(all), n)
		}
	}
}

// used are the TaskManagers that the job runs on.
func (c *cluster) used() (map[*node]bool, error) {
	ctx := context.Background()
	j, err := c.client.Job(ctx, c.jobID)
	if err != nil {
		return nil, err
	}
	ids := map[string]*node{}
	for _, tm := range c.tms {
		id, err := tm.id()
		if err != nil {
			return nil, err
		}
		ids[id] = tm
	}
	used := map[*node]bool{}
	for _, v := range j.Vertices {
		subtasks, err := c.client.Subtasks(ctx, c.jobID, v.ID)
		if err != nil {
			return nil, err
		}
		for _, s := range subtasks {
			if tm := ids[s.TaskManager]; tm != nil {
				used[tm] = true
			}
		}
	}
	return used, nil
}

func killWorker(c *cluster, rng *rand.Rand) (string, func() error, error) {
	w, err := c.victim(rng)
	if err != nil {
		return "", nil, err
	}
	return "the worker of " + w.tm.name, healed, syscall.Kill(w.pid, syscall.SIGKILL)
}

func killTaskManager(c *cluster, rng *rand.Rand) (string, func() error, error) {
	w, err := c.victim(rng)
	if err != nil {
		return "", nil, err
	}
	return w.tm.name, w.tm.start, w.tm.kill()
}

// killJobManager kills the JobManager and starts it again. Tasks go on meanwhile.
func killJobManager(c *cluster, _ *rand.Rand) (string, func() error, error) {
	if err := c.jobManager.kill(); err != nil {
		return "", nil, err
	}
	if err := c.jobManager.start(); err != nil {
		return "", nil, err
	}
	return "the JobManager", healed, c.answers()
}

// answers waits until the JobManager does.
func (c *cluster) answers() error {
	for late := time.Now().Add(awaitTimeout); ; time.Sleep(pollInterval) {
		_, err := c.client.Job(context.Background(), c.jobID)
		if err == nil || time.Now().After(late) {
			return err
		}
	}
}

func freezeWorker(c *cluster, rng *rand.Rand) (string, func() error, error) {
	w, err := c.victim(rng)
	if err != nil {
		return "", nil, err
	}
	goOn := func() error {
		_ = syscall.Kill(w.pid, syscall.SIGCONT) // its TaskManager has killed it
		return nil
	}
	return "the worker of " + w.tm.name, goOn, syscall.Kill(w.pid, syscall.SIGSTOP)
}

func freezeTaskManager(c *cluster, rng *rand.Rand) (string, func() error, error) {
	w, err := c.victim(rng)
	if err != nil {
		return "", nil, err
	}
	return w.tm.name, func() error { return w.tm.signal(syscall.SIGCONT) }, w.tm.signal(syscall.SIGSTOP)
}

func partitionJobManager(c *cluster, rng *rand.Rand) (string, func() error, error) {
	w, err := c.victim(rng)
	if err != nil {
		return "", nil, err
	}
	heal, err := c.network.cut(c.jobManager.name, w.tm.name)
	return "between the JobManager and " + w.tm.name, heal, err
}

func partitionTaskManagers(c *cluster, rng *rand.Rand) (string, func() error, error) {
	all, err := c.atLeast(2)
	if err != nil {
		return "", nil, err
	}
	rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	a, b := all[0].tm.name, all[1].tm.name
	heal, err := c.network.cut(a, b)
	return "between " + a + " and " + b, heal, err
}
