// Package flott is the root of Flott, a distributed engine for stateful computation over streams.
//
// Programs import the packages below it: stream (the typed API), window, watermark and state (its
// vocabulary), connect (sources and sinks) and launch (running a job). ARCHITECTURE.md walks a
// record through them.
package flott
