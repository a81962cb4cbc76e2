package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every suite of scripts/bench is explained at its top and named where one is asked for that there is not; what documents say to run
// is a suite.
func TestSuites(t *testing.T) {
	text, err := os.ReadFile("../bench")
	require.NoError(t, err)
	script := string(text)
	list := regexp.MustCompile(`case "\$suite" in\n\t([a-z |]+)\) ;;`).FindStringSubmatch(script)
	require.NotNil(t, list)
	suites := strings.Split(list[1], " | ")
	require.Contains(t, suites, "players")
	for _, suite := range suites {
		if suite != "all" {
			require.Regexp(t, `(?m)^#   scripts/bench `+suite+`\b`, script)
		}
	}
	require.Contains(t, script, "say "+strings.Join(suites[:len(suites)-1], ", ")+", or nothing for all")

	documents, err := filepath.Glob("../../*/README.md")
	require.NoError(t, err)
	for _, document := range append(documents, "../../README.md") {
		text, err := os.ReadFile(document)
		require.NoError(t, err)
		for _, said := range regexp.MustCompile("`(?:scripts/)?bench ([a-z]+)").FindAllStringSubmatch(string(text), -1) {
			require.True(t, slices.Contains(suites, said[1]), "%s: there is no suite %s", document, said[1])
		}
	}
}
