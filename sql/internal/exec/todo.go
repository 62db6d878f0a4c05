package exec

import "github.com/flott-dev/flott/internal/operator"

// Node makes the operator of a subtask.
func (*WindowAggregate) Node() operator.Node { panic("exec: WindowAggregate is not there yet") }

// Node makes the operator of a subtask.
func (*WindowTVF) Node() operator.Node { panic("exec: WindowTVF is not there yet") }

// Node makes the operator of a subtask.
func (*WindowJoin) Node() operator.Node { panic("exec: WindowJoin is not there yet") }

// Node makes the operator of a subtask.
func (*Over) Node() operator.Node { panic("exec: Over is not there yet") }

// Node makes the operator of a subtask.
func (*Deduplicate) Node() operator.Node { panic("exec: Deduplicate is not there yet") }

// Node makes the operator of a subtask.
func (*WindowRank) Node() operator.Node { panic("exec: WindowRank is not there yet") }

// Node makes the operator of a subtask.
func (*Normalize) Node() operator.Node { panic("exec: Normalize is not there yet") }

// Node makes the operator of a subtask.
func (*Materialize) Node() operator.Node { panic("exec: Materialize is not there yet") }
