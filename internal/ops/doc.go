// Package ops has the operators that every front end uses: sources, sinks and the stateless steps.
//
// One operator per file. Each is an operator.Node; most are an operator.Worker behind
// operator.OneInput.
//
// Data flow: batches come in by Push from the operator before or from the task's inlet, and leave by
// an operator.Output.
package ops
