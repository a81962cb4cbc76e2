package main

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
)

// The templates that pages are made with; the other files of src/pages but manualPage are one page each.
const (
	layout = "layout.html"
	icons  = "icons.html"
	dialog = "dialog.html"

	manualPage = "docs.html" // for each of the documents
)

// document is what layout.html is rendered with.
type document struct {
	Name   string // of the page: home, publish, …
	Assets map[string]asset
}

// Asset returns the path of the entry called name in src.
func (d document) Asset(name string) (string, error) {
	a, ok := d.Assets[name]
	if !ok {
		return "", fmt.Errorf("no entry %q in the bundle", name)
	}
	return a.Path, nil
}

// Script is the page's own script.
func (d document) Script() asset { return d.Assets[d.Name+".ts"] }

// renderPages returns the pages of src by their names.
func renderPages(src fs.FS, assets map[string]asset) (map[string][]byte, error) {
	names, err := fs.Glob(src, "*.html")
	if err != nil {
		return nil, err
	}
	pages := make(map[string][]byte)
	for _, file := range names {
		if file == layout || file == icons || file == dialog || file == manualPage {
			continue
		}
		tmpl, err := template.ParseFS(src, layout, icons, dialog, file)
		if err != nil {
			return nil, fmt.Errorf("parse page %s: %w", file, err)
		}
		name := strings.TrimSuffix(file, path.Ext(file))
		var body bytes.Buffer
		if err := tmpl.Execute(&body, document{name, assets}); err != nil {
			return nil, fmt.Errorf("render page %s: %w", file, err)
		}
		pages[name] = body.Bytes()
	}
	return pages, nil
}
