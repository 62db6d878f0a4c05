package row

// Kind of change that a row is.
type ChangeKind uint8

// The kinds of changes, in the order of Flink's.
const (
	Insert       ChangeKind = iota // +I: a new row
	UpdateBefore                   // -U: a row as it was before an update, which follows
	UpdateAfter                    // +U: a row as it is after an update
	Delete                         // -D: a row that is gone
)

// String is the short form: +I, -U, +U or -D.
func (k ChangeKind) String() string { return [...]string{"+I", "-U", "+U", "-D"}[k] }

// IsAdd reports whether the row is there after the change: +I and +U.
func (k ChangeKind) IsAdd() bool { return k == Insert || k == UpdateAfter }

// ChangeKinds is a set of kinds: what a table's rows may be, or what a sink takes.
type ChangeKinds uint8

// The sets that tables have.
const (
	// InsertOnly is a table whose rows stay.
	InsertOnly ChangeKinds = 1 << Insert
	// UpsertKinds is a changelog by key: +U says what a row is now, and -D may have the key only.
	UpsertKinds = InsertOnly | 1<<UpdateAfter | 1<<Delete
	// AllKinds is a changelog that has rows as they were, too.
	AllKinds = UpsertKinds | 1<<UpdateBefore
)

// Has reports whether a kind is in the set.
func (s ChangeKinds) Has(k ChangeKind) bool { return s>>k&1 != 0 }
