// Package exposition shows metrics as Prometheus reads them, by the names that Flink's PrometheusReporter gives them.
//
//	Scope: taskmanager_job_task, with job_name="orders" and others ─▶ flink_taskmanager_job_task_numRecordsIn{job_name="orders",…}
//
// Data flow: who has metrics (package worker of tasks, package rest of a JobManager) makes Scopes of tables of Metrics. In a
// worker Answer sends them through a pair of sockets to its TaskManager, whose Asker takes them; Handler writes those of all.
//
// # Non-obvious
//
//   - All are gauges, as in Flink, whose counters may go back: tasks that restart count from 0 again.
//   - A series that is there twice makes Prometheus refuse the whole scrape. So the first one counts, also where two names
//     have become one by the characters that are taken out.
//   - Workers run users' programs, and may be stopped, stuck or gone. A worker is waited for once: as long as it owes an answer
//     it is passed over.
package exposition
