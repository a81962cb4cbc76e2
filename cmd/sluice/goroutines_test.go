package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// uncontained lists, by file or directory, the goroutines that contain no panics, and why they need not.
var uncontained = map[string]string{
	"cmd/sluice/main.go":           "it waits for a signal and calls nothing of ours",
	"cmd/sluice/internal/client":   "publish and play are processes of their own: one panic ends one of them, and says where",
	"packager/conformance":         "only tests use it",
	"transcode/sandbox/sandbox.go": "what runs on its thread contains its panics itself",
}

// A panic that nobody contains ends the whole service. So each goroutine of the service, timers too, contains its own: by panics.Go,
// panics.Keep, panics.AfterFunc or Session.Go, or by a function literal that calls Contain, contained or Keep.
func TestGoroutinesContainPanics(t *testing.T) {
	used := map[string]bool{}
	found := 0
	for _, files := range productionFiles(t) {
		groups := waitGroups(files)
		for path, file := range files {
			starts(file.syntax, groups, func(f ast.Expr) {
				found++
				if contains(f) {
					return
				}
				excused := ""
				for where := range uncontained {
					if inTree(path, where) {
						excused = where
					}
				}
				used[excused] = true
				require.NotEmpty(t, excused, "%s: this goroutine contains no panics: see package panics", file.set.Position(f.Pos()))
			})
		}
	}
	require.Greater(t, found, 30)
	for where := range uncontained {
		if !used[where] {
			t.Errorf("%s is excused, and has no goroutine that needs it", where)
		}
	}
}

type sourceFile struct {
	set    *token.FileSet
	syntax *ast.File
}

// productionFiles are those of all packages, by directory and path below the root.
func productionFiles(t *testing.T) map[string]map[string]sourceFile {
	all := map[string]map[string]sourceFile{}
	forEachGoFile(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		relative, err := filepath.Rel(root, path)
		require.NoError(t, err)
		relative = filepath.ToSlash(relative)
		directory := filepath.Dir(relative)
		if all[directory] == nil {
			all[directory] = map[string]sourceFile{}
		}
		all[directory][relative] = sourceFile{set, file}
	})
	return all
}

// waitGroups are the names of a package's variables and fields that are groups of goroutines.
func waitGroups(files map[string]sourceFile) (names []string) {
	isGroup := func(kind ast.Expr) bool {
		if pointer, ok := kind.(*ast.StarExpr); ok {
			kind = pointer.X
		}
		of, ok := kind.(*ast.SelectorExpr)
		return ok && (of.Sel.Name == "WaitGroup" || of.Sel.Name == "Group")
	}
	add := func(idents []*ast.Ident) {
		for _, ident := range idents {
			names = append(names, ident.Name)
		}
	}
	for _, file := range files {
		ast.Inspect(file.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Field:
				if isGroup(n.Type) {
					add(n.Names)
				}
			case *ast.ValueSpec:
				if isGroup(n.Type) {
					add(n.Names)
				}
			case *ast.AssignStmt:
				if call, ok := n.Rhs[0].(*ast.CallExpr); ok && isCall(call, "errgroup", "WithContext") {
					names = append(names, n.Lhs[0].(*ast.Ident).Name)
				}
			}
			return true
		})
	}
	return names
}

// starts calls visit with each function that runs in a goroutine of its own.
func starts(file *ast.File, groups []string, visit func(ast.Expr)) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.GoStmt:
			visit(n.Call.Fun)
		case *ast.CallExpr:
			method, ok := n.Fun.(*ast.SelectorExpr)
			switch {
			case isCall(n, "time", "AfterFunc"):
				visit(n.Args[1])
			case ok && method.Sel.Name == "Go" && slices.Contains(groups, lastName(method.X)):
				visit(n.Args[0])
			}
		}
		return true
	})
}

func lastName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// contains reports whether a function is a literal that contains its panics.
func contains(f ast.Expr) (found bool) {
	literal, ok := f.(*ast.FuncLit)
	if !ok {
		return false
	}
	ast.Inspect(literal.Body, func(n ast.Node) bool {
		if call, ok := n.(*ast.CallExpr); ok {
			found = found || slices.Contains([]string{"Contain", "contained", "Keep"}, lastName(call.Fun))
		}
		return !found
	})
	return found
}
