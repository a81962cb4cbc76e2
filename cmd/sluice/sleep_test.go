package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Tests wait for what they need, with a limit that only a defect meets: one that sleeps in its place is slow on a fast machine
// and fails on a slow one. Where clocks are simulated (testing/synctest) sleeping is how time passes. What lasts for a while by
// itself, as a fault does or the pause between two packets, is a timer or a ticker that says so.
func TestNoTestSleeps(t *testing.T) {
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && (entry.Name() == "node_modules" || entry.Name() == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		for _, at := range sleeps(file) {
			t.Errorf("%s sleeps: wait for the thing itself", files.Position(at))
		}
		return nil
	})
	require.NoError(t, err)
}

// sleeps finds the calls of time.Sleep outside of what testing/synctest runs.
func sleeps(file *ast.File) (found []token.Pos) {
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		switch {
		case !ok:
			return true
		case isCall(call, "synctest", "Test"):
			return false
		case isCall(call, "time", "Sleep"):
			found = append(found, call.Pos())
		}
		return true
	})
	return found
}

func isCall(call *ast.CallExpr, of, name string) bool {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	from, ok := selector.X.(*ast.Ident)
	return ok && from.Name == of && selector.Sel.Name == name
}
