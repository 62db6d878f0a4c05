//go:build !race

package jobmanager

const schedulesMost = 1 << 30
