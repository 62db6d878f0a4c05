package control

import (
	"fmt"
	"time"
)

// ReadLog asks a TaskManager for a part of a log file of its own or of a worker. It is answered by Log.
type ReadLog struct {
	// Call is that of the answer.
	Call int64
	// Name is that of a file; "" asks which there are.
	Name string
	// Offset is where to read, Bytes how much at most.
	Offset int64
	Bytes  int
}

// Log answers ReadLog.
type Log struct {
	Call  int64
	Files []LogFile // those that there are, or the one that was read
	Data  []byte
	Error string // "" for none
}

// LogFile is a log file.
type LogFile struct {
	Name     string
	Bytes    int64
	Modified time.Time
}

// WorkerLogs is how the names of the log files of a job's workers begin; without a job, of all workers.
func WorkerLogs(job string) (prefix string) {
	if job == "" {
		return "worker-"
	}
	return fmt.Sprintf("worker-%.8s-", job)
}

// WorkerLog is the name of the log file of a worker.
func WorkerLog(worker string) string { return WorkerLogs("") + worker + ".log" }
