package main

import (
	"io/fs"
	"maps"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// sources are the scripts and styles of src by their names there.
func sources(t *testing.T) map[string]string {
	found := make(map[string]string)
	src := os.DirFS("../src")
	require.NoError(t, fs.WalkDir(src, ".", func(name string, _ fs.DirEntry, err error) error {
		if ext := path.Ext(name); err != nil || ext != ".ts" && ext != ".css" {
			return err
		}
		body, err := fs.ReadFile(src, name)
		found[name] = string(body)
		return err
	}))
	require.NotEmpty(t, found)
	return found
}

// relativeImport is an import of another file of src: of values, of types, or while running. esbuild's report has no imports of types.
var relativeImport = regexp.MustCompile(`(?m)(?:^(?:import|export) [^"]*"|import\(")(\.[^"]+\.ts)"`)

// TestRooms keeps the rooms of src apart: scripts that import each other in a circle can only be understood all at once.
func TestRooms(t *testing.T) {
	imports := make(map[string][]string)
	files := sources(t)
	for name, body := range files {
		for _, found := range relativeImport.FindAllStringSubmatch(body, -1) {
			imports[name] = append(imports[name], path.Join(path.Dir(name), found[1]))
		}
	}
	require.Contains(t, imports["players/open.ts"], "players/hls.ts", "imports while running are seen")
	require.Contains(t, imports["players/hls.ts"], "players/player.ts", "imports of types are seen")
	require.Empty(t, circle(imports))

	rooms := make(map[string][]string)
	for name, targets := range imports {
		for _, target := range targets {
			require.Contains(t, files, target, "%s imports it", name)
			if from, to := path.Dir(name), path.Dir(target); from != to {
				rooms[from] = append(rooms[from], to)
			}
		}
	}
	require.Empty(t, circle(rooms))
}

func TestCircle(t *testing.T) {
	require.Empty(t, circle(map[string][]string{"a": {"b", "c"}, "b": {"c"}}))
	require.Equal(t, []string{"b", "c", "b"}, circle(map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"b"}}))
	require.Equal(t, []string{"a", "a"}, circle(map[string][]string{"a": {"a"}}))
}

// circle returns one way through the imports that ends where it began; nil when there is none.
func circle(imports map[string][]string) []string {
	done := make(map[string]bool)
	var visit func(way []string) []string
	visit = func(way []string) []string {
		last := way[len(way)-1]
		if begin := slices.Index(way[:len(way)-1], last); begin >= 0 {
			return way[begin:]
		}
		if done[last] {
			return nil
		}
		done[last] = true
		for _, next := range imports[last] {
			if found := visit(append(slices.Clip(way), next)); found != nil {
				return found
			}
		}
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(imports)) {
		if found := visit([]string{name}); found != nil {
			return found
		}
	}
	return nil
}

// TestFilesAreShort keeps each file readable in one go.
func TestFilesAreShort(t *testing.T) {
	const most = 320
	for name, body := range sources(t) {
		if name != "server/schema.ts" { // which is made of the API's description
			require.LessOrEqualf(t, strings.Count(body, "\n"), most, "lines of %s", name)
		}
	}
}
