//go:build race

package exec

const raceEnabled = 1
