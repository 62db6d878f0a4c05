package rest

import (
	"context"
	"errors"
	"net/http"
	"time"

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

// processError is what a client is told of an error about a process.
func processError(err error) error {
	switch {
	case errors.Is(err, jobmanager.ErrUnknownProcess):
		return notFound("%v; GET /flott/processes has those that there are", err)
	case errors.Is(err, jobmanager.ErrProcess):
		return refusal{http.StatusConflict, err.Error()}
	}
	return err
}
