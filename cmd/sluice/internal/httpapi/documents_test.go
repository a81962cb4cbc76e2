package httpapi

import (
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// unwritten are routes that documents need not tell of, and why.
var unwritten = map[string]string{
	"OPTIONS /echo":      "every route answers OPTIONS",
	"GET /live/{stream}": "it only says that there is nothing",
}

// The documents name every route, and no other.
func TestDocumentsHaveTheRoutes(t *testing.T) {
	s := newTestService(t, config.Auth{})
	routes := (&handlers{service: s.Service, cfg: s.cfg}).routes()
	text, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	_, section, found := strings.Cut(string(text), "<!-- routes:begin -->")
	section, _, ended := strings.Cut(section, "<!-- routes:end -->")
	require.True(t, found && ended, "README.md must have its routes between marks")

	written, paths := map[string]bool{}, map[string]bool{}
	for _, code := range regexp.MustCompile("`(?:([A-Z]+) )?(/[^` ?]*)`").FindAllStringSubmatch(section, -1) {
		paths[code[2]] = true
		written[strings.TrimSpace(code[1]+" "+code[2])] = true
		if code[1] == "" {
			continue
		}
		target := regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(code[2], "x")
		_, pattern := routes.Handler(httptest.NewRequest(code[1], target, nil))
		require.NotEmpty(t, pattern, "README.md has %s, which nothing serves", code[0])
	}
	require.Greater(t, len(routes.patterns), 30)
	for _, pattern := range routes.patterns {
		method, path, hasMethod := strings.Cut(strings.TrimSuffix(pattern, "{$}"), " ")
		if !hasMethod {
			method, path = "", method
		}
		known := paths[path] && (method == "" || written[method+" "+path])
		require.True(t, known || unwritten[pattern] != "", "README.md lacks the route %q", pattern)
	}
	for pattern := range unwritten {
		require.Contains(t, routes.patterns, pattern)
	}
}
