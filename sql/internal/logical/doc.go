// Package logical is the relational algebra that queries are bound to: what is computed, and not how.
//
//	SELECT dept, COUNT(*) FROM emp WHERE salary > 100 GROUP BY dept
//
//	Project(dept, $1)
//	└ Aggregate(keys 0, COUNT())
//	  └ Project(dept)
//	    └ Filter(salary > 100)
//	      └ Scan(emp)
//
// Expressions refer to the columns of a node's inputs by their places: those of a second input follow those of
// the first. Nodes are not changed once they are made; With copies one.
//
// Data flow: package bind makes them of statements, package rule rewrites them, package physical chooses
// operators.
package logical
