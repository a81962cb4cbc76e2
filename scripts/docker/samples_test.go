package docker

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const root = "../../"

// instruction is one of a Dockerfile.
type instruction struct{ word, rest string }

// stages reads the Dockerfile: the instructions of each stage, its FROM first.
func stages(t *testing.T) (all [][]instruction) {
	t.Helper()
	content, err := os.ReadFile("Dockerfile")
	require.NoError(t, err)
	text := regexp.MustCompile(`(?m)^#.*\n`).ReplaceAllString(string(content), "")
	text = regexp.MustCompile(`\s*\\\n\s*`).ReplaceAllString(text, " ")
	for line := range strings.Lines(text) {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "":
		case "FROM":
			all = append(all, []instruction{{word, rest}})
		case "RUN", "COPY", "WORKDIR", "USER", "VOLUME", "ENV", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD":
			require.NotEmpty(t, all, line)
			all[len(all)-1] = append(all[len(all)-1], instruction{word, rest})
		default:
			t.Errorf("unknown instruction: %s", line)
		}
	}
	return all
}

func of(stage []instruction, word string) (rests []string) {
	for _, i := range stage {
		if i.word == word {
			rests = append(rests, i.rest)
		}
	}
	return rests
}

// The image is built in a stage of its own, of what is in the repository, runs as nobody in particular, and probes itself.
func TestDockerfile(t *testing.T) {
	all := stages(t)
	require.Len(t, all, 2)
	build, image := all[0], all[1]
	for _, stage := range all {
		require.Regexp(t, `^\w+:[\w.-]+\w( AS \w+)?$`, stage[0].rest, "a base has a tag")
		require.NotContains(t, stage[0].rest, ":latest")
		for _, run := range of(stage, "RUN") {
			if strings.Contains(run, "apt-get install") {
				require.Regexp(t, `^apt-get update && apt-get install -y --no-install-recommends .*&& rm -rf /var/lib/apt/lists/\*`, run)
			}
		}
	}
	version, err := os.ReadFile(root + "go.mod")
	require.NoError(t, err)
	require.Contains(t, string(version), "\ngo "+regexp.MustCompile(`golang:([\d.]+)`).FindStringSubmatch(build[0].rest)[1])
	for _, paths := range of(build, "COPY") {
		words := strings.Fields(paths)
		for _, path := range words[:len(words)-1] {
			_, err := os.Stat(filepath.Join(root, path))
			require.NoError(t, err)
		}
	}
	require.Equal(t, []string{"--from=build /out/sluice /usr/bin/sluice"}, of(image, "COPY"))
	require.Contains(t, strings.Join(of(build, "RUN"), "\n"), "-o /out/sluice ./cmd/sluice")
	require.Regexp(t, `^[1-9]\d*:[1-9]\d*$`, of(image, "USER")[0], "a number, which Kubernetes knows not to be root")
	require.Contains(t, of(image, "HEALTHCHECK")[0], `CMD ["sluice", "ctl", "ready"]`)
	for _, word := range []string{"ENTRYPOINT", "CMD"} {
		var command []string
		require.NoError(t, json.Unmarshal([]byte(of(image, word)[0]), &command), "without a shell, so that SIGTERM reaches it")
	}
}

// The services of compose have what they need: files, volumes, keys, and the ports that the configuration says.
func TestCompose(t *testing.T) {
	type service struct {
		Build                 struct{ Context, Dockerfile string }
		Image, Restart        string
		Environment           map[string]string
		Ports, Volumes, Tmpfs []string
		CapDrop               []string                              `yaml:"cap_drop"`
		SecurityOpt           []string                              `yaml:"security_opt"`
		ReadOnly              bool                                  `yaml:"read_only"`
		StopGracePeriod       string                                `yaml:"stop_grace_period"`
		NetworkMode           string                                `yaml:"network_mode"`
		DependsOn             map[string]struct{ Condition string } `yaml:"depends_on"`
	}
	var compose struct {
		Name     string
		Services map[string]service
		Volumes  map[string]any
	}
	file, err := os.Open("compose.yaml")
	require.NoError(t, err)
	defer file.Close()
	decoder := yaml.NewDecoder(file)
	decoder.KnownFields(true)
	require.NoError(t, decoder.Decode(&compose))
	require.Equal(t, "sluice", compose.Name)
	sluice, nginx := compose.Services["sluice"], compose.Services["nginx"]
	_, err = os.Stat(filepath.Join(sluice.Build.Context, sluice.Build.Dockerfile))
	require.NoError(t, err)
	for variable, ports := range map[string][]string{"SLUICE_ICE_UDP": {"/udp", "/tcp"}, "SLUICE_TURN_LISTEN": {"/udp", "/tcp"}} {
		_, port, _ := strings.Cut(sluice.Environment[variable], ":")
		for _, protocol := range ports {
			require.Contains(t, sluice.Ports, port+":"+port+protocol)
		}
	}
	require.Equal(t, "service:sluice", nginx.NetworkMode, "so that 127.0.0.1:8080 of nginx.conf is Sluice")
	conf, err := os.ReadFile(root + "scripts/nginx.conf")
	require.NoError(t, err)
	require.Contains(t, string(conf), "server "+sluice.Environment["SLUICE_HTTP_LISTEN"]+";")
	require.True(t, slices.ContainsFunc(nginx.Volumes, func(v string) bool { return strings.HasPrefix(v, "../nginx.conf:") }))
	for _, s := range compose.Services {
		for _, volume := range s.Volumes {
			source, _, _ := strings.Cut(volume, ":")
			if _, declared := compose.Volumes[source]; !declared {
				_, err := os.Stat(source)
				require.NoError(t, err)
			}
		}
		for other := range s.DependsOn {
			require.Contains(t, compose.Services, other)
		}
	}
}
