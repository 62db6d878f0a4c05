//go:build invariants

package operator

// poison says whether buffers that are free are overwritten, so that a use after that is seen.
const poison = true
