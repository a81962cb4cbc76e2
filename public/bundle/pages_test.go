package main

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// element is one start tag of a page.
type element struct {
	name string
	attr map[string]string
	text string // what is written inside it, its children's text too
}

func TestPagesAreAccessible(t *testing.T) {
	assets := make(map[string]asset)
	for _, name := range entries {
		assets[path.Base(name)] = asset{Path: "/assets/" + path.Base(name), Preload: []string{"/assets/chunk.js"}}
	}
	pages, err := renderPages(os.DirFS("../src/pages"), assets)
	require.NoError(t, err)
	require.Equal(t, 11, len(pages))
	titles := make(map[string]string)
	for name, body := range pages {
		t.Run(name, func(t *testing.T) {
			all := parse(t, body)
			title := one(t, all, "title").text
			require.Empty(t, titles[title], "two pages are called %q", title)
			titles[title] = name
			require.Contains(t, title, "Sluice")
			require.Equal(t, "en", one(t, all, "html").attr["lang"])
			require.NotEmpty(t, one(t, all, "h1").text)
			checkLabels(t, all)
			checkPolicy(t, all)
		})
	}
}

// checkLabels wants a name for everything that can be used, as a screen reader reads it.
func checkLabels(t *testing.T, all []element) {
	labelled, ids := make(map[string]bool), make(map[string]bool)
	for _, e := range all {
		labelled[e.attr["for"]] = e.name == "label" && strings.TrimSpace(e.text) != ""
		id := e.attr["id"]
		require.False(t, id != "" && ids[id], "id %q twice", id)
		ids[id] = true
	}
	inLabel := 0
	for _, e := range all {
		named := e.attr["aria-label"] != "" || strings.TrimSpace(e.text) != ""
		switch e.name {
		case "label":
			if e.attr["for"] == "" {
				inLabel++ // it wraps the input that comes next
			}
		case "button", "a":
			require.Truef(t, named || strings.HasSuffix(e.attr["id"], "-link"), "%s %v has no name", e.name, e.attr)
		case "input", "select", "textarea":
			wrapped := e.attr["type"] == "checkbox" || e.attr["type"] == "radio"
			require.Truef(t, labelled[e.attr["id"]] || wrapped && inLabel > 0, "%s %v has no label", e.name, e.attr)
			if wrapped {
				inLabel--
			}
		case "section", "nav", "dialog", "fieldset":
			by := e.attr["aria-labelledby"]
			require.Truef(t, by == "" || ids[by] || strings.Contains(by, "-title"), "%s is labelled by %q, which is not there", e.name, by)
		}
	}
}

// checkPolicy refuses what the content policy would block: inline scripts, styles and handlers, other origins.
func checkPolicy(t *testing.T, all []element) {
	for _, e := range all {
		if e.name == "script" {
			require.NotEmpty(t, e.attr["src"])
			require.Empty(t, strings.TrimSpace(e.text))
		}
		require.NotEqual(t, "style", e.name)
		for name, value := range e.attr {
			require.Falsef(t, name == "style" || strings.HasPrefix(name, "on"), "%s has %s", e.name, name)
			if name == "src" || name == "href" {
				require.Truef(t, strings.HasPrefix(value, "/") || strings.HasPrefix(value, "#"), "%s leads to %s", e.name, value)
			}
		}
	}
}

func one(t *testing.T, all []element, name string) element {
	var found []element
	for _, e := range all {
		if e.name == name {
			found = append(found, e)
		}
	}
	require.Lenf(t, found, 1, "elements <%s>", name)
	return found[0]
}

// parse lists a page's elements in the order of their start tags; it also fails where tags are not closed.
func parse(t *testing.T, body []byte) []element {
	d := xml.NewDecoder(bytes.NewReader(body))
	d.Strict, d.AutoClose, d.Entity = false, xml.HTMLAutoClose, xml.HTMLEntity
	var all []element
	var open []int
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			attr := make(map[string]string)
			for _, a := range token.Attr {
				attr[a.Name.Local] = a.Value
			}
			open = append(open, len(all))
			all = append(all, element{name: token.Name.Local, attr: attr})
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			for _, i := range open {
				all[i].text += string(token)
			}
		}
	}
}
