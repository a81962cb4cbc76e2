package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A test of e2e whose parts run alongside others lets go first: else it waits for them, they wait for room that tests hold which have not
// begun, and those wait for it. It is told here since nothing there would come to its end.
func TestPartsFollowParallel(t *testing.T) {
	files, err := filepath.Glob("e2e/*_test.go")
	require.NoError(t, err)
	test := regexp.MustCompile(`(?ms)^func (Test\w+)\(t \*testing\.T\) \{$.*?^\}$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range test.FindAllStringSubmatch(string(text), -1) {
			before, parts, has := strings.Cut(found[0], "t.Run(")
			if has && strings.Contains(parts, "\talongside(t") {
				assert.Contains(t, before, "t.Parallel()", found[1])
			}
		}
	}
}
