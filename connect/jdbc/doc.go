// Package jdbc reads and writes tables of databases, as the connector of that name of Flink does: of PostgreSQL and of SQLite.
//
// There is no JDBC in it but the form of URLs. A dialect speaks to one kind of database: to PostgreSQL in its protocol with
// values in binary, to SQLite in this process.
//
// Data flow: a reader's goroutine reads a range in chunks of columns, which Poll hands over; a lookup asks for the rows of one
// key; a writer collects rows, of which the last one with each key counts, and writes them in one transaction, at the latest
// for the next checkpoint.
//
// # Non-obvious
//
//   - Nobody knows whether a transaction was committed whose connection broke at its end. It is run again, which by key changes
//     nothing; rows without a key may be there twice.
//   - A position names a row, not a number of rows, but for views: a database gives rows in an order of its own unless it is
//     told one.
//   - A key of Lookup is compared as its column has it: a number that the column cannot have, or would round, finds no row.
//   - A result that is not read to its end ends the connection: the rest would have to come.
//   - Of rows with one key only the last one may be in a statement: INSERT … ON CONFLICT refuses to touch a row twice.
package jdbc
