// Package expr has expressions whose names and types are resolved, and computes them.
//
// The binder makes an Expr of a syntax tree: each call refers to a Func, implicit casts are calls, and
// types are known. Compile makes a Program of it, which computes whole batches:
//
//	price * 0.908 > 100
//
//	Call >                    vectors of as many values as there are selected rows
//	├─ Call *                 ┌───────────┐
//	│  ├─ Input price    ───▶ │ 7  12  30 │ ─▶ kernel of * ─▶ kernel of > ─▶ BOOLEAN
//	│  └─ Literal 0.908       └───────────┘
//	└─ Literal 100
//
// Kernels know no selection: an Input gathers the selected rows, once for each evaluation, and what is
// computed is dense. Expressions that choose between branches (CASE, AND, OR, COALESCE, IF) evaluate a branch for the rows that
// need it only, so that an error is raised only where row-by-row evaluation would raise it.
// Several expressions of the same rows compute once what they have in common: see Shared.
//
// Kernels of strict functions, which are NULL where an argument is, are called with the validity of the
// result already set; see Strict.
//
// Data flow: the binder makes expressions; operators compile and evaluate them.
package expr
