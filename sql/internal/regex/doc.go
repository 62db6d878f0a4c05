// Package regex has the regular expressions of Java, which those of Flink SQL are.
//
// Package regexp of Go has neither lookaround, backreferences nor possessive quantifiers, and differs in what a
// point and a dollar match and in which empty matches follow one another. This package matches by backtracking, as Java does:
// a pattern can take exponential time on some texts here as it does there.
//
//	a(b|c)*d     parse ─▶  tree  ─▶ link ─▶  nodes, each of which knows what comes after it
//
// Texts are UTF-8 and patterns match code points. What Java has and this package has not: blocks (\p{InGreek}), \X, \N, \b{g},
// and the flag U.
//
// Data flow: the functions of text in package builtin.
package regex
