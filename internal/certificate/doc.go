// Package certificate reads the certificates of a cluster, and makes some: the TLS between its processes, that of its REST
// interface, and that of clients of it, as the options security.ssl.… say.
//
// Data flow: cmd/flott and package launch take *tls.Config from here, and give them to internal/wire, internal/rest and
// package client. A TaskManager hands Files on to its workers.
//
// # Non-obvious
//
//   - Files are read anew in each handshake. Certificates that have been renewed count from the next connection on.
//   - Between processes of the cluster no host names are checked: who has a certificate of the cluster's own authority is a
//     member of it. So the default checks of crypto/tls are off, and verify does in their place what they would do but for names.
//   - Clients of the REST interface do check the names of hosts.
package certificate
