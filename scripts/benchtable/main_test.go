package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRead(t *testing.T) {
	const printed = `goos: linux
pkg: example.com/sluice/depay
BenchmarkPush-2   	 1000	       12.5 ns/op	       0 B/op	       0 allocs/op
BenchmarkStart-2  	    1	         0 ns/op	         2.25 s-to-HLS
PASS
`
	var through strings.Builder
	results, failed := read(strings.NewReader(printed), &through)
	require.False(t, failed)
	require.Equal(t, []result{
		{"example.com/sluice/depay", "Push", 1000, []metric{{12.5, "ns/op"}, {0, "B/op"}, {0, "allocs/op"}}},
		{"example.com/sluice/depay", "Start", 1, []metric{{2.25, "s-to-HLS"}}},
	}, results)
	require.Equal(t, printed, through.String())

	_, failed = read(strings.NewReader("--- FAIL: BenchmarkPush\nFAIL\n"), &through)
	require.True(t, failed)
}
