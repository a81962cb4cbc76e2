package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	maxFileLines     = 320
	maxFunctionLines = 60
)

// forEachProductionFile parses the files that are not tests, and not generated.
func forEachProductionFile(t *testing.T, visit func(path string, files *token.FileSet, file *ast.File)) {
	t.Helper()
	forEachGoFile(t, func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		files := token.NewFileSet()
		file, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		require.NoError(t, err)
		if !ast.IsGenerated(file) {
			visit(path, files, file)
		}
	})
}

// A file is about one type, and is read at one sitting.
func TestFileLength(t *testing.T) {
	forEachProductionFile(t, func(path string, files *token.FileSet, file *ast.File) {
		lines := files.File(file.Pos()).LineCount()
		assert.Less(t, lines, maxFileLines, "%s: give what it holds besides its main type a file of its own", path)
	})
}

// A function fits a screen, from its first line to its last.
func TestFunctionLength(t *testing.T) {
	forEachProductionFile(t, func(path string, files *token.FileSet, file *ast.File) {
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			first, last := files.Position(function.Pos()), files.Position(function.End())
			assert.Less(t, last.Line-first.Line+1, maxFunctionLines, "%s:%d: %s: name a step of it and make that a function", path, first.Line, function.Name.Name)
		}
	})
}

// Whoever uses an exported name is told what it does: units, errors, and the section of the specification that it follows.
func TestExportedNamesAreDocumented(t *testing.T) {
	forEachProductionFile(t, func(path string, files *token.FileSet, file *ast.File) {
		for _, name := range undocumented(file) {
			assert.Fail(t, "no doc comment", "%s: say above %s what it is or does", files.Position(name.Pos()), name.Name)
		}
	})
}

// undocumented lists the exported names of a file that have no comment. Several constants or variables may share one; methods of
// unexported types need none, as nobody sees them.
func undocumented(file *ast.File) (names []*ast.Ident) {
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && seen(d.Recv) {
				names = append(names, d.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				names = append(names, undocumentedIn(spec, d.Doc)...)
			}
		}
	}
	return names
}

func undocumentedIn(spec ast.Spec, group *ast.CommentGroup) (names []*ast.Ident) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && group == nil {
			names = append(names, s.Name)
		}
	case *ast.ValueSpec:
		if s.Doc != nil || s.Comment != nil || group != nil {
			return nil
		}
		for _, name := range s.Names {
			if name.IsExported() {
				names = append(names, name)
			}
		}
	}
	return names
}

// seen reports whether a function is one, or a method of an exported type.
func seen(receiver *ast.FieldList) bool {
	if receiver == nil {
		return true
	}
	of := receiver.List[0].Type
	if pointer, ok := of.(*ast.StarExpr); ok {
		of = pointer.X
	}
	if generic, ok := of.(*ast.IndexExpr); ok {
		of = generic.X
	}
	name, ok := of.(*ast.Ident)
	return ok && name.IsExported()
}
