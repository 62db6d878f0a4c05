// Package rule rewrites plans so that they give the same rows, and can be computed, or computed with less work.
//
// Each rule is a function of a plan. They are applied in the order of Apply:
//
//	Subqueries    queries in expressions become joins
//	SetOperations INTERSECT and EXCEPT become joins, those with ALL counts
//	Fold          what is constant is computed
//	PushFilters   conditions go to where their columns come from
//	MergeProjects projections of projections become one
//	Fields        fields of ROWs are taken before windows, joins, OVER and what else passes rows on
//	Prune         columns that nobody reads are not made
//	Narrow        fields of ROWs that nobody reads are not made
//
// # Non-obvious
//
//   - A condition that can fail stays behind those that were written before it, and is not moved to rows that a join
//     would have left out.
//   - Volatile expressions are not duplicated, moved or computed beforehand.
//
// Data flow: package bind makes the plans; package physical chooses operators for what comes out of here.
package rule
