package rest

import "github.com/flott-dev/flott/internal/access"

// Who may use a route: those of a role, and of higher ones. What runs code, or has the code of jobs, is for admins.
const (
	anybody   = access.None // no credentials are needed
	viewers   = access.Viewer
	operators = access.Operator
	admins    = access.Admin
)

// healthPath is the one that is also answered while the JobManager stands by.
const healthPath = "/flott/health"

// routes are all that can be asked for, each also below /v1. docs/rest.md is made of them.
var routes = []route{
	{"GET", "/config", viewers, 200, (*Server).dashboard, nil, "what a dashboard asks for first"},
	{"GET", "/overview", viewers, 200, (*Server).overview, nil, "the cluster in numbers"},
	{"DELETE", "/cluster", admins, 200, (*Server).shutdown, nil, "ends the cluster"},
	{"GET", "/jobmanager/config", viewers, 200, (*Server).config, nil, "the effective options, without secrets"},
	{"GET", "/jobmanager/environment", viewers, 200, (*Server).environment, nil, "Go's version and the platform, where Flink has those of Java"},
	{"GET", "/jobmanager/log", viewers, 0, nil, (*Server).jobManagerLog, "the JobManager's log, or the part of it that `Range` names"},
	{"GET", "/jobmanager/logs", viewers, 200, (*Server).jobManagerLogs, nil, "its log files"},
	{"GET", "/jobmanager/logs/{filename}", viewers, 0, nil, (*Server).jobManagerLog, "one of them"},
	{"GET", "/jobmanager/metrics", viewers, 200, (*Server).managerMetrics, nil, "memory, goroutines, slots; `get`"},
	{"GET", "/taskmanagers", viewers, 200, (*Server).taskManagers, nil, "the TaskManagers"},
	{"GET", "/taskmanagers/{taskmanagerid}", viewers, 200, (*Server).taskManager, nil, "one, with the jobs that have its slots"},
	{"GET", "/taskmanagers/{taskmanagerid}/log", viewers, 0, nil, (*Server).taskManagerLog, "the log of a TaskManager"},
	{"GET", "/taskmanagers/{taskmanagerid}/logs", viewers, 200, (*Server).taskManagerLogs, nil, "its log files, and those of its workers: `worker-…` goes on with the first eight digits of the job"},
	{"GET", "/taskmanagers/{taskmanagerid}/logs/{filename}", viewers, 0, nil, (*Server).taskManagerLog, "one of them"},
	{"GET", "/jobs", viewers, 200, (*Server).jobIDs, nil, "the jobs, also those that have ended, with their states"},
	{"GET", "/jobs/overview", viewers, 200, (*Server).jobsOverview, nil, "the same with more; `flott-waiting-reason` says why a job has no slots"},
	{"GET", "/jobs/{jobid}", viewers, 200, (*Server).job, nil, "a job with its vertices and its plan"},
	{"PATCH", "/jobs/{jobid}", operators, 202, (*Server).cancel, nil, "cancels it; `mode=cancel`"},
	{"GET", "/jobs/{jobid}/config", viewers, 200, (*Server).jobConfig, nil, "how it is run"},
	{"GET", "/jobs/{jobid}/status", viewers, 200, (*Server).jobStatus, nil, "its state"},
	{"GET", "/jobs/{jobid}/plan", viewers, 200, (*Server).plan, nil, "its graph"},
	{"GET", "/jobs/{jobid}/accumulators", viewers, 200, (*Server).accumulators, nil, "its accumulators, summed up"},
	{"GET", "/jobs/{jobid}/exceptions", viewers, 200, (*Server).exceptions, nil, "what has failed, the newest first; `maxExceptions` (default 20)"},
	{"GET", "/jobs/{jobid}/execution-result", viewers, 200, (*Server).executionResult, nil, "how it has ended, if it has"},
	{"GET", "/jobs/{jobid}/metrics", viewers, 200, (*Server).jobMetrics, nil, "restarts, uptime, checkpoints; `get`"},
	{"GET", "/jobs/{jobid}/checkpoints", viewers, 200, (*Server).checkpoints, nil, "the statistics of its checkpoints"},
	{"POST", "/jobs/{jobid}/checkpoints", operators, 202, (*Server).takeCheckpoint, nil, "takes one; `checkpointType` CONFIGURED only"},
	{"GET", "/jobs/{jobid}/checkpoints/{triggerid}", viewers, 200, (*Server).checkpointResult, nil, "whether that is done"},
	{"GET", "/jobs/{jobid}/checkpoints/config", viewers, 200, (*Server).checkpointConfig, nil, "how it takes checkpoints"},
	{"GET", "/jobs/{jobid}/checkpoints/details/{checkpointid}", viewers, 200, (*Server).checkpoint, nil, "one of the last checkpoints, by vertex"},
	{"GET", "/jobs/{jobid}/checkpoints/details/{checkpointid}/subtasks/{vertexid}", viewers, 200, (*Server).vertexCheckpoint, nil, "by subtask"},
	{"POST", "/jobs/{jobid}/savepoints", operators, 202, (*Server).takeSavepoint, nil, "takes a savepoint, and cancels the job after it if asked to"},
	{"GET", "/jobs/{jobid}/savepoints/{triggerid}", viewers, 200, (*Server).savepointResult, nil, "whether that, or a stop, is done"},
	{"POST", "/jobs/{jobid}/stop", operators, 202, (*Server).stop, nil, "ends the job with a savepoint"},
	{"GET", "/jobs/{jobid}/resource-requirements", viewers, 200, (*Server).requirements, nil, "the bounds of the parallelism of its vertices"},
	{"PUT", "/jobs/{jobid}/resource-requirements", operators, 200, (*Server).setRequirements, nil, "changes them; the job is rescaled when it has the slots. With the default scheduler the upper bounds are what it is to run with"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}", viewers, 200, (*Server).vertex, nil, "a vertex with its subtasks"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/accumulators", viewers, 200, (*Server).vertexAccumulators, nil, "its accumulators, summed up"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/backpressure", viewers, 200, (*Server).backpressure, nil, "how its subtasks spent their time between the last two reports"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/metrics", viewers, 200, (*Server).vertexMetrics, nil, "counters of each subtask; `get`"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/subtasks/accumulators", viewers, 200, (*Server).subtasksAccumulators, nil, "the accumulators of each subtask"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/subtasks/metrics", viewers, 200, (*Server).subtasksMetrics, nil, "counters over all subtasks; `get`, `agg`"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/subtasks/{subtaskindex}", viewers, 200, (*Server).subtask, nil, "a subtask as it runs, or last ran"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/subtasks/{subtaskindex}/attempts/{attempt}", viewers, 200, (*Server).attempt, nil, "one of its last attempts"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/subtasks/{subtaskindex}/metrics", viewers, 200, (*Server).subtaskMetrics, nil, "its counters; `get`"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/subtasktimes", viewers, 200, (*Server).subtaskTimes, nil, "when subtasks came into their states"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/taskmanagers", viewers, 200, (*Server).vertexTaskManagers, nil, "the same by TaskManager"},
	{"GET", "/jobs/{jobid}/vertices/{vertexid}/watermarks", viewers, 200, (*Server).watermarks, nil, "the watermark of each subtask"},
	{"POST", "/savepoint-disposal", operators, 200, (*Server).dispose, nil, "deletes a savepoint"},
	{"GET", "/savepoint-disposal/{triggerid}", viewers, 200, (*Server).disposalResult, nil, "whether that is done"},

	{"GET", healthPath, anybody, 200, (*Server).health, nil, "answers if the server serves, and tells nothing else"},
	{"POST", "/flott/session", anybody, 0, nil, (*Server).beginSession, "begins a browser's session: `token`; gives a cookie, and answers as below with 201"},
	{"GET", "/flott/session", viewers, 200, (*Server).session, nil, "who asks: `name`, `role`, and of a session `csrf` and `ends`"},
	{"DELETE", "/flott/session", viewers, 0, nil, (*Server).endSession, "ends the session"},
	{"GET", "/flott/version", viewers, 200, (*Server).version, nil, "version, protocol version, platform, epoch"},
	{"POST", "/flott/jobs", admins, 202, (*Server).submit, nil, "submits a job: a `control.Submission` as JSON"},
	{"GET", "/flott/jobs/{jobid}/result", viewers, 200, (*Server).awaitResult, nil, "as `execution-result`, but waits up to `timeout` milliseconds for the end"},
	{"GET", "/flott/jobs/{jobid}/scaling", viewers, 200, (*Server).scaling, nil, "with how many subtasks it runs, and is to run, and why; the autoscaler's last decisions, and what it finds now"},
	{"PUT", "/flott/jobs/{jobid}/parallelism", operators, 200, (*Server).rescale, nil, "rescales it: `parallelism` for all vertices that have none of their own, `vertices` for single ones by name; answers as `scaling`"},
	{"GET", "/flott/artifacts/{sha256}", admins, 0, nil, (*Server).getArtifact, "an executable; `HEAD` tells whether it is there"},
	{"PUT", "/flott/artifacts/{sha256}", admins, 0, nil, (*Server).putArtifact, "stores one: 201, or 200 if it was there"},
}

// nothing is the body of what has nothing to say.
var nothing = struct{}{}
