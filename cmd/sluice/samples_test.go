package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
)

// The configurations that come with the packages are taken by the service, with what they have in comments too.
func TestConfigurationsOfSamples(t *testing.T) {
	read := func(name string) string {
		content, err := os.ReadFile(filepath.Join(root, "scripts", name))
		require.NoError(t, err)
		return string(content)
	}
	file := func(content string) []string {
		name := filepath.Join(t.TempDir(), "sluice.yaml")
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
		return []string{"--config", name}
	}
	debian := read("debian/sluice.yaml")
	uncommented := strings.ReplaceAll(regexp.MustCompile(`(?m)^# ( *[a-z-]+:(?: .*)?)$`).ReplaceAllString(debian, "$1"), "ADDRESS", "203.0.113.7")
	require.Contains(t, uncommented, "\nauth:\n  publish: [CHOOSE-A-KEY]\n")
	require.Contains(t, uncommented, "\nice:\n  udp: ")

	alone, secrets := kubernetesObjects(t, read("kubernetes/sluice.yaml"))
	nodes, secretsOfNodes := kubernetesObjects(t, read("kubernetes/cluster.yaml"))
	secretsOfNodes = append(secretsOfNodes, "SLUICE_CLUSTER_NODE=sluice-0", "SLUICE_CLUSTER_URL=http://sluice-0.sluice-nodes:8080")

	var compose struct {
		Services map[string]struct{ Environment map[string]string }
	}
	require.NoError(t, yaml.Unmarshal([]byte(read("docker/compose.yaml")), &compose))
	image := strings.Fields(strings.TrimPrefix(regexp.MustCompile(`(?m)^ENV .*$`).FindString(read("docker/Dockerfile")), "ENV "))
	require.NotEmpty(t, image)
	composed := image
	given := strings.NewReplacer("${PUBLISH_KEY:?the key with which one may publish}", "front-door-key", "${PUBLIC_IP:?the address at which browsers reach this machine}", "203.0.113.7")
	for name, value := range compose.Services["sluice"].Environment {
		composed = append(composed, name+"="+given.Replace(value))
	}

	for name, tc := range map[string]struct{ args, environ, want []string }{
		"debian":              {args: file(debian), want: []string{"data: /var/lib/sluice # file"}},
		"debian, with it all": {file(uncommented), []string{"SLUICE_HTTPS_LISTEN=:443"}, []string{"cert: /etc/sluice/cert.pem", "- 203.0.113.7"}},
		"kubernetes":          {file(alone), secrets, []string{"data: /data # file"}},
		"kubernetes, cluster": {file(nodes), secretsOfNodes, []string{"- http://etcd.sluice:2379", "node: sluice-0 # environment"}},
		"docker":              {nil, append(image, "SLUICE_AUTH_PUBLISH=front-door-key"), []string{"data: /data # environment"}},
		"compose":             {nil, composed, []string{"listen: 0.0.0.0:3478 # environment", "- 203.0.113.7"}},
	} {
		t.Run(name, func(t *testing.T) {
			var out, errs strings.Builder
			require.Equal(t, exit.Done, Main(t.Context(), append([]string{"serve", "--print-config"}, tc.args...), tc.environ, &out, &errs), errs.String())
			for _, want := range tc.want {
				require.Contains(t, out.String(), want)
			}
		})
	}
}

// kubernetesObjects are the configuration, and the environment of secrets, of a manifest.
func kubernetesObjects(t *testing.T, manifest string) (configuration string, environ []string) {
	t.Helper()
	for objects := yaml.NewDecoder(strings.NewReader(manifest)); ; {
		var object struct {
			Data       map[string]string
			StringData map[string]string `yaml:"stringData"`
		}
		err := objects.Decode(&object)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		configuration += object.Data["sluice.yaml"]
		for name, value := range object.StringData {
			environ = append(environ, name+"="+value)
		}
	}
	require.NotEmpty(t, configuration)
	return configuration, environ
}
