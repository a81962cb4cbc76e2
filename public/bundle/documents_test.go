package main

import (
	"os"
	"regexp"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// Every document is a page, and what it refers to is there: pages, headings, pictures.
func TestManuals(t *testing.T) {
	files, err := Build("..")
	require.NoError(t, err)
	headings := make(map[string]map[string]bool)
	for _, m := range manuals {
		page := string(files["pages/"+m.page()+".html"])
		require.Contains(t, page, "<h1", m.file)
		headings[m.Path()] = map[string]bool{"": true}
		for _, id := range regexp.MustCompile(`id="([^"]+)"`).FindAllStringSubmatch(page, -1) {
			headings[m.Path()][id[1]] = true
		}
	}
	for _, m := range manuals {
		page := string(files["pages/"+m.page()+".html"])
		for _, link := range regexp.MustCompile(`href="(/docs[^"#]*)?#?([^"]*)"`).FindAllStringSubmatch(page, -1) {
			if link[1] != "" {
				require.True(t, headings[link[1]][link[2]], "%s links to %s", m.file, link[0])
			}
		}
		for _, picture := range regexp.MustCompile(`<img src="/([^"]*)"`).FindAllStringSubmatch(page, -1) {
			require.Contains(t, files, picture[1], m.file)
		}
	}
}

func TestManualWithADeadLink(t *testing.T) {
	_, err := manuals[0].render([]byte("See [that](nowhere.md)."), fstest.MapFS{}, nil)
	require.ErrorContains(t, err, `"nowhere.md" leads to no document`)
	_, err = manuals[0].render([]byte("![that](nowhere.png)"), fstest.MapFS{}, nil)
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestManualIsEscaped(t *testing.T) {
	body, err := manuals[0].render([]byte("a <script>alert(1)</script> & b"), fstest.MapFS{}, nil)
	require.NoError(t, err)
	require.NotContains(t, string(body), "<script>")
	body, err = manual{"x", "x", "x.conf"}.render([]byte("<b>&"), fstest.MapFS{}, nil)
	require.NoError(t, err)
	require.Contains(t, string(body), "&lt;b&gt;&amp;")
}
