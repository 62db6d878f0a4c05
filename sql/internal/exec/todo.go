package exec

import "github.com/flott-dev/flott/internal/operator"

// Node makes the operator of a subtask.
func (*Join) Node() operator.Node { panic("exec: Join is not there yet") }

// Node makes the operator of a subtask.
func (*IntervalJoin) Node() operator.Node { panic("exec: IntervalJoin is not there yet") }

// Node makes the operator of a subtask.
func (*TemporalJoin) Node() operator.Node { panic("exec: TemporalJoin is not there yet") }

// Node makes the operator of a subtask.
func (*WindowJoin) Node() operator.Node { panic("exec: WindowJoin is not there yet") }

// Node makes the operator of a subtask.
func (*Deduplicate) Node() operator.Node { panic("exec: Deduplicate is not there yet") }

// Node makes the operator of a subtask.
func (*Normalize) Node() operator.Node { panic("exec: Normalize is not there yet") }

// Node makes the operator of a subtask.
func (*Materialize) Node() operator.Node { panic("exec: Materialize is not there yet") }
