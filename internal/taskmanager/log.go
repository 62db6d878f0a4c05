package taskmanager

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/process"
)

// logBytesMax is how much of a log is sent at a time.
const logBytesMax = 1 << 20

// readLog answers with a part of a log file.
func (t *taskManager) readLog(r *control.ReadLog) {
	go func() { // the disk may take its time
		l, err := t.logOf(r)
		if err != nil {
			l.Error = err.Error()
		}
		l.Call = r.Call
		t.actor.Post(func() { t.send(&control.FromTaskManager{Log: l}) })
	}()
}

func (t *taskManager) logOf(r *control.ReadLog) (*control.Log, error) {
	l := &control.Log{}
	files := process.LogFiles{Own: t.o.LogFile, Dir: filepath.Join(t.o.Dir, "log")}
	if r.Name == "" {
		all, err := files.List()
		for _, f := range all {
			l.Files = append(l.Files, logFile(f))
		}
		return l, err
	}
	f, err := files.Find(r.Name)
	if err != nil {
		return l, err
	}
	l.Files = []control.LogFile{logFile(f)}
	l.Data, err = f.ReadAt(max(0, r.Offset), max(0, min(r.Bytes, logBytesMax)))
	return l, err
}

func logFile(f process.LogFile) control.LogFile {
	return control.LogFile{Name: f.Name, Bytes: f.Bytes, Modified: f.Modified}
}

// logsKept is how many log files of workers that have ended are kept, with their older parts.
const logsKept = 200

// dropLogs removes the oldest log files of workers that have ended.
func (t *taskManager) dropLogs() {
	var running []string
	for name := range t.workers {
		running = append(running, control.WorkerLog(name))
	}
	dir, log := filepath.Join(t.o.Dir, "log"), t.o.Log
	go func() {
		all, err := process.LogFiles{Dir: dir}.List()
		if err != nil {
			log.Warn("flott: logs of workers cannot be listed", "error", err)
			return
		}
		all = slices.DeleteFunc(all, func(f process.LogFile) bool {
			return slices.ContainsFunc(running, func(name string) bool { return strings.HasPrefix(f.Name, name) })
		})
		slices.SortStableFunc(all, func(a, b process.LogFile) int { return a.Modified.Compare(b.Modified) })
		for _, f := range all[:max(0, len(all)-logsKept)] {
			_ = os.Remove(filepath.Join(dir, f.Name)) // another call may have been faster
		}
	}()
}
