// Package rest is the HTTP interface of a JobManager: Flink's paths and JSON for what there is here, and
// below /flott what Flott adds. docs/rest.md has the table.
//
//	request ─▶ guard: panics, origin, host, version, role ─▶ routes ─▶ a Manager's views ─▶ restapi ─▶ JSON
//	                                                             │
//	                                                             ├─▶ operations: savepoints and the like,
//	                                                             │   which a client asks about by an id
//	                                                             └─▶ feeds: what many follow, read once for all
//
// What is no route may be a file of the dashboard, which is served before the guard: it has no secrets, and a
// browser has no token yet when it asks for the page.
//
// Data flow: clients (package client, Flink's own, curl, browsers) send requests; the handlers read
// jobmanager.Manager and tell its jobs what to do.
//
// # Non-obvious
//
//   - Without a token, whoever reaches the server can run code on the cluster. So it serves loopback
//     addresses only, and there only requests whose Host is one: a page of a browser that has given its
//     own name the address 127.0.0.1 is refused by that, and one of another origin by its Origin.
//   - The store of artifacts is given a reader that fails at its end if the content does not have the
//     hash. What a store keeps although its reader has failed is the store's mistake.
//   - A feed lives as long as somebody follows it, and keeps the last event of each kind only: who is slow
//     misses what was between, and holds up neither the feed nor the others. The time of an event is its id,
//     not in its data, so that what has not changed is the same.
//   - The deadline of a body counts also where no handler reads it, since the server reads it before it answers.
//     It moves with the bytes where only admins send some: an executable may take long, but not stand still. So do
//     deadlines of responses. The wait for the end of a job has none but its own.
//   - An operation outlives the request that has begun it, and ends with the server.
package rest
