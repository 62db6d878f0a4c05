package operator

import "testing"

// TestBufferClasses: a buffer has room for what was asked for, at most a quarter more, and comes from the class that it goes
// back to.
func TestBufferClasses(t *testing.T) {
	for class := range bufferSizes {
		size := bufferSize(class)
		if got := bufferClass(size); got != class {
			t.Errorf("%d bytes are of class %d, want %d", size, got, class)
		}
		if got := bufferClass(size - 1); class > 0 && got != class-1 {
			t.Errorf("%d bytes are of class %d, want %d", size-1, got, class-1)
		}
	}
	if bufferSize(0) != minBuffer || bufferSize(bufferSizes-1) != maxBuffer {
		t.Errorf("the classes go from %d to %d", bufferSize(0), bufferSize(bufferSizes-1))
	}
	for class := range bufferSizes {
		for size := bufferSize(class) - 1; size <= bufferSize(class)+1; size++ {
			b := NewSectionBuffer(size)
			if len(b) != 0 || cap(b) < size || cap(b) > size+size/4+1 {
				t.Fatalf("a buffer for %d bytes has %d, and room for %d", size, len(b), cap(b))
			}
			FreeSectionBuffer(append(b, 1))
		}
	}
}
