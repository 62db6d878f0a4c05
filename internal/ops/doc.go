// Package ops has what every front end uses: the operators of sources, sinks and stateless steps, and the watermarks of key
// groups after a restore.
//
// One operator per file. Each is an operator.Node; most are an operator.Worker behind
// operator.OneInput.
//
// Data flow: batches come in by Push from the operator before or from the task's inlet, and leave by
// an operator.Output.
package ops
