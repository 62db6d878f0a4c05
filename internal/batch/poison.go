package batch

import "reflect"

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
