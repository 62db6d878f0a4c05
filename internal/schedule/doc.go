// Package schedule has the protocols that decide where and when the parts of a job run.
//
// It is pure: no I/O, no clock, no goroutine. Times are in nanoseconds.
//
// Data flow: internal/job asks a Strategy whether and when to restart what has failed, and Regions
// which subtasks fail together.
package schedule
