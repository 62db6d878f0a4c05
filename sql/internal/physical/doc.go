// Package physical chooses operators for plans: how what is asked for is computed.
//
//	Aggregate(dept, COUNT(*))                GroupAggregate(dept, COUNT(*))     +I -U +U, key dept
//	└ Filter(salary > 100)         ──▶       │  hash by dept
//	  └ Scan(emp)                            └ Calc(dept, where salary > 100)   +I
//	                                           └ TableSource(emp)               +I
//
// Planning goes twice over a plan. From the leaves up it chooses operators, and finds for each what kinds of changes
// its rows are, and which columns identify them. From the root down it finds who needs -U before +U.
//
// Where a relation's rows are in windows (Window), aggregates, joins and numbers of rows that are about these are
// operators of windows, which give each window's rows once.
//
// Data flow: package rule gives plans; package sql makes a graph of the operators.
package physical
