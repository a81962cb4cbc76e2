package access

import (
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

func TestKeys(t *testing.T) {
	keys := newKeys([]config.StreamKey{{Stream: "studio", Key: "studio-key"}, {Stream: "", Key: "every-key"}, {Stream: "hall", Key: "shared-key"}, {Stream: "yard", Key: "shared-key"}})
	for _, tc := range []struct {
		key, stream    string
		known, allowed bool
	}{
		{"studio-key", "studio", true, true},
		{"studio-key", "other", true, false},
		{"studio-key", "", true, true},
		{"every-key", "studio", true, true},
		{"every-key", "other", true, true},
		{"shared-key", "hall", true, true},
		{"shared-key", "yard", true, true},
		{"shared-key", "studio", true, false},
		{"", "studio", false, false},
		{"studio-ke", "studio", false, false},
		{"studio-key ", "studio", false, false},
		{"STUDIO-KEY", "studio", false, false},
	} {
		known, allowed := keys.admit(tc.stream, tc.key)
		require.Equal(t, []bool{tc.known, tc.allowed}, []bool{known, allowed}, "%+v", tc)
	}
}

func TestToken(t *testing.T) {
	for header, want := range map[string]string{
		"Bearer studio-key":    "studio-key",
		"bearer studio-key":    "studio-key",
		"BEARER  studio-key ":  "studio-key",
		"Bearer":               "",
		"Bearer ":              "",
		"":                     "",
		"studio-key":           "",
		"Basic studio-key":     "",
		"Bearerstudio-key":     "",
		"Bearer\tstudio-key":   "",
		"Bearer studio key":    "studio key",
		"Bearer Bearer studio": "Bearer studio",
	} {
		r := httptest.NewRequest("POST", "/whip/a", nil)
		r.Header.Set("Authorization", header)
		require.Equal(t, want, Token(r), "%q", header)
	}
}
