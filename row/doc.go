// Package row is the vocabulary of tables: types, schemas, and kinds of changes. The types are those of Flink SQL, by
// the same names.
//
// Data flow: formats and connectors say what they read and write in these terms, SQL plans in them, and
// package column keeps values of these types.
package row
