package hdfs

import (
	"fmt"
	"io"
	"testing"
)

// BenchmarkWrite writes with a checkpoint each MiB, two copies on this machine.
func BenchmarkWrite(b *testing.B) {
	_, dir := newDir(b)
	f, text := system(b, dir), noise(1<<20)
	b.SetBytes(int64(len(text)))
	w := begin(b, f, dir, "part")
	for b.Loop() {
		write(b, w, text)
		if _, err := w.Persist(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkPersist is what a checkpoint takes for each open file that has a little more.
func BenchmarkPersist(b *testing.B) {
	_, dir := newDir(b)
	f := system(b, dir)
	w := begin(b, f, dir, "part")
	for b.Loop() {
		write(b, w, []byte("a line\n"))
		if _, err := w.Persist(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRecover copies 32 MiB of a file that was open.
func BenchmarkRecover(b *testing.B) {
	const size = 32 << 20
	_, dir := newDir(b)
	f := system(b, dir)
	w := begin(b, f, dir, "part")
	write(b, w, noise(size))
	p, err := w.Persist()
	must(b, err)
	b.SetBytes(size)
	for b.Loop() {
		if _, err := f.Recover(b.Context(), dir, p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRead reads a file of many blocks.
func BenchmarkRead(b *testing.B) {
	const size = 32 << 20
	_, dir := newDir(b)
	f := system(b, dir)
	w := begin(b, f, dir, "part")
	write(b, w, noise(size))
	_, err := w.Finish()
	must(b, err)
	b.SetBytes(size)
	for b.Loop() {
		r, err := f.Open(b.Context(), fmt.Sprint(dir, "/.part.0"))
		must(b, err)
		if n, err := io.Copy(io.Discard, r); n != size || err != nil {
			b.Fatal(n, err)
		}
		must(b, r.Close())
	}
}
