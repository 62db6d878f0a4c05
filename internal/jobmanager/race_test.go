//go:build race

package jobmanager

// schedulesMost is how many schedules are enough with the race detector, which has nothing to find in them: all of a
// simulation runs on one goroutine.
const schedulesMost = 1000
