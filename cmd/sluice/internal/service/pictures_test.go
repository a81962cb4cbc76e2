package service

import (
	"log/slog"

	"bytes"
	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// What decodes the sound of uploads has no more of this process than what decodes pictures: not its environment, where keys may be.
func TestWhatReadsUploadsIsConfined(t *testing.T) {
	t.Setenv("SLUICE_AUTH_ADMIN", "open-sesame")
	s := &Service{streams: newStreams(nil, nil), audience: newAudience(nil, nil), gate: access.New(config.Auth{}, access.Secret{}, slog.New(slog.DiscardHandler))}
	program := exec.Command("env")
	var out bytes.Buffer
	program.Stdout = &out
	started := false
	require.NoError(t, s.ingestOptions().RunFFmpeg(program, func() { started = true }))
	require.True(t, started)
	require.Contains(t, out.String(), "LANG=C")
	require.NotContains(t, out.String(), "open-sesame")
}
