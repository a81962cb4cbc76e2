// Package golden compares what tests get with files that hold what they want. Only tests import it.
package golden

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// update rewrites the files that are generated or compared: go test -update.
var update = flag.Bool("update", false, "rewrite golden files, the sample configuration and README's table")

// Require compares got with a file, or with -update writes it there.
func Require(t testing.TB, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "make it with: go test -update, in the same package")
	require.Equal(t, string(want), got, "%s is out of date; if the change is meant: go test -update, in the same package", file)
}
