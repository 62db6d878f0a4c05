//go:build invariants

package wire

// buffersInUse is how many buffers are not freed.
func buffersInUse() int64 { return inUse.Load() }
