package control

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"time"
)

// WorkerSpec is what a worker's program finds in the file that WorkerVariable names.
type WorkerSpec struct {
	// Name is the worker's, unique among all that ever were.
	Name string
	// JobManager is the address that it connects to, unless the file Leader names another one; Host is that at
	// which other workers reach it.
	JobManager, Leader, Host string
	// LostTimeout is how long it goes on without a JobManager, in nanoseconds.
	LostTimeout int64
	Job         Submission
	// TempDir is for what it spills, and for state on disk.
	TempDir string
	// Heartbeat and HeartbeatTimeout are those of its connections; 0 stands for the defaults of package wire.
	Heartbeat, HeartbeatTimeout time.Duration
	// TLS is what it has for mutual TLS on its connections; nil means that they have none.
	TLS *TLSFiles
	// MetricsFile is the descriptor of a socket over which the TaskManager asks for metrics, 0 for none.
	MetricsFile int
	// TaskManager has started it, and owns ResultDir, where the results of the job's stages go.
	TaskManager, ResultDir string
	// LogFormat is how it writes its log, LogLevel what of, to begin with: see package logging.
	LogFormat string
	LogLevel  slog.Level
}

// TLSFiles are files in PEM: a certificate; its key, "" for that of Cert; and the certificates of who vouches for the other side.
type TLSFiles struct{ Cert, Key, CA string }

// WorkerVariable is the environment variable that makes a program a worker, with the path of its
// WorkerSpec.
const WorkerVariable = "FLOTT_WORKER"

// Write writes the spec to a file.
func (s *WorkerSpec) Write(path string) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}

// Manager is the address of the JobManager that leads, as far as is known.
func (s *WorkerSpec) Manager() string {
	if address, err := os.ReadFile(s.Leader); err == nil && len(address) > 0 {
		return string(address)
	}
	return s.JobManager
}

// ReadWorkerSpec reads the spec of this process, nil if it is no worker.
func ReadWorkerSpec() (*WorkerSpec, error) {
	path := os.Getenv(WorkerVariable)
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", WorkerVariable, err)
	}
	s := &WorkerSpec{}
	if err := json.Unmarshal(data, s); err != nil {
		return nil, fmt.Errorf("%s: %s: %w", WorkerVariable, path, err)
	}
	return s, nil
}
