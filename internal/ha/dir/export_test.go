package dir

import "time"

// Blind makes leaders learn only from their writes that they are deposed.
func (s *Store) Blind() { s.watch = 24 * time.Hour }

// At has f called before the lock for writing is taken, and while it is held before a record is changed.
func (s *Store) At(f func(locked bool)) { s.at = f }
