package rest

import (
	"net/http"

	"github.com/flott-dev/flott/internal/access"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/restapi"
)

// Who may use a route: those of a role, and of higher ones. What runs code, or has the code of jobs, is for admins.
const (
	anybody   = access.None // no credentials are needed
	viewers   = access.Viewer
	operators = access.Operator
	admins    = access.Admin
)

// healthPath is one that is also answered while the JobManager stands by.
const healthPath = "/flott/health"

// routes are all that can be asked for, each also below /v1. docs/rest.md is made of them.
var routes = append([]route{
	get("/config", (*Server).dashboard, "what a dashboard asks for first"),
	kept("/overview", (*Server).overview, "the cluster in numbers"),
	bare("DELETE", "/cluster", 200, (*Server).shutdown, "ends the cluster"),
	get("/jobmanager/config", (*Server).config, "the effective options, without secrets"),
	get("/jobmanager/environment", (*Server).environment, "Go's version and the platform, where Flink has those of Java"),
	raw("GET", "/jobmanager/log", plainText, (*Server).jobManagerLog, "the JobManager's log, or the part of it that `Range` names").by(viewers).or(http.StatusPartialContent),
	get("/jobmanager/logs", (*Server).jobManagerLogs, "its log files"),
	raw("GET", "/jobmanager/logs/{filename}", plainText, (*Server).jobManagerLog, "one of them").by(viewers).or(http.StatusPartialContent),
	get("/jobmanager/metrics", (*Server).managerMetrics, "memory, goroutines, slots; `get`", getMetrics),
	metricsRoute,
	kept("/taskmanagers", (*Server).taskManagers, "the TaskManagers"),
	get("/taskmanagers/{taskmanagerid}", (*Server).taskManager, "one, with the jobs that have its slots"),
	raw("GET", "/taskmanagers/{taskmanagerid}/log", plainText, (*Server).taskManagerLog, "the log of a TaskManager").by(viewers).or(http.StatusPartialContent),
	get("/taskmanagers/{taskmanagerid}/logs", (*Server).taskManagerLogs, "its log files, and those of its workers: `worker-…` goes on with the first eight digits of the job"),
	raw("GET", "/taskmanagers/{taskmanagerid}/logs/{filename}", plainText, (*Server).taskManagerLog, "one of them").by(viewers).or(http.StatusPartialContent),
	kept("/jobs", (*Server).jobIDs, "the jobs, also those that have ended, with their states"),
	kept("/jobs/overview", (*Server).jobsOverview, "the same with more; `flott-waiting-reason` says why a job has no slots"),
	get("/jobs/{jobid}", (*Server).job, "a job with its vertices and its plan"),
	bare("PATCH", "/jobs/{jobid}", 202, (*Server).cancel, "cancels it; `mode=cancel`", cancelMode).by(operators),
	get("/jobs/{jobid}/config", (*Server).jobConfig, "how it is run"),
	get("/jobs/{jobid}/status", (*Server).jobStatus, "its state"),
	get("/jobs/{jobid}/plan", (*Server).plan, "its graph"),
	get("/jobs/{jobid}/accumulators", (*Server).accumulators, "its accumulators, summed up"),
	get("/jobs/{jobid}/exceptions", (*Server).exceptions, "what has failed, the newest first; `maxExceptions` (default 20)", maxExceptions),
	get("/jobs/{jobid}/execution-result", (*Server).executionResult, "how it has ended, if it has"),
	get("/jobs/{jobid}/bottleneck", (*Server).bottleneck, "Flott's: which vertex limits it, by what evidence, and what helps"),
	get("/jobs/{jobid}/watermarks/explain", (*Server).explainWatermark, "Flott's: which subtasks, and which split of a source, hold its watermark back, since when; `vertex` names one to look from", fromVertex),
	get("/jobs/{jobid}/metrics", (*Server).jobMetrics, "restarts, uptime, checkpoints; `get`", getMetrics),
	get("/jobs/{jobid}/checkpoints", (*Server).checkpoints, "the statistics of its checkpoints"),
	taking("POST", "/jobs/{jobid}/checkpoints", 202, (*Server).takeCheckpoint, "takes one; `checkpointType` CONFIGURED only").by(operators),
	get("/jobs/{jobid}/checkpoints/{triggerid}", (*Server).checkpointResult, "whether that is done"),
	get("/jobs/{jobid}/checkpoints/config", (*Server).checkpointConfig, "how it takes checkpoints"),
	get("/jobs/{jobid}/checkpoints/details/{checkpointid}", (*Server).checkpoint, "one of the last checkpoints, by vertex"),
	get("/jobs/{jobid}/checkpoints/details/{checkpointid}/subtasks/{vertexid}", (*Server).vertexCheckpoint, "by subtask"),
	taking("POST", "/jobs/{jobid}/savepoints", 202, (*Server).takeSavepoint, "takes a savepoint, and cancels the job after it if asked to").by(operators),
	get("/jobs/{jobid}/savepoints/{triggerid}", (*Server).savepointResult, "whether that, or a stop, is done"),
	taking("POST", "/jobs/{jobid}/stop", 202, (*Server).stop, "ends the job with a savepoint").by(operators),
	get("/jobs/{jobid}/resource-requirements", (*Server).requirements, "the bounds of the parallelism of its vertices"),
	taking("PUT", "/jobs/{jobid}/resource-requirements", 200, (*Server).setRequirements, "changes them; the job is rescaled when it has the slots. With the default scheduler the upper bounds are what it is to run with").by(operators),
	get("/jobs/{jobid}/vertices/{vertexid}", (*Server).vertex, "a vertex with its subtasks"),
	get("/jobs/{jobid}/vertices/{vertexid}/accumulators", (*Server).vertexAccumulators, "its accumulators, summed up"),
	get("/jobs/{jobid}/vertices/{vertexid}/backpressure", (*Server).backpressure, "how its subtasks spent their time between the last two reports"),
	get("/jobs/{jobid}/vertices/{vertexid}/flamegraph", (*Server).flameGraph, "samples the CPU time of its subtasks for `seconds`, and answers with the functions that it goes to; `type` ON_CPU or FULL, which is the same, `subtaskindex`", flameType, flameSubtask, flameSeconds).by(operators),
	get("/jobs/{jobid}/vertices/{vertexid}/metrics", (*Server).vertexMetrics, "counters of each subtask; `get`", getMetrics),
	get("/jobs/{jobid}/vertices/{vertexid}/subtasks/accumulators", (*Server).subtasksAccumulators, "the accumulators of each subtask"),
	get("/jobs/{jobid}/vertices/{vertexid}/subtasks/metrics", (*Server).subtasksMetrics, "counters over all subtasks; `get`, `agg`", getMetrics, aggMetrics),
	get("/jobs/{jobid}/vertices/{vertexid}/subtasks/{subtaskindex}", (*Server).subtask, "a subtask as it runs, or last ran"),
	get("/jobs/{jobid}/vertices/{vertexid}/subtasks/{subtaskindex}/attempts/{attempt}", (*Server).attempt, "one of its last attempts"),
	get("/jobs/{jobid}/vertices/{vertexid}/subtasks/{subtaskindex}/metrics", (*Server).subtaskMetrics, "its counters; `get`", getMetrics),
	get("/jobs/{jobid}/vertices/{vertexid}/subtasktimes", (*Server).subtaskTimes, "when subtasks came into their states"),
	get("/jobs/{jobid}/vertices/{vertexid}/taskmanagers", (*Server).vertexTaskManagers, "the same by TaskManager"),
	get("/jobs/{jobid}/vertices/{vertexid}/watermarks", (*Server).watermarks, "the watermark of each subtask"),
	taking("POST", "/savepoint-disposal", 200, (*Server).dispose, "deletes a savepoint").by(operators),
	get("/savepoint-disposal/{triggerid}", (*Server).disposalResult, "whether that is done"),

	get("/flott/openapi.json", (*Server).openAPI, "all this as OpenAPI 3.1: what is asked and answered, with schemas of the JSON"),
	get(healthPath, (*Server).health, "answers if the server serves, and tells nothing else").by(anybody),
	raw("POST", "/flott/session", jsonOf[restapi.Session](), (*Server).beginSession, "begins a browser's session: `token`; gives a cookie, and answers as below with 201").taking(jsonOf[restapi.SessionRequest]()).by(anybody).only(http.StatusCreated),
	get("/flott/session", (*Server).session, "who asks: `name`, `role`, and of a session `csrf` and `ends`"),
	raw("DELETE", "/flott/session", jsonOf[restapi.Empty](), (*Server).endSession, "ends the session").by(viewers),
	get("/flott/processes", (*Server).processes, "the JobManager, the TaskManagers and the workers, with what they log"),
	taking("PUT", "/flott/processes/{process}/log-level", 200, (*Server).setLogLevel, "has a process log what is of `level` (DEBUG, INFO, WARN, ERROR) or a higher one, until it ends; a TaskManager has its workers do so, too, also those that start later").by(operators),
	raw("GET", "/flott/processes/{process}/profiles/{kind}", octets, (*Server).profile, "a profile of a process for `go tool pprof`: `cpu`, sampled for `seconds`, `heap` or `goroutine`").asked(profileSeconds).by(operators),
	get("/flott/version", (*Server).version, "version, protocol version, platform, epoch"),
	bare("POST", "/flott/jobs", 202, (*Server).submit, "submits a job: a `control.Submission` as JSON").taking(jsonOf[control.Submission]()),
	get("/flott/jobs/{jobid}/result", (*Server).awaitResult, "as `execution-result`, but waits up to `timeout` milliseconds for the end", awaitTimeout),
	get("/flott/jobs/{jobid}/scaling", (*Server).scaling, "with how many subtasks it runs, and is to run, and why; the autoscaler's last decisions, and what it finds now"),
	get("/flott/jobs/{jobid}/vertices/{vertexid}/hot-keys", (*Server).hotKeys, "the keys that many of the records have that a vertex gets, with their shares and the subtasks that get them"),
	taking("PUT", "/flott/jobs/{jobid}/parallelism", 200, (*Server).rescale, "rescales it: `parallelism` for all vertices that have none of their own, `vertices` for single ones by name; answers as `scaling`").by(operators),
	raw("GET", "/flott/events", eventStream, (*Server).clusterEvents, "server-sent events, each when it has changed and at most once a second: `cluster`, `jobs`").by(viewers),
	raw("GET", "/flott/jobs/{jobid}/events", eventStream, (*Server).jobEvents, "the same of a job: `job`, `plan`, `vertices`, `scaling`, `diagnosis`, `exceptions`, `checkpoints`").by(viewers),
	raw("GET", "/flott/jobs/{jobid}/vertices/{vertexid}/events", eventStream, (*Server).vertexEvents, "the same of a vertex: `subtasks`, `hot-keys`").by(viewers),
	raw("GET", "/flott/artifacts/{sha256}", octets, (*Server).getArtifact, "an executable; `HEAD` tells whether it is there"),
	raw("PUT", "/flott/artifacts/{sha256}", jsonOf[restapi.Empty](), (*Server).putArtifact, "stores one: 201, or 200 if it was there").taking(octets).or(http.StatusCreated),
}, sqlRoutes...)

// none is the body of what has nothing to say.
var none = &restapi.Empty{}
