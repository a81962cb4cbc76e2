package config

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// What is shown of targets has no more of their URLs than which streams go there.
func TestForwardIsMasked(t *testing.T) {
	l, err := parse([]string{"--config=" + writeConfig(t, "forward: ['rtmp://a/b/stream-key', 'cam=rtmp://a/b/stream-key', {url: 'http://a/b/stream-key', streams: 'x*', token: the-token, name: mine}]")}, nil)
	require.NoError(t, err)
	require.Subset(t, l.Secrets(), []string{"stream-key", "the-token"})
	var b string
	for _, k := range l.keys {
		if k.name == "forward" {
			b = renderYAML([]key{k}, func(key, *yaml.Node) {})
		}
	}
	require.Equal(t, "forward:\n  - '***'\n  - cam=***\n  - {url: '***', streams: x*, token: '***', name: mine}\n", b)
}
