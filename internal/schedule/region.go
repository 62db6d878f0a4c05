package schedule

// Regions groups n subtasks into regions: those that are connected, directly or by way of others,
// fail and restart together. It returns the region of each subtask, numbered from 0 in the order of
// their first subtask.
func Regions(n int, connected func(yield func(a, b int))) []int {
	parent := make([]int, n)
	for i := range parent {
		parent[i] = i
	}
	var find func(i int) int
	find = func(i int) int {
		if parent[i] != i {
			parent[i] = find(parent[i])
		}
		return parent[i]
	}
	connected(func(a, b int) {
		a, b = find(a), find(b)
		parent[max(a, b)] = min(a, b)
	})
	regions, number := make([]int, n), map[int]int{}
	for i := range regions {
		root := find(i)
		if _, ok := number[root]; !ok {
			number[root] = len(number)
		}
		regions[i] = number[root]
	}
	return regions
}
