// Package ast has the syntax trees of SQL statements, in the dialect of Flink SQL.
//
// A tree says what was written, not what it means: names are not resolved, types are names, and
// synonyms of one thing are one node (INTEGER and INT, NUMERIC and DECIMAL). String prints a node so that parsing
// what is printed gives an equal tree, apart from the spans: views, plans and SHOW CREATE keep SQL as text.
//
// Data flow: package parse makes trees; the binder reads them.
package ast
