package exec

import "github.com/flott-dev/flott/row"

// KeyTypes are the types of key columns, by which their rows are dealt out and kept.
func KeyTypes(fields []row.Field, at []int) []*row.Type {
	types := make([]*row.Type, len(at))
	for i, c := range at {
		types[i] = fields[c].Type.Plain()
	}
	return types
}

// JoinKeyTypes are the types of the keys of two inputs: NOT NULL where they are on both sides.
func JoinKeyTypes(left []row.Field, leftKeys []int, right []row.Field, rightKeys []int) []*row.Type {
	types := KeyTypes(left, leftKeys)
	for i, c := range rightKeys {
		if !right[c].Type.NotNull {
			types[i] = types[i].Nullable(true)
		}
	}
	return types
}
