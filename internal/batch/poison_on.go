//go:build invariants

package batch

// poison says whether released batches are overwritten, so that a use after release is seen.
const poison = true
