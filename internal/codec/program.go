package codec

import (
	"encoding/binary"
	"reflect"
)

// The layouts below take an int to be 64 bits wide; this does not compile where it is not.
const _ = uint(1 << 63)

// littleEndian says that numbers lie in memory as they are encoded, so that runs can be copied.
var littleEndian = binary.NativeEndian.Uint16([]byte{1, 0}) == 1

// opcode is what an op does.
type opcode uint8

const (
	opFix1      opcode = iota + 1 // number of 1, 2, 4, 8 bytes
	opFix2                        //
	opFix4                        //
	opFix8                        //
	opRun8                        // numbers side by side that are 8, 16, 24 bytes together
	opRun16                       //
	opRun24                       //
	opCopy                        // the same, n bytes
	opCopyBools                   // the same, with bools among them
	opBool
	opString
	opBytes
	opBulk    // slice of elements that are encoded as they lie in memory
	opStrings // []string
	opSlice   // any other slice
	opArray
	opMap
	opPointer
	opCall // runs a program that was not finished when it was needed
	opTime
	opBigInt
	opBigRat
	opBigFloat
	opMarshal
	opCustom
)

// op is one step of a program. Which of the fields count depends on code.
type op struct {
	code  opcode
	scan  bool         // elements hold pointers
	off   uintptr      // of the operand, from the start of the value
	n     uintptr      // bytes to copy, or elements of an array
	sub   *program     // elements, pointee or callee
	slice reflect.Type // type of the slice
	bools []uintptr    // offsets of the bools among the copied bytes
	maps  *mapOp
	user  *user
}

// program encodes and decodes the values of one type. The struct
//
//	struct { A int64; B int32; C, D int16; E string; F struct { G bool; H []T } }
//
// becomes
//
//	opCopy 0+16 (A-D) · opString 16 (E) · opBool 32 (F.G) · opSlice 40 (F.H) ─▶ program of T
type program struct {
	typ       reflect.Type
	ops       []op
	size      uintptr // of a value in memory
	min       int     // smallest number of bytes of an encoding; 0 only if there are no ops
	fixed     bool    // all encodings have min bytes
	skips     bool    // memory of the value itself is not encoded
	lossy     bool    // different values may have the same encoding
	recursive bool    // refers to itself, directly or further down
	done      bool
}

// fixOp is the op for a number of a power of two bytes.
func fixOp(off, size uintptr) op {
	code := opFix1
	switch size {
	case 2:
		code = opFix2
	case 4:
		code = opFix4
	case 8:
		code = opFix8
	}
	return op{code: code, off: off, n: size}
}

// fixedOps makes pr a program of ops whose bytes are always as many.
func (pr *program) fixedOps(ops ...op) {
	pr.ops, pr.min, pr.fixed = ops, 0, true
	for _, o := range ops {
		pr.min += int(o.n)
	}
}

// isPlain reports whether a value is encoded as it lies in memory, whatever its bits.
func (pr *program) isPlain() bool {
	if len(pr.ops) != 1 || !isRun(pr.ops[0].code) {
		return false
	}
	o := &pr.ops[0]
	return o.n == pr.size && o.code != opBool && o.code != opCopyBools
}

func isRun(code opcode) bool { return code <= opBool }

// inline appends the ops of sub to pr, moved by off.
func (pr *program) inline(sub *program, off uintptr) {
	if !sub.done {
		pr.ops = append(pr.ops, op{code: opCall, off: off, sub: sub})
		return
	}
	for _, o := range sub.ops {
		o.off += off
		pr.ops = append(pr.ops, o)
	}
}

// fuse merges neighbouring numbers without padding between them into one copy. Bools may take part
// in it, but are remembered, since decoding has to look at them.
func fuse(ops []op) []op {
	if !littleEndian {
		return ops
	}
	var out []op
	for _, o := range ops {
		last := len(out) - 1
		if last < 0 || !isRun(o.code) || !isRun(out[last].code) ||
			out[last].off+out[last].n != o.off {
			out = append(out, o)
			continue
		}
		out[last] = joined(out[last], o)
	}
	return out
}

// joined is the op that copies what a and b, its neighbour, copy.
func joined(a, b op) op {
	j := op{code: opCopy, off: a.off, n: a.n + b.n}
	j.bools = append(boolsOf(a, 0), boolsOf(b, a.n)...)
	switch {
	case len(j.bools) > 0:
		j.code = opCopyBools
	case j.n == 8:
		j.code = opRun8
	case j.n == 16:
		j.code = opRun16
	case j.n == 24:
		j.code = opRun24
	}
	return j
}

// boolsOf returns the offsets of the bools of a run, moved by shift.
func boolsOf(o op, shift uintptr) []uintptr {
	if o.code == opBool {
		return []uintptr{shift}
	}
	var bools []uintptr
	for _, b := range o.bools {
		bools = append(bools, b+shift)
	}
	return bools
}
