package main

import (
	"bytes"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The templates that all pages are made with.
const (
	layout = "layout.html"
	icons  = "icons.html"
	dialog = "dialog.html"
	fields = "effects.html"
)

// The templates of pages that show more than a document; the other files of src/pages are one page each.
const (
	manualPage   = "docs.html" // for each of the documents
	licensesPage = "licenses.html"
)

// embedPage is the one page that has no frame: it is shown in those of others.
const embedPage = "embed.html"

// notPages are the files of src/pages that renderPages leaves to others.
var notPages = []string{layout, icons, dialog, fields, manualPage, licensesPage}

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
		if slices.Contains(notPages, file) {
			continue
		}
		name := strings.TrimSuffix(file, path.Ext(file))
		if pages[name], err = renderPage(src, file, document{name, assets}); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

// renderPage returns the page in file inside the frame of all pages: head, navigation and footer. The data is a document, or embeds one.
func renderPage(src fs.FS, file string, data any) ([]byte, error) {
	tmpl, err := template.ParseFS(src, layout, icons, dialog, fields, file)
	if err != nil {
		return nil, fmt.Errorf("parse page %s: %w", file, err)
	}
	frame := layout
	if file == embedPage {
		frame = file
	}
	var body bytes.Buffer
	if err := tmpl.ExecuteTemplate(&body, frame, data); err != nil {
		return nil, fmt.Errorf("render page %s: %w", file, err)
	}
	return body.Bytes(), nil
}
