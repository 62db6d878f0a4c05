//go:build !race

package sql_test

import "testing"

const raced = false

func onlyResults(*testing.T) {}
