// Package flotttest has what tests of jobs need.
//
// Collect runs a whole job and returns its results. CheckRestore runs it again and again, stops it
// at random moments and restores it; CheckBatch compares batch with streaming mode.
//
// A Harness drives one operator by hand: records, watermarks and the clock come when the test says
// so, and the operator's whole state can be taken and restored with another parallelism. Probes
// hold what the operator emitted.
//
//	in := flotttest.NewInput[int]()
//	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[int] {
//		return stream.Reduce(stream.KeyBy(in.Stream(env), parity), add)
//	})
//	in.Push(4, 1000)
//	h.Watermark(1000)
//	h.Out.Take() // the records since the last Take, with their times
//
// Data flow: an Input keys and routes rows as an exchange does, and pushes them to the subtasks of
// the operator; their outputs push to probes. Whole jobs run in the test's process, and the
// functions here compare what their collecting sinks hold.
package flotttest
