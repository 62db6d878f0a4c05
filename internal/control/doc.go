// Package control is what JobManager, TaskManagers and workers say to each other.
//
// Data flow: whoever opens a wire.Conn between two of them makes a Conn of it, on which each side sends
// messages of its own type. A message is a struct of pointers, one of which is set: the kinds that one
// side may send are the fields.
//
// # Non-obvious
//
//   - Messages are in the encoding of encoding/gob, one stream for each direction. A field that the other
//     side does not know is left out, one that it does not send is nil. So sides of neighbouring versions
//     understand each other, and a message that a side knows nothing of is empty.
//   - Send never blocks. What the other side does not take piles up; the heartbeats of the connection end
//     it if that side is dead.
//   - The state that a task delivers, and that it is restored from, is a manifest of its own: see
//     checkpoint.AppendManifest.
package control
