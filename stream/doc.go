// Package stream is the typed API: jobs as ordinary Go programs.
//
// A job is a graph of operators over streams. What keeps the element type of a stream is a method,
// what changes it is a function, so that a job reads from top to bottom and a wrong type does not
// compile:
//
//	env := stream.NewEnv(stream.Parallelism(4))
//	lines := stream.From(env, file.Lines("input/*.txt"))
//	words := stream.FlatMap(lines, func(line string, emit func(string)) {
//		for w := range strings.FieldsSeq(line) {
//			emit(w)
//		}
//	})
//	counts := stream.Scan(stream.KeyBy(words, func(w string) string { return w }),
//		func(c *stream.Ctx[string, Count], n *int64, w string) error {
//			*n++
//			c.Emit(Count{w, *n})
//			return nil
//		})
//	counts.Name("count").UID("count").To(print.Sink[Count]())
//	err := launch.Run(ctx, env, "word count")
//
// Nothing runs before launch.Run. Mistakes in the shape of a job (a type that cannot be encoded, a
// parallelism above the maximum, two operators with one uid) are collected while it is built and
// reported together.
//
// # Functions
//
// Function values are shared by all subtasks of a process and must not hold mutable state. What a
// subtask owns (a client, a buffer, a random source, a counter) comes from Open. Functions that can
// fail return an error; it fails the job with the operator's name, the subtask and the record.
// Values and slices given to a function are its own, except where the documentation says that they
// are valid during the call only.
//
// # Time
//
// Event time is in milliseconds; Watermarks says how records get it and how watermarks are made.
//
// Data flow: functions of this package add nodes and edges to an internal/graph.Graph; launch
// compiles and runs it. The operators that call users' functions live here and in internal/ops.
package stream
