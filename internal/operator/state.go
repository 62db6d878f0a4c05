package operator

import "maps"

// State is the state of one subtask of an operator, as a snapshot holds it. All values are encoded
// and belong to the snapshot.
type State struct {
	// Keyed is, for each state's name and key group, the entries.
	Keyed map[string]map[int][]byte
	// List items are dealt out among subtasks on restore.
	List map[string][][]byte
	// Union items all go to every subtask on restore.
	Union map[string][][]byte
	// Broadcast is the same on all subtasks.
	Broadcast map[string][]byte
}

// Snapshot collects the state of one subtask of an operator.
type Snapshot struct {
	Checkpoint int64
	State      State
}

// Keyed adds the entries of one key group.
func (s *Snapshot) Keyed(name string, keyGroup int, data []byte) {
	if s.State.Keyed == nil {
		s.State.Keyed = map[string]map[int][]byte{}
	}
	g := s.State.Keyed[name]
	if g == nil {
		g = map[int][]byte{}
		s.State.Keyed[name] = g
	}
	g[keyGroup] = data
}

// List adds items that are dealt out on restore.
func (s *Snapshot) List(name string, items ...[]byte) {
	if s.State.List == nil {
		s.State.List = map[string][][]byte{}
	}
	s.State.List[name] = append(s.State.List[name], items...)
}

// Union adds items that every subtask gets on restore.
func (s *Snapshot) Union(name string, items ...[]byte) {
	if s.State.Union == nil {
		s.State.Union = map[string][][]byte{}
	}
	s.State.Union[name] = append(s.State.Union[name], items...)
}

// Broadcast sets state that is the same on every subtask.
func (s *Snapshot) Broadcast(name string, data []byte) {
	if s.State.Broadcast == nil {
		s.State.Broadcast = map[string][]byte{}
	}
	s.State.Broadcast[name] = data
}

// Redistribute deals the state of an operator's old subtasks out to subtask of parallelism new
// ones.
func Redistribute(old []*State, maxParallelism, parallelism, subtask int) *State {
	first, last := KeyGroupRange(maxParallelism, parallelism, subtask)
	s := &Snapshot{}
	var dealt int
	for _, o := range old {
		if o == nil {
			continue
		}
		for name, groups := range o.Keyed {
			for kg, data := range groups {
				if kg >= first && kg <= last {
					s.Keyed(name, kg, data)
				}
			}
		}
		for name, items := range o.Union {
			s.Union(name, items...)
		}
	}
	for i := range old { // all are the same; from different ones, to spread the reading
		if o := old[(subtask+i)%len(old)]; o != nil && o.Broadcast != nil {
			s.State.Broadcast = maps.Clone(o.Broadcast)
			break
		}
	}
	for _, name := range listNames(old) {
		for _, o := range old {
			if o == nil {
				continue
			}
			for _, item := range o.List[name] {
				if dealt%parallelism == subtask {
					s.List(name, item)
				}
				dealt++
			}
		}
	}
	return &s.State
}

func listNames(old []*State) []string {
	var names []string
	seen := map[string]bool{}
	for _, o := range old {
		if o == nil {
			continue
		}
		for _, n := range sortedKeys(o.List) {
			if !seen[n] {
				seen[n] = true
				names = append(names, n)
			}
		}
	}
	return names
}
