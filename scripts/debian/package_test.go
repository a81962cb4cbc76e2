package debian

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

const root = "../../"

// The package has what its unit starts and reads, all of it is in the repository, and its scripts can be read by a shell.
func TestPackage(t *testing.T) {
	content, err := os.ReadFile("nfpm.yaml")
	require.NoError(t, err)
	var nfpm struct {
		Contents []struct{ Src, Dst, Type string }
		Scripts  map[string]string
	}
	require.NoError(t, yaml.Unmarshal(content, &nfpm))
	installed := map[string]string{}
	for _, c := range nfpm.Contents {
		installed[c.Dst] = c.Type
		if c.Src != "bin/sluice" { // which is built
			_, err := os.Stat(filepath.Join(root, c.Src))
			require.NoError(t, err)
		}
	}
	unit, err := os.ReadFile(root + "scripts/systemd/sluice.service")
	require.NoError(t, err)
	for _, path := range []string{"/usr/bin/sluice", "/etc/sluice/sluice.yaml", "/usr/share/doc/sluice/scripts.md"} {
		require.Contains(t, string(unit), path)
		require.Contains(t, installed, path)
	}
	require.Equal(t, "config", installed["/etc/sluice/sluice.yaml"], "what an operator has changed stays")
	for _, unit := range []string{"sluice.service", "sluice.socket", "sluice-https.socket"} {
		require.Contains(t, installed, "/lib/systemd/system/"+unit)
	}
	require.Len(t, nfpm.Scripts, 3)
	for _, script := range nfpm.Scripts {
		printed, err := exec.Command("sh", "-n", root+script).CombinedOutput()
		require.NoError(t, err, "%s", printed)
		source, err := os.ReadFile(root + script)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(source), "#!/bin/sh\n"))
	}
}
