package builtin

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("hash",
		digest("MD5", 32, func(dst, s []byte) []byte { d := md5.Sum(s); return hex.AppendEncode(dst, d[:]) }),
		digest("SHA1", 40, func(dst, s []byte) []byte { d := sha1.Sum(s); return hex.AppendEncode(dst, d[:]) }),
		digest("SHA224", 56, sha224),
		digest("SHA256", 64, sha256Of),
		digest("SHA384", 96, sha384),
		digest("SHA512", 128, sha512Of),
		&Def{
			Func:  expr.Func{Name: "SHA2", Strict: true, Compile: appends(sha2)},
			Doc:   "The hash of a text, or binary, by SHA-2 with 224, 256, 384 or 512 bits, as hexadecimal digits.",
			Typed: true, Args: []Arg{{"s", Bytes, false}, {"bits", Int, false}}, Result: Is(row.VarcharOf(128)),
			Check: func(args []expr.Expr) error {
				n, ok := constantOf(args[1])
				if ok && sha2Of(n) == nil {
					return fmt.Errorf("SHA2 has no hash of %d bits: they are 224, 256, 384 or 512", n)
				}
				return nil
			},
		},
	)
}

func sha224(dst, s []byte) []byte   { d := sha256.Sum224(s); return hex.AppendEncode(dst, d[:]) }
func sha256Of(dst, s []byte) []byte { d := sha256.Sum256(s); return hex.AppendEncode(dst, d[:]) }
func sha384(dst, s []byte) []byte   { d := sha512.Sum384(s); return hex.AppendEncode(dst, d[:]) }
func sha512Of(dst, s []byte) []byte { d := sha512.Sum512(s); return hex.AppendEncode(dst, d[:]) }

func digest(name string, length int, f func(dst, s []byte) []byte) *Def {
	return &Def{
		Func: expr.Func{Name: name, Strict: true, Total: true, Compile: text1(func(s []byte, out *column.Vector) bool {
			out.Data = f(out.Data, s)
			return true
		})},
		Doc:   fmt.Sprintf("The hash of a text, or binary, by %s, as %d hexadecimal digits.", name, length),
		Typed: true, Args: []Arg{{"s", Bytes, false}}, Result: Is(row.CharOf(length)),
	}
}

// sha2Of is the hash of a number of bits.
func sha2Of(bits int64) func(dst, s []byte) []byte {
	switch bits {
	case 224:
		return sha224
	case 256:
		return sha256Of
	case 384:
		return sha384
	case 512:
		return sha512Of
	}
	return nil
}

func sha2(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	f := sha2Of(int64(args[1].I32[i]))
	if f == nil {
		expr.Fail(i, "SHA2 has no hash of %d bits: they are 224, 256, 384 or 512", args[1].I32[i])
	}
	out.Data = f(out.Data, args[0].Bytes(i))
	return true
}
