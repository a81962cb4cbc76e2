package systemd

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// systemd knows every line of the units, and finds them consistent.
func TestUnitsAreGood(t *testing.T) {
	units := []string{"sluice.service", "sluice.socket", "sluice-https.socket"}
	directory := t.TempDir()
	args := []string{"verify", "--man=no", "--generators=no"}
	for _, unit := range units {
		content, err := os.ReadFile(unit)
		require.NoError(t, err)
		content = bytes.ReplaceAll(content, []byte("/usr/bin/sluice"), []byte("/bin/true")) // which is there
		require.NoError(t, os.WriteFile(filepath.Join(directory, unit), content, 0o600))
		args = append(args, filepath.Join(directory, unit))
	}
	printed, err := exec.Command("systemd-analyze", args...).CombinedOutput()
	require.NoError(t, err, "%s", printed)
	require.Empty(t, string(printed))
}

// What the service may do is little: systemd's own measure of that, of 10, is 2 at most.
func TestExposure(t *testing.T) {
	printed, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", "./sluice.service").CombinedOutput()
	require.NoError(t, err, "%s", printed)
	found := regexp.MustCompile(`Overall exposure level for sluice\.service: ([0-9.]+)`).FindSubmatch(printed)
	require.NotNil(t, found, "%s", printed)
	exposure, err := strconv.ParseFloat(string(found[1]), 64)
	require.NoError(t, err)
	require.LessOrEqual(t, exposure, 2.0, "%s", printed)
	unit, err := os.ReadFile("sluice.service")
	require.NoError(t, err)
	for _, needed := range []string{"Type=notify", "KillMode=mixed", "OOMPolicy=continue", "landlock_restrict_self", "RestartPreventExitStatus=2", "WatchdogSec="} {
		require.Contains(t, string(unit), needed)
	}
}
