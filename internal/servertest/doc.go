// Package servertest has real servers for tests, and the command line of Flink: processes of their own, on ports of this machine.
//
// A server is started by the first test that needs it, and ends with the test's process, which Main sees to. What it needs is
// fetched once into the user's cache. Where that cannot be had, the test is skipped, and fails if CI is set.
package servertest
