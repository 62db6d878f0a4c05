package exec

import (
	"time"

	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// Op describes an operator.
type Op interface {
	// Node makes the operator of a subtask.
	Node() operator.Node
}

// Session is what operators know of the session.
type Session struct {
	// Zone is the session's time zone.
	Zone *time.Location
}

// Calc filters rows and computes expressions.
type Calc struct {
	Session
	In    []row.Field
	Cond  expr.Expr // nil is TRUE
	Exprs []expr.Expr
	Out   []row.Field
}

// Watermark makes watermarks of a column: the greatest value of an expression so far. It gives one
// after each row that advances it where EachRow is set, else one for each batch.
type Watermark struct {
	Session
	In      []row.Field
	Column  int
	Expr    expr.Expr
	EachRow bool
}

// Expand gives each row once for each grouping set: see logical.Expand.
type Expand struct {
	In   []row.Field
	Keys []int
	Sets [][]int
	// Numbers are those of the sets.
	Numbers []int64
	Out     []row.Field
}

// Apply calls a table function for each row: see logical.Apply.
type Apply struct {
	Session
	In    []row.Field
	Func  *logical.TableFunc
	Args  []expr.Expr
	Outer bool
	Out   []row.Field
}

// GroupAggregate groups rows by keys. Its columns are the keys, then the calls. Without keys there is one group, in
// subtask 0.
type GroupAggregate struct {
	In    []row.Field
	Keys  []int
	Calls []logical.Call
	Out   []row.Field
	// Partials gives the input, with the same Calls, of which this merges what they have accumulated; nil where the
	// input is rows.
	Partials *LocalAggregate
	// GivesPartials gives what the calls have accumulated, for another one with Partials, in place of their values.
	GivesPartials bool
	// Retract says that the input has -U and -D.
	Retract bool
	// Before says that -U is sent before +U.
	Before bool
	Final  bool
	Memory int64 // as in Sort
	// EachRow gives one change for each row of the input; without it those of a batch are put together for each key.
	EachRow bool
	// TTL is how long a group that does not change is kept; 0 is for ever.
	TTL time.Duration
}

// WindowAggregate groups rows by windows and keys. Its columns are the keys, then the calls, then window_start,
// window_end and window_time.
type WindowAggregate struct {
	Session
	In      []row.Field
	Keys    []int // without those of windows
	Calls   []logical.Call
	Out     []row.Field
	Retract bool
	// Windowing and Time are how rows are put into windows, by a column of time; Processing says that it is
	// processing time. With Attached the rows have their window already: its start and end are the columns
	// Start and End, and the kind of Windowing only says how these came about.
	logical.Windowing
	Time       int
	Processing bool
	Attached   bool
	Start, End int
	// Instants says that the windows are of a TIMESTAMP_LTZ.
	Instants bool
	// Final computes all windows at the end, whatever the watermark says; no row is late.
	Final bool
}

// WindowTVF adds window_start, window_end and window_time to rows: see logical.Window. Sessions keep rows until
// their session is known.
type WindowTVF struct {
	Session
	In []row.Field
	logical.Windowing
	Time       int
	Processing bool
	Partition  []int
	// Slices says that rows are slices of time: Time is where they start, in the time of the windows. Each is in the windows
	// that it is a part of.
	Slices bool
	Out    []row.Field
	Final  bool
}

// WindowSlices adds to rows, as a TIMESTAMP(3), the start of their slice of time: all windows are made of whole slices.
type WindowSlices struct {
	Session
	In []row.Field
	logical.Windowing
	Time int
	Out  []row.Field
}

// Join joins two inputs by equal keys and a condition. Rows of Left, Right and Full without a partner have NULLs for
// the other side. The inputs are partitioned by their keys; without keys all rows are in subtask 0.
type Join struct {
	Session
	Kind        logical.JoinKind
	Left, Right []row.Field
	LeftKeys    []int
	RightKeys   []int
	// NullSafe says of each key whether NULL equals NULL.
	NullSafe []bool
	Cond     expr.Expr // on the columns of both sides, beside the keys; nil is TRUE
	Out      []row.Field
	// LeftUnique and RightUnique are columns of a side that identify its rows, nil where there are none: then a row
	// takes the place of the one with the same values.
	LeftUnique, RightUnique []int
	// LeftTTL and RightTTL are how long rows are kept; 0 is for ever.
	LeftTTL, RightTTL time.Duration
	Final             bool
	Memory            int64 // as in Sort
	// Table is the side that rows of the other one are looked up in, with Final.
	Table TableSide
}

// TableSide is the side of a join that rows of the other one are looked up in.
type TableSide uint8

// The smaller side is the one with fewer bytes when both inputs have ended.
const (
	TableSmaller TableSide = iota
	TableLeft
	TableRight
)

// IntervalJoin joins rows whose times are near each other:
// left time + Lower ≤ right time ≤ left time + Upper, in milliseconds.
type IntervalJoin struct {
	Session
	Kind                logical.JoinKind // no Semi, no Anti
	Left, Right         []row.Field
	LeftKeys, RightKeys []int
	NullSafe            []bool // as in Join
	LeftTime, RightTime int
	Processing          bool
	Lower, Upper        int64
	Cond                expr.Expr
	Out                 []row.Field
}

// TemporalJoin joins each row of the left side with the version of the right side's row at the left one's time. In
// event time, rows wait for the watermark; the right side is a changelog with the primary key RightKeys. In processing
// time the latest version is taken.
type TemporalJoin struct {
	Session
	Kind                logical.JoinKind // Inner or Left
	Left, Right         []row.Field
	LeftKeys, RightKeys []int
	NullSafe            []bool // as in Join
	LeftTime, RightTime int    // RightTime is -1 in processing time
	Processing          bool
	Cond                expr.Expr
	Out                 []row.Field
	TTL                 time.Duration
}

// WindowJoin joins rows of the same window: all columns of keys and of the windows' bounds are equal. What it joins
// is given when the watermark passes the window's end.
type WindowJoin struct {
	Session
	Kind                logical.JoinKind
	Left, Right         []row.Field
	LeftKeys, RightKeys []int // without the windows
	LeftEnd, RightEnd   int   // the columns of the ends of windows
	LeftStart           int
	RightStart          int
	NullSafe            []bool
	Processing          bool // the windows are of processing time
	Instants            bool // they are of a TIMESTAMP_LTZ
	Cond                expr.Expr
	Out                 []row.Field
	Final               bool
	Memory              int64 // as in Sort
}

// Over adds the values of OVER calls, which have the same PARTITION BY and ORDER BY.
type Over struct {
	In        []row.Field
	Partition []int
	Order     []logical.SortKey
	Calls     []logical.OverCall
	Out       []row.Field
	// Time says how rows are ordered: by Rowtime they wait for the watermark, by Proctime they are in order, and else
	// by any columns, where a row in between changes those behind it.
	Time row.TimeAttribute
	// Last keeps the last rows of each key in one value, from which frames are computed: see LooksBackLittle.
	Last   bool
	Before bool
	Final  bool
	Memory int64 // as in Sort
	TTL    time.Duration
}

// Rank keeps the rows of each partition whose number in an order is between From and To.
type Rank struct {
	In        []row.Field
	Partition []int
	Order     []logical.SortKey
	Func      string // ROW_NUMBER, RANK, DENSE_RANK
	From, To  int64  // To is -1 where ToColumn says it
	ToColumn  int    // -1 without one
	// Number adds the number as the last column.
	Number  bool
	Out     []row.Field
	Retract bool
	Before  bool
	Final   bool
	Memory  int64 // as in Sort
	TTL     time.Duration
}

// Deduplicate keeps the first or the last row of each key, by the time of arrival or by a column of time.
type Deduplicate struct {
	In      []row.Field
	Keys    []int
	Last    bool
	Rowtime int // the column, -1 for the order of arrival
	Before  bool
	EachRow bool // as in GroupAggregate
	TTL     time.Duration
}

// FirstByTime keeps the row of each key with the least event time, of several the one that came first. It gives it once, when the
// watermark has come to its time: all that it gives are new rows. Rows behind the watermark are dropped.
type FirstByTime struct {
	In      []row.Field
	Keys    []int
	Rowtime int           // the column; a row with NULL in it is dropped
	TTL     time.Duration // how long it is known of a key that its row was given; 0 is for ever
}

// WindowRank is Rank for each window: it gives its rows when the watermark passes the window's end.
type WindowRank struct {
	Session
	In         []row.Field
	Processing bool
	Instants   bool  // the windows are of a TIMESTAMP_LTZ
	Partition  []int // without the window
	Start, End int
	Order      []logical.SortKey
	Func       string
	From, To   int64
	Number     bool
	Out        []row.Field
	Final      bool
	Memory     int64 // as in Sort
}

// Sort orders rows. With Final all rows are put in order at the end, and cut. Without it the first key is a column of
// event time, and rows come when the watermark has passed them.
type Sort struct {
	In            []row.Field
	Keys          []logical.SortKey
	Offset, Limit int64 // Limit is -1 for all
	Final         bool
	// Memory is how many bytes are kept in memory with Final, 0 for DefaultMemory; beyond it rows go to disk.
	Memory int64
}

// Limit passes some rows on, in the order in which they come.
type Limit struct {
	In            []row.Field
	Offset, Limit int64
}

// Normalize keeps the last row of each key and makes a changelog with -U of one without: ChangelogNormalize.
type Normalize struct {
	In      []row.Field
	Keys    []int
	Before  bool
	EachRow bool // as in GroupAggregate
	TTL     time.Duration
}

// Materialize keeps the rows for each primary key of a sink whose input has another one, in order of arrival, and
// gives the last one: SinkUpsertMaterializer.
type Materialize struct {
	In      []row.Field
	Keys    []int
	EachRow bool // as in GroupAggregate
	TTL     time.Duration
}

// NotNull fails for NULLs in columns that have none, or drops the rows.
type NotNull struct {
	In      []row.Field
	Columns []int
	Names   []string
	Drop    bool
}

// DropBefore drops -U.
type DropBefore struct{ In []row.Field }

// Union passes the rows of all its inputs on.
type Union struct{ In []row.Field }
