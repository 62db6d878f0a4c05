package ast

// Query is WITH … body ORDER BY … LIMIT ….
type Query struct {
	Span
	With      []CTE
	Recursive bool
	Body      Body
	Order     []OrderItem
	Offset    Expr // may be nil
	Limit     Expr // may be nil
	All       bool // LIMIT ALL
}

// CTE is a named query before another one.
type CTE struct {
	Name    Ident
	Columns []Ident
	Query   *Query
}

// Body is what gives a query its rows.
type Body interface {
	Node
	body()
}

// Select is SELECT … FROM … WHERE ….
type Select struct {
	Span
	Hints    []Hint
	Distinct bool
	Items    []Item
	From     Table // nil without FROM
	Where    Expr  // may be nil
	Group    []Grouping
	Grouped  bool // there is a GROUP BY, be it GROUP BY ()
	// GroupDistinct is GROUP BY DISTINCT.
	GroupDistinct bool
	Having        Expr // may be nil
	Windows       []NamedWindow
	Qualify       Expr // may be nil
}

// Item is an expression of a SELECT list. X may be a Star.
type Item struct {
	X  Expr
	As *Ident // may be nil
}

// Grouping is an item of GROUP BY: an expression, or several in parentheses, or GROUPING SETS, CUBE or
// ROLLUP of such items.
type Grouping struct {
	Kind string // empty, GROUPING SETS, CUBE, ROLLUP
	// Exprs are those of an item that is not one of these. There is none in ().
	Exprs  []Expr
	Parens bool
	Sets   []Grouping
}

// NamedWindow is an item of the WINDOW clause.
type NamedWindow struct {
	Name   Ident
	Window Window
}

// Values is VALUES (…), (…).
type Values struct {
	Span
	Rows []Expr // a Row each, or one value
}

// TableBody is TABLE name.
type TableBody struct {
	Span
	Name Name
}

// SetOp is UNION, INTERSECT or EXCEPT of two bodies.
type SetOp struct {
	Span
	Op   string // UNION, INTERSECT, EXCEPT
	All  bool
	X, Y Body
}

// Nested is a query in parentheses as a body, with its own WITH, ORDER BY or LIMIT.
type Nested struct {
	Span
	Query *Query
}

// Table is what stands behind FROM.
type Table interface {
	Node
	table()
}

// Alias is the name of a table in a query, and those of its columns.
type Alias struct {
	Name    *Ident // may be nil
	Columns []Ident
}

// TableName is name [/*+ hints */] [FOR SYSTEM_TIME AS OF …] [AS alias].
type TableName struct {
	Span
	Name  Name
	Hints []Hint
	AsOf  Expr // FOR SYSTEM_TIME AS OF; may be nil
	Alias Alias
}

// File is a table that is read from files: FROM 'events/*.json'.
type File struct {
	Span
	Path  string
	Alias Alias
}

// Derived is a query in parentheses.
type Derived struct {
	Span
	Query   *Query
	Lateral bool
	Alias   Alias
}

// Function is a table function: TABLE(f(…)), LATERAL TABLE(f(…)), or f(…).
type Function struct {
	Span
	Call    *Call
	Lateral bool
	Wrapped bool // in TABLE(…)
	AsOf    Expr
	Alias   Alias
}

// Unnest is UNNEST(…) [WITH ORDINALITY].
type Unnest struct {
	Span
	Exprs      []Expr
	Ordinality bool
	Lateral    bool
	Alias      Alias
}

// Paren is a join in parentheses.
type Paren struct {
	Span
	Table Table
	Alias Alias
}

// Join is X JOIN Y.
type Join struct {
	Span
	Kind    string // INNER, LEFT, RIGHT, FULL, CROSS, or a comma
	Natural bool
	X, Y    Table
	On      Expr // may be nil
	Using   []Ident
}

// Match is table MATCH_RECOGNIZE (…).
type Match struct {
	Span
	Input     Table
	Partition []Expr
	Order     []OrderItem
	Measures  []Measure
	AllRows   bool
	// Rows is whether ONE ROW or ALL ROWS PER MATCH was written.
	Rows    bool
	After   *Skip // may be nil
	Pattern Pattern
	Within  Expr // may be nil
	Subsets []Subset
	Define  []Definition
	Alias   Alias
}

// Measure is a column of MATCH_RECOGNIZE.
type Measure struct {
	X  Expr
	As Ident
}

// Skip is AFTER MATCH SKIP ….
type Skip struct {
	Kind string // TO NEXT ROW, PAST LAST ROW, TO FIRST, TO LAST
	Var  *Ident // of the last two
}

// Subset is a union of pattern variables.
type Subset struct {
	Name Ident
	Vars []Ident
}

// Definition is the condition of a pattern variable.
type Definition struct {
	Name Ident
	X    Expr
}

// Pattern is a regular expression over pattern variables: one of Var, Seq, Alt, Permute and Exclude, and how
// often it comes. Start and End are ^ and $.
type Pattern struct {
	Span
	Var        *Ident
	Seq        []Pattern
	Alt        []Pattern
	Permute    []Pattern
	Exclude    *Pattern
	Start, End bool
	Group      bool // in parentheses
	Quantifier *Quantifier
}

// Quantifier is how often a pattern comes. Max is -1 where there is no bound.
type Quantifier struct {
	Min, Max  int
	Text      string // * + ? or {…}
	Reluctant bool
}

// Hint is an item of /*+ … */.
type Hint struct {
	Span
	Name    string
	Args    []string // words or texts
	Options []Property
}
