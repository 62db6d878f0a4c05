// Package sql runs SQL: the dialect of Apache Flink, in batch and streaming mode.
//
// A Session has a catalog, options and the connectors that tables may have. Execute runs one statement; a query gives
// its rows as they come.
//
//	s := sql.NewSession(sql.With(all.Connectors...), sql.On(launch.Executor()))
//	r, err := s.Execute(ctx, "SELECT dept, COUNT(*) FROM emp GROUP BY dept")
//	for change, err := range r.Changes() { … }
//
// Data flow: a text is parsed, bound to names, rewritten and planned (internal); the plan becomes the graph of a
// stream.Env, which an executor runs.
package sql
