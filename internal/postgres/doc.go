// Package postgres is what connectors of PostgreSQL share: how values look in its protocol, what tables look like, and which
// errors pass.
//
//	Decoder      values in binary, as results of queries have them, to vectors
//	AppendArray  vectors to arrays in binary, as parameters
//	Describe     the columns and the primary key of a table
//
// A value that no type of package row is made for, as a uuid or jsonb, is read and written as text: Column.Read and
// Column.Write are the expressions that make one of the other.
//
// Data flow: connectors ask for a table's description, build statements with its expressions, and hand values over.
package postgres
