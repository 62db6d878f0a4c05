package rest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/internal/restapi"
)

// logBytes is how much of a log is asked for at a time, logTimeout how long that may take.
const (
	logBytes   = 256 << 10
	logTimeout = 10 * time.Second
)

// logSource is where logs are read: a TaskManager, or this process.
type logSource func(ctx context.Context, r control.ReadLog) (*control.Log, error)

func (s *Server) logsOfTaskManager(r *http.Request) logSource {
	id := r.PathValue("taskmanagerid")
	return func(ctx context.Context, in control.ReadLog) (*control.Log, error) {
		ctx, stop := context.WithTimeout(ctx, logTimeout)
		defer stop()
		l, err := s.m.Log(ctx, id, in)
		switch {
		case errors.Is(err, jobmanager.ErrUnknownTaskManager):
			return nil, notFound("TaskManager %s not found", id)
		case errors.Is(err, jobmanager.ErrLog):
			return nil, notFound("%v", err)
		}
		return l, err
	}
}

// ownLogs are the JobManager's.
func (s *Server) ownLogs(_ context.Context, in control.ReadLog) (*control.Log, error) {
	files := process.LogFiles{Own: s.o.LogFile}
	l := &control.Log{}
	if in.Name == "" {
		all, err := files.List()
		for _, f := range all {
			l.Files = append(l.Files, control.LogFile{Name: f.Name, Bytes: f.Bytes, Modified: f.Modified})
		}
		return l, err
	}
	f, err := files.Find(in.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, notFound("%v", err)
	}
	if err != nil {
		return nil, err
	}
	l.Files = []control.LogFile{{Name: f.Name, Bytes: f.Bytes, Modified: f.Modified}}
	l.Data, err = f.ReadAt(in.Offset, in.Bytes)
	return l, err
}

func (s *Server) jobManagerLogs(r *http.Request) (*restapi.Logs, error) {
	return listLogs(r, s.ownLogs)
}

func (s *Server) jobManagerLog(w http.ResponseWriter, r *http.Request) error {
	return s.serveLog(w, r, s.ownLogs, r.PathValue("filename"))
}

func (s *Server) taskManagerLogs(r *http.Request) (*restapi.Logs, error) {
	return listLogs(r, s.logsOfTaskManager(r))
}

func (s *Server) taskManagerLog(w http.ResponseWriter, r *http.Request) error {
	return s.serveLog(w, r, s.logsOfTaskManager(r), r.PathValue("filename"))
}

func listLogs(r *http.Request, source logSource) (*restapi.Logs, error) {
	l, err := source(r.Context(), control.ReadLog{})
	if err != nil {
		return nil, err
	}
	all := restapi.Logs{Logs: []restapi.Log{}}
	for _, f := range l.Files {
		all.Logs = append(all.Logs, restapi.Log{Name: f.Name, Size: f.Bytes, Modified: f.Modified.UnixMilli()})
	}
	return &all, nil
}

// serveLog answers with a file, or the parts of it that the request names; without a name with the process's own log.
func (s *Server) serveLog(w http.ResponseWriter, r *http.Request, source logSource, name string) error {
	if name == "" {
		l, err := source(r.Context(), control.ReadLog{})
		if err != nil {
			return err
		}
		if len(l.Files) == 0 || strings.HasPrefix(l.Files[0].Name, control.WorkerLogs("")) {
			return notFound("its log is no file: it was started by hand, and writes to its terminal")
		}
		name = l.Files[0].Name
	}
	f := &logReader{ctx: r.Context(), source: source, name: name}
	info, err := f.read(0, 0)
	if err != nil {
		return err
	}
	f.bytes = info.Bytes
	w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
	http.ServeContent(slowWriter{w, s.o.WriteTimeout}, r, name, info.Modified, f)
	return nil
}

// logReader reads a log file as it was when it was asked for.
type logReader struct {
	ctx    context.Context
	source logSource
	name   string
	bytes  int64
	offset int64
	part   []byte // from offset on
}

func (f *logReader) read(offset int64, bytes int) (control.LogFile, error) {
	l, err := f.source(f.ctx, control.ReadLog{Name: f.name, Offset: offset, Bytes: bytes})
	if err != nil {
		return control.LogFile{}, err
	}
	if len(l.Files) != 1 {
		return control.LogFile{}, fmt.Errorf("%d files are called %s", len(l.Files), f.name)
	}
	f.part = l.Data
	return l.Files[0], nil
}

// Read reads on.
func (f *logReader) Read(p []byte) (int, error) {
	if len(f.part) == 0 {
		if _, err := f.read(f.offset, int(min(logBytes, f.bytes-f.offset))); err != nil {
			return 0, err
		}
		if len(f.part) == 0 {
			return 0, io.EOF // also if the file has begun anew
		}
	}
	n := copy(p, f.part)
	f.part, f.offset = f.part[n:], f.offset+int64(n)
	return n, nil
}

// Seek goes to an offset.
func (f *logReader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += f.offset
	case io.SeekEnd:
		offset += f.bytes
	}
	if offset < 0 {
		return 0, errors.New("before the beginning of a log")
	}
	f.offset, f.part = offset, nil
	return offset, nil
}
