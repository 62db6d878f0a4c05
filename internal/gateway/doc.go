// Package gateway serves sessions of SQL over HTTP, with the paths and the JSON of Flink's SQL Gateway.
//
//	POST /sessions ─▶ session: a sql.Session, and the statements that have defined something in it
//	POST …/statements ─▶ operation: one statement, one after the other in a session
//	GET …/result/0, 1, … ◀─ pages of its rows, as they come
//
// Data flow: cmd/flott runs a Gateway in a process of its own, to which internal/rest passes requests on. Queries run in that
// process; INSERT is handed over to the cluster, whose workers run the program that the session's Script makes.
//
// # Non-obvious
//
//   - Nobody is asked here who they are: whoever reaches a Gateway may run SQL, which reads and writes files.
//   - A page is made when it is asked for, and the last one is kept, so that a client may ask for it again. What nobody asks for is
//     not computed: the query waits.
//   - A page that is asked for before there are rows waits for some, up to half a second: so a client that asks again at once,
//     as Flink's does, costs little.
package gateway
