package ast

// Statement is what ends in a semicolon.
type Statement interface {
	Node
	statement()
}

// Property is 'key' = 'value'.
type Property struct {
	Span
	Key, Value string
}

// QueryStmt is a query whose result is wanted.
type QueryStmt struct {
	Span
	Query *Query
}

// Insert is INSERT INTO or OVERWRITE, or UPSERT INTO.
type Insert struct {
	Span
	Upsert    bool
	Overwrite bool
	Into      Name
	Hints     []Hint
	Partition []Assignment
	Columns   []Ident
	Query     *Query
}

// Assignment is column = value. Value is nil for a partition column without one.
type Assignment struct {
	Name  Name
	Value Expr
}

// Update is UPDATE table SET ….
type Update struct {
	Span
	Table Name
	Set   []Assignment
	Where Expr
}

// Delete is DELETE FROM table.
type Delete struct {
	Span
	Table Name
	Where Expr
}

// StatementSet is EXECUTE STATEMENT SET BEGIN … END.
type StatementSet struct {
	Span
	Inserts []*Insert
}

// Begin is BEGIN STATEMENT SET, which later statements are added to until End.
type Begin struct{ Span }

// End is END, of a statement set.
type End struct{ Span }

// Execute is EXECUTE of a query or an INSERT.
type Execute struct {
	Span
	Statement Statement
}

// Explain is EXPLAIN.
type Explain struct {
	Span
	PlanFor   bool
	Details   []string // ESTIMATED_COST, CHANGELOG_MODE, JSON_EXECUTION_PLAN, PLAN_ADVICE
	Statement Statement
}

// CompilePlan is COMPILE PLAN, and COMPILE AND EXECUTE PLAN.
type CompilePlan struct {
	Span
	File        string
	IfNotExists bool
	Execute     bool
	Statement   Statement
}

// ExecutePlan is EXECUTE PLAN.
type ExecutePlan struct {
	Span
	File string
}

// CreateTable is CREATE TABLE, with its columns, LIKE another one, or AS a query.
type CreateTable struct {
	Span
	Temporary, IfNotExists bool
	Replace                bool // CREATE OR REPLACE
	Name                   Name
	Definition             *TableDefinition // nil without parentheses
	Comment                *string
	Distribution           *Distribution
	Partitioned            []Ident
	With                   []Property
	HasWith                bool
	Like                   *TableLike
	As                     *Query
}

// TableDefinition is what stands in the parentheses of CREATE TABLE and of ALTER TABLE … ADD.
type TableDefinition struct {
	Columns     []ColumnDefinition
	Constraints []Constraint
	Watermark   *Watermark
}

// ColumnDefinition is a column: physical (Type), METADATA, or computed (Computed). In CREATE TABLE … AS it
// may be a name only.
type ColumnDefinition struct {
	Name       Ident
	Type       *Type // nil if it is computed
	Primary    bool  // PRIMARY KEY behind the type
	Enforced   *bool // nil if it is not said
	Metadata   bool
	From       *string // the key of METADATA FROM
	Virtual    bool
	Computed   Expr
	Comment    *string
	First      bool   // ALTER TABLE … FIRST
	After      *Ident // ALTER TABLE … AFTER
	Constraint *Ident // its name
}

// Constraint is a PRIMARY KEY or UNIQUE constraint of a table.
type Constraint struct {
	Span
	Name     *Ident
	Unique   bool
	Columns  []Ident
	Enforced *bool // nil if it is not said
}

// Watermark is WATERMARK FOR column AS expression.
type Watermark struct {
	Span
	Column Name
	As     Expr
}

// Distribution is DISTRIBUTED BY … INTO … BUCKETS.
type Distribution struct {
	Kind    string // HASH, RANGE or empty
	Columns []Ident
	Buckets int // 0 if it is not said
}

// TableLike is LIKE table (options).
type TableLike struct {
	Table   Name
	Options []LikeOption
}

// LikeOption says what becomes of a part of the other table.
type LikeOption struct {
	How  string // INCLUDING, EXCLUDING, OVERWRITING
	What string // ALL, CONSTRAINTS, …
}

// CreateView is CREATE VIEW.
type CreateView struct {
	Span
	Temporary, IfNotExists bool
	Replace                bool
	Name                   Name
	Columns                []Ident
	Comment                *string
	Query                  *Query
}

// CreateCatalog is CREATE CATALOG.
type CreateCatalog struct {
	Span
	IfNotExists bool
	Name        Ident
	Comment     *string
	With        []Property
}

