// Package trace tells a collector of OpenTelemetry what took how long: spans of checkpoints and of the starts of jobs.
//
// Data flow: the master of a job (internal/job) makes a Span when something has ended, and reports it to a Sink. An Exporter is one:
// it queues them, and posts them as OTLP over HTTP.
//
// # Non-obvious
//
//   - Spans are made when they have ended, with all their children, so that nothing is kept for those that never end.
//   - Report does not block. A collector that is not there fills the queue, and what comes then is dropped: the log says so once,
//     until the collector is there again.
package trace

import "time"

// Span is something that took some time.
type Span struct {
	Name       string
	Start, End int64 // nanoseconds since 1970
	Attributes []Attribute
	// Error says why it has failed, "" if it has not.
	Error    string
	Children []Span
}

// Attribute is what is known of a span: a string, an int64 or a bool.
type Attribute struct {
	Key   string
	Value any
}

// Sink takes spans. Report does not block, and any goroutine may call it.
type Sink interface{ Report(s Span) }

// child is a part of a span that begins at some time and takes d nanoseconds.
func child(name string, start, d int64) Span {
	return Span{Name: name, Start: start, End: start + max(0, d)}
}

// Steps are children that follow each other from a time on, those that took any time; the names are Flink's for what the durations
// are.
func Steps(start int64, names []string, durations ...time.Duration) (all []Span) {
	for i, d := range durations {
		if d > 0 {
			all = append(all, child(names[i], start, int64(d)))
			start += int64(d)
		}
	}
	return all
}
