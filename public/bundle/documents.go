package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// manual is one document that the service shows: the page docs, or docs-NAME.
type manual struct {
	Name  string // last part of its address below /docs; "" for /docs itself
	Title string
	file  string // in the repository
}

// manuals are the documents in the order of the table of contents. Those that are not Markdown are shown as they are.
var manuals = []manual{
	{"", "Overview", "README.md"},
	{"sluice", "Configuration, API, operation", "cmd/sluice/README.md"},
	{"ingest", "WHIP, WHEP, rooms, uploads", "ingest/README.md"},
	{"transcode", "ffmpeg, the ladder, passthrough", "transcode/README.md"},
	{"packager", "Playlists and files on disk", "packager/README.md"},
	{"public", "The pages", "public/README.md"},
	{"sluice-player", "The player as an element", "public/sluice-player/README.md"},
	{"scripts", "Deployment, benchmarks, figures", "scripts/README.md"},
	{"nginx.conf", "nginx.conf", "scripts/nginx.conf"},
	{"nginx-cluster.conf", "nginx-cluster.conf", "scripts/nginx-cluster.conf"},
	{"varnish.vcl", "varnish.vcl", "scripts/varnish.vcl"},
	{"Caddyfile", "Caddyfile", "scripts/Caddyfile"},
	{"apache.conf", "apache.conf", "scripts/apache.conf"},
	{"sluice.sample.yaml", "sluice.sample.yaml", "scripts/sluice.sample.yaml"},
	{"LICENSE", "Licence", "LICENSE"},
}

// Path is the address of the document.
func (m manual) Path() string { return strings.TrimSuffix("/docs/"+m.Name, "/") }

// page is the name of its file among the pages.
func (m manual) page() string { return strings.TrimSuffix("docs-"+m.Name, "-") }

// contents is what src/pages/docs.html is rendered with.
type contents struct {
	document
	Current manual
	All     []manual
	Body    template.HTML
}

// renderManuals returns the documents of the repository as pages, and the pictures in them as assets, by their names in dist. A
// link or a picture that leads nowhere is an error.
func renderManuals(repository, src fs.FS, assets map[string]asset) (map[string][]byte, error) {
	files := make(map[string][]byte)
	for _, m := range manuals {
		source, err := fs.ReadFile(repository, m.file)
		if err != nil {
			return nil, fmt.Errorf("read document: %w", err)
		}
		body, err := m.render(source, repository, files)
		if err != nil {
			return nil, fmt.Errorf("render document %s: %w", m.file, err)
		}
		name := "pages/" + m.page() + ".html"
		if files[name], err = renderPage(src, manualPage, contents{document{"docs", assets}, m, manuals, body}); err != nil {
			return nil, fmt.Errorf("document %s: %w", m.file, err)
		}
	}
	return files, nil
}

// render turns a document into HTML and adds the pictures in it to files.
func (m manual) render(source []byte, repository fs.FS, files map[string][]byte) (template.HTML, error) {
	if path.Ext(m.file) != ".md" {
		return template.HTML("<h1>" + m.Title + "</h1>\n<pre><code>" + template.HTMLEscapeString(string(source)) + "</code></pre>"), nil
	}
	md := goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithAutoHeadingID()))
	root := md.Parser().Parse(text.NewReader(source))
	err := ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		var err error
		switch n := n.(type) {
		case *ast.Link:
			n.Destination, err = m.link(string(n.Destination))
		case *ast.Image:
			n.Destination, err = m.picture(string(n.Destination), repository, files)
		}
		return ast.WalkContinue, err
	})
	if err != nil {
		return "", err
	}
	var body bytes.Buffer
	err = md.Renderer().Render(&body, source, root)
	return template.HTML(body.String()), err // goldmark escapes, and leaves raw HTML out
}

// link is the address below /docs of what a document refers to.
func (m manual) link(destination string) ([]byte, error) {
	if strings.Contains(destination, "://") || strings.HasPrefix(destination, "#") {
		return []byte(destination), nil
	}
	file, fragment, found := strings.Cut(destination, "#")
	file = path.Join(path.Dir(m.file), file)
	for _, other := range manuals {
		if other.file != file {
			continue
		}
		if found {
			return []byte(other.Path() + "#" + fragment), nil
		}
		return []byte(other.Path()), nil
	}
	return nil, fmt.Errorf("%q leads to no document: link to one of manuals, or add it there", destination)
}

// picture adds a picture to files and returns its address.
func (m manual) picture(destination string, repository fs.FS, files map[string][]byte) ([]byte, error) {
	name := path.Join(path.Dir(m.file), destination)
	body, err := fs.ReadFile(repository, name)
	if err != nil {
		return nil, fmt.Errorf("read picture: %w", err)
	}
	asset := assetName(path.Base(name), body)
	files[asset] = body
	return []byte("/" + asset), nil
}

// assetName is the name in dist of a file that is called name, with its hash as esbuild writes them.
func assetName(name string, body []byte) string {
	sum, extension := sha256.Sum256(body), path.Ext(name)
	return "assets/" + strings.TrimSuffix(name, extension) + "-" + base32.StdEncoding.EncodeToString(sum[:5]) + extension
}
