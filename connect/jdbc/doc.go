// Package jdbc reads and writes tables of databases, as the connector of that name of Flink does: of PostgreSQL and of SQLite.
//
// There is no JDBC in it but the form of URLs. A dialect speaks to one kind of database: to PostgreSQL in its protocol with
// values in binary, to SQLite in this process.
//
// Data flow: a writer collects rows, of which the last one with each key counts, and writes them in one transaction, at the
// latest for the next checkpoint.
//
// # Non-obvious
//
//   - Nobody knows whether a transaction was committed whose connection broke at its end. It is run again, which by key changes
//     nothing; rows without a key may be there twice.
//   - Of rows with one key only the last one may be in a statement: INSERT … ON CONFLICT refuses to touch a row twice.
package jdbc
