// Package valuetext has the texts of values as Flink's formats write and read them, which are those
// of Java: dates, times, timestamps, decimals and numbers.
//
// Functions that read return false for a text that is none; they do not allocate.
//
// Data flow: formats hand texts of records to it and get values for vectors, and the reverse.
package valuetext
