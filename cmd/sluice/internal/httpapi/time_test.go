package httpapi

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

func TestTime(t *testing.T) {
	handler := newTestService(t, config.Auth{}).handler
	before := time.Now().Truncate(time.Millisecond)
	answer := ask(handler, "GET", "/time")
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`, answer.Body.String())
	told, err := time.Parse(time.RFC3339, answer.Body.String())
	require.NoError(t, err)
	require.WithinRange(t, told, before, time.Now())
}
