// Package access says who may do what with a cluster: roles, tokens that give them, sessions of browsers, and a limit
// to wrong guesses.
//
//	credentials file ─▶ Tokens ─┐
//	                            ├─▶ Identity: a name and a role ─▶ a route asks for the least role
//	cookie ─▶ Sessions ─────────┘
//
// Data flow: internal/rest shows what a request has brought, and gets an Identity for it.
//
// # Non-obvious
//
//   - Nothing here keeps a token or the id of a session: only their SHA-256. What is compared is of one length, in
//     constant time.
//   - A file of tokens that cannot be read lets nobody in. A line that is misspelt would otherwise keep in force what
//     another line was to end.
//   - A session belongs to the token it was begun with, not to the role that the token had: it ends with the token.
package access
