package config

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/golden"
)

// requireRoundTrip checks that what is printed loads as what was printed.
func requireRoundTrip(t *testing.T, l *Loaded) {
	t.Helper()
	printed := l.YAML()
	again := newLoaded()
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
	l, err := parse([]string{
		"--ladder=720p=1280x720@30:2500k,a=640x480@25:160001,b=640x480@25:160001:h265", "--ladder-encoder=auto", "--http-listen=[::1]:0", "--record=false", "--record-keep=25h",
		"--record-max-bytes=1000", "--ice-servers=stun:a.example,stun:b.example", "--http-trusted-proxies=10.0.0.0/8,::1", "--ice-public-ip=192.0.2.1", "--ice-tcp=off",
		"--data=# odd: 'name'", "--log-level=warn", "--window=90m",
	}, []string{"SLUICE_FFMPEG=true"})
	require.NoError(t, err)
	requireRoundTrip(t, l)
	require.Contains(t, l.YAML(), "window: 90m # flag --window\n")
	require.Contains(t, l.YAML(), "ffmpeg: \"true\" # environment SLUICE_FFMPEG\n")
}

func TestPrintConfigMasksKeys(t *testing.T) {
	file := writeConfig(t, "ice: {servers: [{url: 'turn:x', username: u, credential: hush-hush}, {url: 'turn:y', secret: hush-hush}]}")
	l, err := parse([]string{"--config", file, "--auth-publish=hush-hush,cam=hush-hush"}, nil)
	require.NoError(t, err)
	out := l.YAML()
	require.NotContains(t, out, "hush-hush")
	require.Contains(t, out, "- cam=***")
	_, err = load([]string{"--config", writeConfig(t, out)}, nil)
	require.ErrorContains(t, err, "write the key itself")
}

func TestSampleConfigIsTrue(t *testing.T) {
	const file = "../../../../scripts/sluice.sample.yaml"
	golden.Require(t, file, sampleConfig())
	got, err := load([]string{"--config", file}, nil)
	require.NoError(t, err)
	require.Equal(t, Default(), got)
}

// The table of all keys, and README's of those that most people need, are what the program says.
func TestDocumentsHaveTheConfiguration(t *testing.T) {
	requireSection(t, "../../README.md", "config", configTable())
	requireSection(t, "../../../../README.md", "keys", shortConfigTable("http.listen", "https.listen", "ice.public-ip", "data", "ladder", "window",
		"linger", "record", "record.keep", "auth.publish"))
}

// requireSection checks that what stands between the marks of that name in a document is as expected.
func requireSection(t *testing.T, file, name, expected string) {
	t.Helper()
	begin, end := "<!-- "+name+":begin -->\n", "<!-- "+name+":end -->"
	data, err := os.ReadFile(file)
	require.NoError(t, err)
	before, rest, ok := strings.Cut(string(data), begin)
	_, after, ok2 := strings.Cut(rest, end)
	require.True(t, ok && ok2, "%s must have the lines %s and %s", file, begin, end)
	golden.Require(t, file, before+begin+expected+end+after)
}

// sampleConfig returns a configuration file of all keys at their defaults,
// each under its help.
func sampleConfig() string {
	cfg := Default()
	sample := renderYAML(cfg.keys(), func(k key, n *yaml.Node) { n.HeadComment = k.help + " (" + string(k.kind) + ")" })
	for _, name := range []string{"segment", "part"} { // given, they would win over latency
		sample = strings.Replace(sample, "\n"+name+": ", "\n# "+name+": ", 1)
	}
	return "# The configuration of sluice, every key at its default.\n" +
		"# sluice serve --config sluice.sample.yaml\n\n" + sample
}

// configTable is the table of all keys.
func configTable() string {
	cfg := Default()
	var b strings.Builder
	b.WriteString("| key | value | default | meaning |\n|---|---|---|---|\n")
	for _, k := range cfg.keys() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", k.name, k.kind, quoted(k.value.text()), k.help)
	}
	return b.String()
}

// shortConfigTable is the table of some keys.
func shortConfigTable(names ...string) string {
	cfg := Default()
	var b strings.Builder
	b.WriteString("| key | default | meaning |\n|---|---|---|\n")
	for _, k := range cfg.keys() {
		if slices.Contains(names, k.name) {
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", k.name, quoted(k.value.text()), k.help)
		}
	}
	return b.String()
}

// quoted is a value as code, or nothing.
func quoted(value string) string {
	if value == "" {
		return ""
	}
	return "`" + value + "`"
}
