package service

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// What decodes the sound of uploads has no more of this process than what decodes pictures: not its environment, where keys may be.
func TestWhatReadsUploadsIsConfined(t *testing.T) {
	t.Setenv("SLUICE_AUTH_ADMIN", "open-sesame")
	s := &Service{streams: newStreams(nil, nil)}
	program := exec.Command("env")
	var out bytes.Buffer
	program.Stdout = &out
	started := false
	require.NoError(t, s.ingestOptions().RunFFmpeg(program, func() { started = true }))
	require.True(t, started)
	require.Contains(t, out.String(), "LANG=C")
	require.NotContains(t, out.String(), "open-sesame")
}
