package packager

import (
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mayImport lists, for each room, the other rooms that it may import. What goes the other way is a function value.
var mayImport = map[string][]string{
	"timeline":  {"cmaf"},
	"live":      {"cmaf", "disk", "timeline"},
	"manifest":  {"cmaf", "dash", "hls", "timeline"},
	"origin":    {"cmaf", "dash", "hls", "manifest", "recording", "timeline"},
	"push":      {"timeline"},
	"recording": {"cmaf", "dash", "disk", "hls", "manifest", "timeline"},
	"stills":    {"cmaf", "timeline"},
	"disk":      nil, "cmaf": nil, "hls": nil, "dash": nil, "relay": nil, "conformance": {"cmaf", "dash", "hls"},
}

// doesIO are packages that one does not import who does no I/O and takes no lock. (The log is read from an io.Reader.)
var doesIO = []string{"os", "net", "net/http", "sync", "sync/atomic", "context", "path/filepath"}

// imports are what the production files of a directory import.
func imports(t *testing.T, dir string) (all []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		require.NoError(t, err)
		for _, spec := range file.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			require.NoError(t, err)
			all = append(all, imported)
		}
	}
	return all
}

func TestRooms(t *testing.T) {
	const ours = "github.com/sluice-live/sluice/packager"
	for room, others := range mayImport {
		for _, imported := range imports(t, room) {
			other, inside := strings.CutPrefix(imported, ours+"/")
			require.NotEqual(t, ours, imported, "%s imports the packager: hand it a function value", room)
			require.True(t, !inside || slices.Contains(others, other), "%s imports %s", room, other)
			require.False(t, room == "timeline" && slices.Contains(doesIO, imported), "timeline imports %s, and does no I/O", imported)
		}
	}
	require.NotContains(t, imports(t, "."), ours+"/conformance", "it is for tests")
}
