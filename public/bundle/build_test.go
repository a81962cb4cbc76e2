package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBuild(t *testing.T) {
	files, err := Build("..")
	require.NoError(t, err)

	for _, name := range []string{"home", "publish", "watch", "embed", "echo", "frames", "room", "dashboard", "logs", "links", "recordings"} {
		page := string(files["pages/"+name+".html"])
		require.NotEmpty(t, page, name)
		for _, ref := range regexp.MustCompile(`(?:src|href|data-[a-z]+)="/(assets/[^"]*)"`).FindAllStringSubmatch(page, -1) {
			require.Contains(t, files, ref[1], "%s refers to it", name)
		}
	}
	hashed := regexp.MustCompile(`^assets/[a-z0-9_.-]+-[A-Z0-9]{8}\.(js|css|svg|png|json|bin|wasm)$`)
	for name := range files {
		require.Truef(t, hashed.MatchString(name) || filepath.Dir(name) == "pages" || filepath.Dir(name) == "player", "%s has no hash in its name", name)
	}
}

// <sluice-player> is one script that refers to no other file, and says whose works it contains.
func TestElement(t *testing.T) {
	root, err := filepath.Abs("..")
	require.NoError(t, err)
	files, err := buildElement(root)
	require.NoError(t, err)
	require.Len(t, files, 2, "pages of other sites cannot load what the script would load in turn")
	require.Contains(t, string(files[elementScript]), `"sluice-player"`)
	for _, name := range []string{"dashjs", "hls.js", "media-chrome"} {
		require.Contains(t, string(files[elementNotices]), "\n== "+name+" ")
	}
	require.NotContains(t, string(files[elementNotices]), "face-api")
}

// What npm packs of it is what the manifest says, and what prepack copies.
func TestElementPackage(t *testing.T) {
	body, err := os.ReadFile("../sluice-player/package.json")
	require.NoError(t, err)
	var manifest struct {
		Main, Exports string
		Files         []string
		Scripts       map[string]string
		Dependencies  map[string]string
	}
	require.NoError(t, json.Unmarshal(body, &manifest))
	require.Equal(t, "./"+manifest.Main, manifest.Exports)
	require.Empty(t, manifest.Dependencies, "it has all in it")
	require.ElementsMatch(t, []string{filepath.Base(elementScript), filepath.Base(elementNotices)}, manifest.Files)
	require.Equal(t, "cp ../dist/"+elementScript+" ../dist/"+elementNotices+" ../../LICENSE .", manifest.Scripts["prepack"])
	ignored, err := os.ReadFile("../sluice-player/.gitignore")
	require.NoError(t, err)
	for _, file := range manifest.Files {
		require.Contains(t, string(ignored), file+"\n", "it is made, not kept")
	}
}

func TestBuildWithoutPackages(t *testing.T) {
	_, err := Build(t.TempDir())
	require.ErrorContains(t, err, "npm ci --prefix")
}

func TestWriteReplacesAnOldBundle(t *testing.T) {
	dir := t.TempDir()
	keep := filepath.Join(dir, "dist", ".gitignore")
	require.NoError(t, write(dir, map[string][]byte{"assets/old.js": []byte("old")}))
	require.NoError(t, os.WriteFile(keep, []byte("*\n"), 0o644))
	require.NoError(t, write(dir, map[string][]byte{"assets/new.js": []byte("new"), "pages/home.html": []byte("page")}))

	require.FileExists(t, keep)
	require.NoFileExists(t, filepath.Join(dir, "dist", "assets", "old.js"))
	packed, err := os.ReadFile(filepath.Join(dir, "dist", "assets", "new.js.gz"))
	require.NoError(t, err)
	r, err := gzip.NewReader(bytes.NewReader(packed))
	require.NoError(t, err)
	body, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, "new", string(body))
}

// TestPackages keeps builds repeatable: exact versions, and a lock file that names no registry.
func TestPackages(t *testing.T) {
	body, err := os.ReadFile("../package.json")
	require.NoError(t, err)
	var manifest struct{ Dependencies, DevDependencies map[string]string }
	require.NoError(t, json.Unmarshal(body, &manifest))
	for _, set := range []map[string]string{manifest.Dependencies, manifest.DevDependencies} {
		require.NotEmpty(t, set)
		for name, version := range set {
			require.Regexp(t, `^\d+\.\d+\.\d+$`, version, name)
		}
	}
	lock, err := os.ReadFile("../package-lock.json")
	require.NoError(t, err)
	require.NotContains(t, string(lock), `"resolved"`)
}
