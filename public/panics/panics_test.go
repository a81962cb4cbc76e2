package panics

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

// A panic is logged with where it has happened, counted, and no longer one.
func TestContain(t *testing.T) {
	var logged bytes.Buffer
	log := slog.New(slog.NewTextHandler(&logged, nil))
	before := Count()
	require.NoError(t, Contain(log, "nothing", func() {}))
	require.Empty(t, logged.String())
	err := Contain(log, "a session", func() { panic("lost") })
	require.EqualError(t, err, "a session has failed because of a fault of this server, which its log describes")
	require.Equal(t, "lost", err.(*Error).Value)
	require.Equal(t, before+1, Count())
	require.Contains(t, logged.String(), "lost")
	require.Contains(t, logged.String(), "panics_test.go")
}
