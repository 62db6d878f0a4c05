// Package parse reads SQL statements in the dialect of Flink SQL.
//
// A lexer makes tokens of the whole text; a parser goes through them by recursive descent, and through
// expressions by the strength of their operators (Pratt). Each question that the parser asks about a token and that
// is answered by no is remembered until the next token, so that an error can say what was expected.
//
// Data flow: text comes from users, files and the catalog; trees of package ast go to the binder.
package parse
