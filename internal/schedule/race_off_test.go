//go:build !race

package schedule

const schedulesDefault = 10_000
