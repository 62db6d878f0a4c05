package ast

// Expr is an expression.
type Expr interface {
	Node
	expr()
}

// Number is a number as it was written: digits with a point are exact, with an exponent approximate.
type Number struct {
	Span
	Text string
}

// Str is a character string.
type Str struct {
	Span
	Value string
}

// Bytes is a binary string, X'0aff'.
type Bytes struct {
	Span
	Value []byte
}

// Bool is TRUE or FALSE.
type Bool struct {
	Span
	Value bool
}

// Null is NULL.
type Null struct{ Span }

// Unknown is UNKNOWN, the third truth value.
type Unknown struct{ Span }

// Temporal is a DATE, TIME or TIMESTAMP literal.
type Temporal struct {
	Span
	Kind string // DATE, TIME, TIMESTAMP
	Text string
}

// Difference is what is between two times, in units: (x - y) DAY.
type Difference struct {
	Span
	X, Y Expr
	Unit Range
}

// Interval is an INTERVAL literal: INTERVAL -'1 10' DAY TO HOUR.
type Interval struct {
	Span
	Negative bool
	Text     string
	Unit     Range
}

// Range is the units of an interval. To is empty where there is one unit. Precisions are -1 where
// none is given; that of fractions of seconds belongs to the last unit.
type Range struct {
	From, To            string
	Precision, Fraction int
}

// Column refers to a column, or to a field of one.
type Column struct {
	Span
	Name Name
}

// Star is * or table.* in a list of expressions.
type Star struct {
	Span
	Table Name
}

// Param is a parameter: ? or :name.
type Param struct {
	Span
	Name string // empty for ?
}

// Symbol is a keyword in the place of an argument: a unit of time, BOTH, or such.
type Symbol struct {
	Span
	Word string
}

// Unary is an operator before its operand: +, - or NOT.
type Unary struct {
	Span
	Op string
	X  Expr
}

// Binary is an operator between two operands.
type Binary struct {
	Span
	Op   string // upper case: + - * / % || = <> < <= > >= AND OR OVERLAPS CONTAINS …
	X, Y Expr
}

// Is is X IS [NOT] What: NULL, TRUE, FALSE, UNKNOWN, JSON and its kinds.
type Is struct {
	Span
	X    Expr
	Not  bool
	What string
}

// IsDistinct is X IS [NOT] DISTINCT FROM Y.
type IsDistinct struct {
	Span
	X, Y Expr
	Not  bool
}

// Between is X [NOT] BETWEEN [SYMMETRIC] Low AND High.
type Between struct {
	Span
	X, Low, High   Expr
	Not, Symmetric bool
}

// In is X [NOT] IN (List) or X [NOT] IN (Query).
type In struct {
	Span
	X     Expr
	Not   bool
	List  []Expr
	Query *Query // nil where there is a list
}

// Like is X [NOT] LIKE or SIMILAR TO Pattern [ESCAPE Escape].
type Like struct {
	Span
	X, Pattern Expr
	Escape     Expr // may be nil
	Not        bool
	Similar    bool
}

// Quantified is X Op ANY (…) or X Op ALL (…).
type Quantified struct {
	Span
	X     Expr
	Op    string
	All   bool
	List  []Expr
	Query *Query // nil where there is a list
}

// Exists is EXISTS (Query).
type Exists struct {
	Span
	Query *Query
}

// Subquery is a query that gives one value.
type Subquery struct {
	Span
	Query *Query
}

// Case is CASE [Operand] WHEN … THEN … [ELSE …] END.
type Case struct {
	Span
	Operand Expr // may be nil
	Whens   []When
	Else    Expr // may be nil
}

// When is a branch of a Case.
type When struct{ If, Then Expr }

// Cast is CAST(X AS Type), or TRY_CAST, which gives NULL in place of an error.
type Cast struct {
	Span
	X    Expr
	Type *Type
	Try  bool
}

// Row is ROW(…), or the items in parentheses where there are several.
type Row struct {
	Span
	Items    []Expr
	Explicit bool // with the word ROW
}

// Collection is ARRAY[…], MAP[key, value, …] or MULTISET[…], or such of a query.
type Collection struct {
	Span
	Kind  string // ARRAY, MAP, MULTISET
	Items []Expr
	Query *Query // may be nil
}

// Index is X[At].
type Index struct {
	Span
	X, At Expr
}

// Field is (X).Name, where X is no column.
type Field struct {
	Span
	X    Expr
	Name Ident // * is all
}

// Call is the call of a function. The functions that have a syntax of their own, such as EXTRACT(YEAR
// FROM d), have their arguments in the order in which they are written, with a Symbol for a keyword.
type Call struct {
	Span
	Name     Name
	Args     []Expr
	Distinct bool
	Bare     bool   // without parentheses: CURRENT_DATE
	Star     bool   // COUNT(*)
	Nulls    string // IGNORE or RESPECT, before OVER
	Within   []OrderItem
	Filter   Expr    // may be nil
	Over     *Window // may be nil
}

// Named is an argument by name: name => value.
type Named struct {
	Span
	Name  Ident
	Value Expr
}

// Default is DEFAULT in the place of an argument or a value.
type Default struct{ Span }

// TableArg is a table as the argument of a function: TABLE t or TABLE (query), with PARTITION BY and ORDER BY.
type TableArg struct {
	Span
	Table     Name
	Query     *Query // nil where there is a name
	Partition []Expr
	Order     []OrderItem
}

// JSON is the call of one of the functions JSON_VALUE, JSON_QUERY, JSON_EXISTS, JSON_OBJECT, JSON_ARRAY,
// JSON_OBJECTAGG and JSON_ARRAYAGG.
type JSON struct {
	Span
	Func      string
	Args      []Expr // JSON_OBJECT and JSON_OBJECTAGG: key, value, key, value
	Returning *Type  // may be nil
	Wrapper   string // CONDITIONAL, UNCONDITIONAL, WITHOUT or empty
	Empty     *JSONBehavior
	Error     *JSONBehavior
	Nulls     string // NULL or ABSENT, or empty
	Filter    Expr   // may be nil
	Over      *Window
}

// JSONBehavior is what comes in place of a value that is not there, or is wrong.
type JSONBehavior struct {
	What    string // NULL, ERROR, DEFAULT, TRUE, FALSE, UNKNOWN, EMPTY ARRAY, EMPTY OBJECT
	Default Expr   // of DEFAULT
}

// Window is what stands behind OVER.
type Window struct {
	Span
	Name      *Ident // refers to a window of the query; may be nil
	Bare      bool   // nothing but the name: OVER w, not OVER (w)
	Partition []Expr
	Order     []OrderItem
	Frame     *Frame // may be nil
}

// Frame is ROWS or RANGE BETWEEN From AND To.
type Frame struct {
	Rows     bool
	From, To Bound
	Single   bool // only From was written
	Exclude  string
}

// Bound is an end of a frame.
type Bound struct {
	// Kind is UNBOUNDED PRECEDING, PRECEDING, CURRENT ROW, FOLLOWING or UNBOUNDED FOLLOWING.
	Kind   string
	Offset Expr // of PRECEDING and FOLLOWING
}

// OrderItem is an item of ORDER BY.
type OrderItem struct {
	X     Expr
	Desc  bool
	Nulls string // FIRST, LAST or empty
}
