package rest

import (
	"encoding/binary"
	"math"
	"unicode/utf16"

	"github.com/flott-dev/flott/internal/restapi"
)

// causeOf is an error as JSON.
func causeOf(class string, err error) *restapi.Cause {
	text := err.Error()
	return &restapi.Cause{Class: class, StackTrace: text, Serialized: throwable(class, text)}
}

// throwable is an error as Flink's clients in Java read it: the serialised form of Flink's class SerializedThrowable, which stands
// for an exception that the client has no class of. Without it they report that they do not understand the response, and not the
// error. The form is that of the Java Object Serialization Specification, version 2: descriptions of the class and its superclasses,
// the class itself first, then their fields, those of the topmost superclass first.
//
// It has the fields that are read, and leaves the others at their defaults: there is no exception to unpack and no trace of Java.
func throwable(class, message string) []byte {
	b := []byte{0xac, 0xed, 0, 5, javaObject}
	b = javaClass(b, "org.apache.flink.util.SerializedThrowable", 7284183123441947635, javaSerializable,
		javaField{'L', "fullStringifiedStackTrace", javaStringType}, javaField{'L', "originalErrorClassName", javaStringType})
	b = javaClass(b, "java.lang.Exception", -3387516993124229948, javaSerializable)
	b = javaClass(b, "java.lang.Throwable", -3042686055658047285, javaSerializable|javaWriteMethod,
		javaField{'L', "detailMessage", javaStringType})
	b = append(b, javaNull) // no further superclass that is serialised

	b = append(javaString(b, message), javaEnd) // of the Throwable, whose method has written nothing more
	return javaString(javaString(b, class+": "+message), class)
}

// What tells apart the parts of a Java stream, and the flags of its classes.
const (
	javaNull, javaClassDesc, javaObject, javaShort, javaEnd, javaLong = 0x70, 0x72, 0x73, 0x74, 0x78, 0x7c

	javaWriteMethod, javaSerializable = 1, 2

	javaStringType = "Ljava/lang/String;"
)

// javaField is a field of a class, whose type is an object.
type javaField struct {
	kind     byte
	name, of string
}

// javaClass appends the description of a class up to that of its superclass.
func javaClass(b []byte, name string, version int64, flags byte, fields ...javaField) []byte {
	b = javaName(append(b, javaClassDesc), name)
	b = append(binary.BigEndian.AppendUint64(b, uint64(version)), flags)
	b = binary.BigEndian.AppendUint16(b, uint16(len(fields)))
	for _, f := range fields {
		b = javaString(javaName(append(b, f.kind), f.name), f.of)
	}
	return append(b, javaEnd) // of annotations
}

// javaName appends a short text that is ASCII.
func javaName(b []byte, name string) []byte {
	return append(binary.BigEndian.AppendUint16(b, uint16(len(name))), name...)
}

// javaString appends a string as an object.
func javaString(b []byte, s string) []byte {
	text := modifiedUTF8(s)
	if len(text) <= math.MaxUint16 {
		b = binary.BigEndian.AppendUint16(append(b, javaShort), uint16(len(text)))
	} else {
		b = binary.BigEndian.AppendUint64(append(b, javaLong), uint64(len(text)))
	}
	return append(b, text...)
}

// modifiedUTF8 is UTF-8 of UTF-16, as Java has it: surrogates are encoded each, and so is the zero character in two bytes.
func modifiedUTF8(s string) (b []byte) {
	for _, u := range utf16.Encode([]rune(s)) {
		switch {
		case u != 0 && u < 0x80:
			b = append(b, byte(u))
		case u < 0x800:
			b = append(b, 0xc0|byte(u>>6), 0x80|byte(u&0x3f))
		default:
			b = append(b, 0xe0|byte(u>>12), 0x80|byte(u>>6&0x3f), 0x80|byte(u&0x3f))
		}
	}
	return b
}
