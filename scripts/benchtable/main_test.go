package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	var other strings.Builder
	results, failed := read(strings.NewReader(`goos: linux
pkg: example.com/sluice/depay
BenchmarkPush-2   	 1000	       12.5 ns/op	       0 B/op	       0 allocs/op
BenchmarkStart-2  	    1	         0 ns/op	         2.25 s-to-HLS
PASS
`), &other)
	require.False(t, failed)
	require.Equal(t, []result{
		{"example.com/sluice/depay", "Push", 1000, []metric{{12.5, "ns/op"}, {0, "B/op"}, {0, "allocs/op"}}},
		{"example.com/sluice/depay", "Start", 1, []metric{{2.25, "s-to-HLS"}}},
	}, results)
	require.Equal(t, "goos: linux\nPASS\n", other.String())

	_, failed = read(strings.NewReader("--- FAIL: BenchmarkPush\nFAIL\n"), &other)
	require.True(t, failed)
}
