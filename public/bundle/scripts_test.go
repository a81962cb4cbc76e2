package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/evanw/esbuild/pkg/api"
	"github.com/stretchr/testify/require"
)

// TestTypes checks the types of all scripts, their tests too.
func TestTypes(t *testing.T) {
	tsc := filepath.Join("..", "node_modules", ".bin", "tsc")
	_, err := os.Stat(tsc)
	require.NoError(t, err, "run `npm ci --prefix public` first")
	cmd := exec.Command(tsc, "--noEmit", "--project", "..")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// TestScripts runs the scripts' own tests in node.
func TestScripts(t *testing.T) {
	node, err := exec.LookPath("node")
	require.NoError(t, err, "install Node.js 20 or newer (apt-get install nodejs npm)")
	var files []string
	for name := range sources(t) {
		if strings.HasSuffix(name, ".test.ts") {
			files = append(files, filepath.Join("..", "src", name))
		}
	}
	require.NotEmpty(t, files)
	dir := t.TempDir()
	result := api.Build(api.BuildOptions{
		EntryPoints:  files,
		Outdir:       dir,
		EntryNames:   "[name]",
		OutExtension: map[string]string{".js": ".mjs"},
		Bundle:       true,
		Platform:     api.PlatformNode,
		Format:       api.FormatESModule,
		Sourcemap:    api.SourceMapInline,
		Write:        true,
	})
	require.Empty(t, result.Errors)
	cmd := exec.Command(node, "--enable-source-maps", "--test", dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