// CreateDatabase is CREATE DATABASE.
type CreateDatabase struct {
	Span
	IfNotExists bool
	Name        Name
	Comment     *string
	With        []Property
}

// CreateFunction is CREATE FUNCTION, and ALTER FUNCTION.
type CreateFunction struct {
	Span
	Temporary, System bool
	IfNotExists       bool
	Alter, IfExists   bool
	Name              Name
	As                string
	Language          string // empty if it is not said
	Jars              []string
	With              []Property
}

// CreateModel is CREATE MODEL.
type CreateModel struct {
	Span
	Temporary, IfNotExists bool
	Name                   Name
	Input, Output          []ColumnDefinition
	Comment                *string
	With                   []Property
	As                     *Query
}

// Drop is DROP of an object.
type Drop struct {
	Span
	Kind              string // TABLE, VIEW, DATABASE, CATALOG, FUNCTION, MODEL
	Temporary, System bool
	IfExists          bool
	Name              Name
	Cascade           string // RESTRICT, CASCADE or empty
}

// Alter is ALTER of an object.
type Alter struct {
	Span
	Kind     string // TABLE, VIEW, DATABASE, CATALOG, MODEL
	IfExists bool
	Name     Name
	Action   Action
}

// Action is what ALTER does.
type Action interface {
	Node
	action()
}

// SetOptions is SET ('k' = 'v').
type SetOptions struct {
	Span
	With []Property
}

// ResetOptions is RESET ('k').
type ResetOptions struct {
	Span
	Keys []string
}

// SetComment is COMMENT 'text'.
type SetComment struct {
	Span
	Comment string
}

// RenameTo is RENAME TO name.
type RenameTo struct {
	Span
	To Name
}

// RenameColumn is RENAME a TO b.
type RenameColumn struct {
	Span
	From, To Name
}

// SetQuery is AS query, of a view.
type SetQuery struct {
	Span
	Query *Query
}

// Modify is ADD or MODIFY of columns, constraints, the watermark or the distribution.
type Modify struct {
	Span
	Add          bool
	Parens       bool
	Definition   *TableDefinition
	Distribution *Distribution
}

// DropParts is DROP of columns, a constraint, the watermark or the distribution.
type DropParts struct {
	Span
	Columns []Name
	Parens  bool
	// What is empty for columns, else PRIMARY KEY, CONSTRAINT, WATERMARK or DISTRIBUTION.
	What       string
	Constraint *Ident
}

// Partitions is ADD or DROP PARTITION.
type Partitions struct {
	Span
	Add         bool
	IfNotExists bool // or IF EXISTS, of DROP
	Specs       [][]Assignment
	With        [][]Property // of each that is added
}

// Use is USE, USE CATALOG or USE MODULES.
type Use struct {
	Span
	Kind  string // DATABASE, CATALOG, MODULES
	Names []Name
}

// Show is SHOW ….
type Show struct {
	Span
	// What is CATALOGS, CURRENT CATALOG, TABLES, COLUMNS, CREATE TABLE, JOBS, and so on.
	What    string
	Of      Name   // the object of CREATE …, COLUMNS or PARTITIONS, or that of FROM
	From    string // FROM or IN before it, or empty
	Not     bool
	Like    string // LIKE or ILIKE, or empty
	Pattern string
	Parts   []Assignment
}

// Describe is DESCRIBE of an object, or of a job.
type Describe struct {
	Span
	Kind     string // TABLE, CATALOG, DATABASE, FUNCTION, MODEL, JOB
	Extended bool
	Name     Name
	Job      string
}

// StopJob is STOP JOB.
type StopJob struct {
	Span
	Job              string
	Savepoint, Drain bool
}

// Set is SET 'key' = 'value', or SET.
type Set struct {
	Span
	Key, Value *string
}

// Reset is RESET 'key', or RESET.
type Reset struct {
	Span
	Key *string
}

// Truncate is TRUNCATE TABLE.
type Truncate struct {
	Span
	Table Name
}

// Analyze is ANALYZE TABLE … COMPUTE STATISTICS.
type Analyze struct {
	Span
	Table      Name
	Partition  []Assignment
	Columns    []Ident
	AllColumns bool
}

// LoadModule is LOAD MODULE, UnloadModule its opposite.
type LoadModule struct {
	Span
	Unload bool
	Name   Ident
	With   []Property
}

// Jar is ADD JAR or REMOVE JAR.
type Jar struct {
	Span
	Remove bool
	Path   string
}

// CallProcedure is CALL procedure(…).
type CallProcedure struct {
	Span
	Call *Call
}
