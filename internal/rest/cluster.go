package rest

import (
	"net/http"
	"runtime"
	"time"

	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/restapi"
	"github.com/flott-dev/flott/internal/schedule"
)

func (s *Server) dashboard(*http.Request) (any, error) {
	zone, offset := time.Now().Zone()
	return restapi.Dashboard{
		RefreshInterval: 3000, TimezoneName: zone, TimezoneOffset: offset * 1000,
		Version: s.o.Version, Revision: s.o.Commit, Features: restapi.Features{WebCancel: true},
	}, nil
}

func (s *Server) overview(*http.Request) (any, error) {
	c := s.m.Cluster()
	o := restapi.Overview{
		TaskManagers: c.TaskManagers, SlotsTotal: c.Slots, SlotsAvailable: c.FreeSlots,
		Version: s.o.Version, Commit: s.o.Commit,
	}
	for state, n := range c.Jobs {
		switch state {
		case schedule.Finished:
			o.JobsFinished += n
		case schedule.Canceled:
			o.JobsCancelled += n
		case schedule.Failed:
			o.JobsFailed += n
		default:
			o.JobsRunning += n
		}
	}
	return o, nil
}

func (s *Server) shutdown(*http.Request) (any, error) {
	if s.o.Shutdown == nil {
		return nil, refusal{http.StatusForbidden, "this cluster is not ended from here"}
	}
	s.o.Shutdown()
	return nothing, nil
}

func (s *Server) config(*http.Request) (any, error) {
	if s.o.Config == nil {
		return []restapi.KeyValue{}, nil
	}
	return append([]restapi.KeyValue{}, s.o.Config()...), nil
}

func (s *Server) environment(*http.Request) (any, error) {
	return restapi.Environment{
		JVM:       restapi.Runtime{Version: runtime.Version(), Arch: runtime.GOARCH, Options: []string{}},
		Classpath: []string{},
	}, nil
}

func (s *Server) taskManagers(*http.Request) (any, error) {
	all := restapi.TaskManagers{TaskManagers: []restapi.TaskManager{}}
	for _, v := range s.m.TaskManagers() {
		all.TaskManagers = append(all.TaskManagers, taskManagerOf(&v))
	}
	return all, nil
}

func (s *Server) taskManager(r *http.Request) (any, error) {
	id := r.PathValue("taskmanagerid")
	for _, v := range s.m.TaskManagers() {
		if v.ID != id {
			continue
		}
		d := restapi.TaskManagerDetails{TaskManager: taskManagerOf(&v), Allocated: []restapi.AllocatedSlot{}}
		for _, slot := range v.Slots {
			if slot.Holder != "" {
				d.Allocated = append(d.Allocated, restapi.AllocatedSlot{Job: slot.Holder, Resource: resource(slot.Memory)})
			}
		}
		return d, nil
	}
	return nil, notFound("TaskManager %s not found", id)
}

// taskManagerOf leaves out what is not known of a TaskManager. Data goes between workers, not between
// TaskManagers, so there is no port.
func taskManagerOf(v *jobmanager.TaskManagerView) restapi.TaskManager {
	var total, free int64
	for _, slot := range v.Slots {
		total += slot.Memory
		if slot.Holder == "" {
			free += slot.Memory
		}
	}
	return restapi.TaskManager{
		ID: v.ID, Path: v.Host, DataPort: -1, JMXPort: -1, LastHeartbeat: millis(v.Heard),
		Slots: len(v.Slots), FreeSlots: v.Free, Total: resource(total), Free: resource(free),
		Memory: restapi.Memory{TaskHeap: total},
	}
}

func resource(bytes int64) restapi.Resource {
	return restapi.Resource{TaskHeapMemory: bytes >> 20, Extended: map[string]float64{}}
}
