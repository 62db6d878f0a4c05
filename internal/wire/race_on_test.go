//go:build race

package wire

// raceOn says that pools drop some of what they are given.
const raceOn = true
