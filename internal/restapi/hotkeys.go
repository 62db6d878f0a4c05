package restapi

// HotKeys are the keys that many of the records have that a vertex gets.
type HotKeys struct {
	// Sampled is of how many records, of the last half minute or so; what is longer ago counts less.
	Sampled int64 `json:"sampled"`
	// Keys are at most ten, the hottest first.
	Keys []HotKey `json:"hot-keys"`
}

// HotKey is a key that many records have.
type HotKey struct {
	// Key is how it looks, cut after 200 bytes.
	Key string `json:"key"`
	// Subtask gets its records.
	Subtask int `json:"subtask"`
	// Share is which share of the records has the key, at most; AtLeast is at least.
	Share   float64 `json:"share"`
	AtLeast float64 `json:"at-least"`
}
