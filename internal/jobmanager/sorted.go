package jobmanager

import (
	"cmp"
	"maps"
	"slices"
)

// sortedKeys are the keys of a map in order, so that what follows does not depend on chance.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
