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
