package builtin

import (
	"encoding/hex"
	"math/bits"
	"math/rand/v2"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	isRandom := func(name string, compile func(*expr.Call) expr.Kernel) expr.Func {
		return expr.Func{Name: name, Strict: true, Volatile: true, Compile: compile}
	}
	add("math",
		&Def{
			Func:  isRandom("RAND", randKernel),
			Typed: true,
			Doc:   "A random number from 0 to 1, without 1. A seed makes the numbers those of Java's Random: the same each time.",
			Args:  []Arg{{"seed", Int, true}}, Result: isDouble,
		},
		&Def{
			Func:  isRandom("RAND_INTEGER", randIntegerKernel),
			Typed: true,
			Doc:   "A random whole number from 0 to the bound, without the bound, which is the last argument; a seed stands before it.",
			Args:  []Arg{{"seed or bound", Int, false}, {"bound", Int, true}}, Result: isInt,
		},
		&Def{
			Func: isRandom("UUID", func(*expr.Call) expr.Kernel {
				return func(_ *expr.Context, n int, _ []*column.Vector, out *column.Vector) {
					for range n {
						out.Data = appendUUID(out.Data)
						out.EndBytes()
					}
				}
			}),
			Typed: true,
			Doc:   "A random UUID of version 4.", Result: Is(row.CharOf(36)),
		},
	)
}

// javaRandom is the generator of java.util.Random.
type javaRandom struct{ seed uint64 }

const javaMask = 1<<48 - 1

func newJavaRandom(seed int64) *javaRandom {
	return &javaRandom{(uint64(seed) ^ 0x5DEECE66D) & javaMask}
}

func (r *javaRandom) next(n int) int32 {
	r.seed = (r.seed*0x5DEECE66D + 0xB) & javaMask
	return int32(r.seed >> (48 - n))
}

func (r *javaRandom) float64() float64 {
	high := int64(r.next(26)) << 27
	return float64(high+int64(r.next(27))) * 0x1p-53
}

// intn is a number from 0 to bound - 1.
func (r *javaRandom) intn(bound int32) int32 {
	x := r.next(31)
	if bits.OnesCount32(uint32(bound)) == 1 {
		return int32(int64(bound) * int64(x) >> 31)
	}
	for {
		y := x % bound
		if x-y+(bound-1) >= 0 {
			return y
		}
		x = r.next(31)
	}
}

// seeded gives the generator for a row. One of a constant seed goes on from row to row; other seeds begin anew
// for each, and without a seed each program has its own.
func seeded(c *expr.Call, seeds int) func(args []*column.Vector, i int) *javaRandom {
	if len(c.Args) < seeds {
		r := newJavaRandom(int64(rand.Uint64()))
		return func([]*column.Vector, int) *javaRandom { return r }
	}
	if seed, ok := constantInt(c.Args[0]); ok {
		r := newJavaRandom(seed)
		return func([]*column.Vector, int) *javaRandom { return r }
	}
	return func(args []*column.Vector, i int) *javaRandom { return newJavaRandom(int64(args[0].I32[i])) }
}

func randKernel(c *expr.Call) expr.Kernel {
	generator := seeded(c, 1)
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		out.F64[i] = generator(args, i).float64()
		return true
	})(c)
}

func randIntegerKernel(c *expr.Call) expr.Kernel {
	generator := seeded(c, 2)
	return rows(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		bound := args[len(args)-1].I32[i]
		if bound <= 0 {
			expr.Fail(i, "the bound of RAND_INTEGER is %d, but it must be greater than 0", bound)
		}
		out.I32[i] = generator(args, i).intn(bound)
		return true
	})(c)
}

func appendUUID(dst []byte) []byte {
	var b [16]byte
	for i := range 2 {
		x := rand.Uint64()
		for k := range 8 {
			b[8*i+k] = byte(x >> (8 * k))
		}
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	for i, part := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			dst = append(dst, '-')
		}
		dst = hex.AppendEncode(dst, part)
	}
	return dst
}
