//go:build race

package schedule

// schedulesDefault is how many schedules are enough with the race detector, which has nothing to find in them: all of a
// simulation runs on one goroutine.
const schedulesDefault = 1000
