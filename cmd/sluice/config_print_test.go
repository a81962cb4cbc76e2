package main

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// requireRoundTrip checks that what is printed loads as what was printed.
func requireRoundTrip(t *testing.T, l *loader) {
	t.Helper()
	printed := l.printConfig()
	again := newLoader()
	var document yaml.Node
	require.NoError(t, yaml.Unmarshal([]byte(printed), &document))
	again.loadNode("printed", "", document.Content[0])
	if strings.Contains(printed, masked) {
		return // keys cannot be fed back
	}
	require.NoError(t, again.err(), printed)
	for i, k := range l.keys {
		require.Equal(t, k.value.text(), again.keys[i].value.text(), "%s in\n%s", k.name, printed)
	}
}

func TestPrintConfigRoundTrip(t *testing.T) {
	l := newLoader()
	flags, err := parseServeFlags([]string{
		"--ladder=720p=1280x720@30:2500k,a=640x480@25:16001", "--http-listen=[::1]:0", "--record=false", "--record-keep=25h",
		"--record-max-bytes=1000", "--ice-servers=stun:a.example,stun:b.example", "--ice-public-ip=192.0.2.1", "--ice-tcp=off",
		"--data=# odd: 'name'", "--log-level=warn", "--window=90m",
	})
	require.NoError(t, err)
	l.load(flags, []string{"SLUICE_FFMPEG=true"})
	require.NoError(t, l.err())
	requireRoundTrip(t, l)
	require.Contains(t, l.printConfig(), "window: 90m # flag --window\n")
	require.Contains(t, l.printConfig(), "ffmpeg: \"true\" # environment SLUICE_FFMPEG\n")
}

func TestPrintConfigMasksKeys(t *testing.T) {
	var out, errs strings.Builder
	file := writeConfig(t, "ice: {servers: [{url: 'turn:x', username: u, credential: hush-hush}]}")
	status := Main(t.Context(), []string{"--print-config", "--config", file, "--auth-publish=hush-hush,cam=hush-hush"}, nil, &out, &errs)
	require.Equal(t, exitDone, status, errs.String())
	require.NotContains(t, out.String(), "hush-hush")
	require.Contains(t, out.String(), "- cam=***")
	_, err := LoadConfig([]string{"--config", writeConfig(t, out.String())}, nil)
	require.ErrorContains(t, err, "write the key itself")
}

func TestSampleConfigIsTrue(t *testing.T) {
	const file = "../../scripts/sluice.sample.yaml"
	requireGolden(t, file, sampleConfig())
	got, err := LoadConfig([]string{"--config", file}, nil)
	require.NoError(t, err)
	require.Equal(t, DefaultConfig(), got)
}

func TestReadmeHasTheConfigTable(t *testing.T) {
	const file, begin, end = "../../README.md", "<!-- config:begin -->\n", "<!-- config:end -->"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	require.True(t, ok && ok2, "README.md must have the lines %s and %s", begin, end)
	requireGolden(t, file, before+begin+configTable()+end+after)
}

// sampleConfig returns a configuration file of all keys at their defaults,
// each under its help.
func sampleConfig() string {
	cfg := DefaultConfig()
	return "# The configuration of sluice, every key at its default.\n" +
		"# sluice serve --config sluice.sample.yaml\n\n" +
		renderYAML(cfg.keys(), func(k key, n *yaml.Node) { n.HeadComment = k.help + " (" + string(k.kind) + ")" })
}

// configTable returns the keys as README's table.
func configTable() string {
	cfg := DefaultConfig()
	var b strings.Builder
	b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, k := range cfg.keys() {
		byDefault := ""
		if v := k.value.text(); v != "" {
			byDefault = "`" + v + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.name, k.kind, byDefault, k.help)
	}
	return b.String()
}
