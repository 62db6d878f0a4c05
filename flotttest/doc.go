// Package flotttest tests functions and operators without running a job.
//
// A Harness drives one operator by hand: records, watermarks and the clock come when the test says
// so, and the operator's whole state can be taken and restored with another parallelism. Probes
// hold what the operator emitted. Collect runs a whole job and returns its results.
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
// the operator; their outputs push to probes.
package flotttest
