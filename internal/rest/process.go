package rest

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"time"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/restapi"
)

// askTimeout is how long a process may take to answer.
const askTimeout = 10 * time.Second

func (s *Server) processes(*http.Request) (*restapi.Processes, error) {
	all := &restapi.Processes{Processes: []restapi.Process{}}
	for _, p := range s.m.Processes() {
		all.Processes = append(all.Processes, restapi.Process{
			Name: p.Name, Kind: string(p.Kind), PID: p.PID, LogLevel: p.LogLevel.String(), TaskManagerID: p.TaskManager,
			JobID: p.Job, JobName: p.JobName,
		})
	}
	return all, nil
}

func (s *Server) setLogLevel(r *http.Request, in restapi.LogLevel) (*restapi.LogLevel, error) {
	level, err := logging.ParseLevel(in.Level)
	if err != nil {
		return nil, badRequest("%v", err)
	}
	ctx, stop := context.WithTimeout(r.Context(), askTimeout)
	defer stop()
	name := r.PathValue("process")
	if err := s.m.SetLogLevel(ctx, name, level); err != nil {
		return nil, processError(err)
	}
	s.o.Log.Info("flott: the level of a log was changed", "process", name, "to", level.String(), "by", callerOf(r).Name)
	return &restapi.LogLevel{Level: level.String()}, nil
}

// For how many seconds CPU time is sampled.
const (
	profileSecondsUsual = 10
	profileSecondsMost  = int(control.ProfileMax / time.Second)
)

// profile answers with a profile of a process.
func (s *Server) profile(w http.ResponseWriter, r *http.Request) error {
	name, kind := r.PathValue("process"), r.PathValue("kind")
	p := control.Profile{Kind: control.ProfileKind(kind)}
	switch p.Kind {
	case control.CPUProfile:
		n, err := seconds(r, profileSecondsUsual, profileSecondsMost)
		if err != nil {
			return err
		}
		p.Duration = n
	case control.HeapProfile, control.GoroutineProfile:
	default:
		return notFound("there are profiles of the kinds cpu, heap and goroutine, none of %q", kind)
	}
	w.Header().Set("Content-Type", octets.media)
	if r.Method == http.MethodHead {
		return nil
	}
	data, err := s.m.Profile(r.Context(), name, p)
	if err != nil {
		return processError(err)
	}
	w.Header().Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "flott-" + name + "-" + kind + ".pb.gz"}))
	_, _ = slowWriter{w, s.o.WriteTimeout}.Write(data) // who does not read is gone
	return nil
}

// seconds is the parameter of that name.
func seconds(r *http.Request, absent, most int) (time.Duration, error) {
	n, err := queryNumber(r, "seconds", absent)
	if err == nil && n > most {
		err = badRequest("CPU time is sampled for at most %d seconds, not %d", most, n)
	}
	return time.Duration(n) * time.Second, err
}

// processError is what a client is told of an error about a process.
func processError(err error) error {
	switch {
	case errors.Is(err, jobmanager.ErrUnknownProcess):
		return notFound("%v; GET /flott/processes has those that there are", err)
	case errors.Is(err, jobmanager.ErrProcess), errors.Is(err, jobmanager.ErrBusy):
		return refusal{http.StatusConflict, err.Error()}
	}
	return err
}
