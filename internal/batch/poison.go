package batch

import (
	"reflect"

	"github.com/flott-dev/flott/column"
)

// poisonTime stands in the time column of a released batch.
const poisonTime = -0x6b6b6b6b6b6b6b6b

// poison overwrites the first n rows. Numbers become a recognisable pattern; values that hold
// pointers become zero, since the garbage collector must not see a wild one.
func (c *columns[T]) poison(n int) {
	vals := c.vals[:n]
	clear(vals)
	if !c.pool.pointers {
		for i := range vals {
			poisonValue(reflect.ValueOf(&vals[i]).Elem())
		}
	}
	for i := range c.times[:n] {
		c.times[:n][i] = poisonTime
	}
}

func poisonValue(v reflect.Value) {
	switch v.Kind() {
	case reflect.Int, reflect.Int16, reflect.Int32, reflect.Int64:
		if v.CanSet() {
			v.SetInt(-0x6b6b)
		}
	case reflect.Float32, reflect.Float64:
		if v.CanSet() {
			v.SetFloat(-27499)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			poisonValue(v.Field(i))
		}
	}
}

// poisonHash stands in the hashes of released batches of columns.
const poisonHash = 0x6b6b6b6b6b6b6b6b

// poisonVector overwrites the values of a vector, which leaves its offsets in place: they lead into
// the overwritten bytes.
func poisonVector(v *column.Vector) {
	for i := range v.Bools {
		v.Bools[i] = true
	}
	fill(v.I32, -0x6b6b)
	fill(v.I64, poisonTime)
	fill(v.Hi, poisonTime)
	fill(v.F32, -27499)
	fill(v.F64, -27499)
	fill(v.Nanos, -0x6b6b)
	fill(v.Data, 0x6b)
	for _, c := range v.Children {
		poisonVector(c)
	}
}

func fill[E any](s []E, x E) {
	for i := range s {
		s[i] = x
	}
}
