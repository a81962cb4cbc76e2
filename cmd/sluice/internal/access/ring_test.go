package access

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// A key is good until it is revoked or has expired, over a restart too. Revoking it ends what it has opened, and nothing else; its token is on
// no disk.
func TestRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	gateOf := func() *Gate {
		ring, err := LoadRing(path)
		require.NoError(t, err)
		g := New(config.Auth{Required: []string{"watch"}, Publish: []config.StreamKey{{Key: "static-key"}}}, Secret{1}, silent())
		g.UseRing(ring, false)
		return g
	}
	g := gateOf()
	require.False(t, g.Open(Watch))
	ends := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	made, token, err := g.Ring().Make(Key{Actions: []Action{Publish}, Stream: "studio", Note: "OBS", Expires: ends})
	require.NoError(t, err)
	other, otherToken, err := g.Ring().Make(Key{Actions: []Action{Metrics, Metrics}, Stream: "*"})
	require.NoError(t, err)
	require.Equal(t, []Action{Metrics}, other.Actions)
	for _, bad := range []Key{
		{Stream: "studio"}, {Actions: []Action{"steal"}, Stream: "studio"}, {Actions: []Action{Watch}}, {Actions: []Action{Watch}, Stream: "../x"},
		{Actions: []Action{Watch}, Stream: "studio", Expires: time.Now().Add(-time.Second)}, {Actions: []Action{Watch}, Stream: "studio", Note: "two\nlines"},
	} {
		_, _, err := g.Ring().Make(bad)
		require.ErrorIs(t, err, ErrBadKey)
	}
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NotContains(t, string(text), token)
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())

	q := Request{Action: Publish, Stream: "studio", Token: token}
	grant, err := g.May(t.Context(), q)
	require.NoError(t, err)
	require.Equal(t, made.ID, grant.Key)
	require.Equal(t, ends, grant.Until)
	require.NoError(t, g.Ring().Save())
	g = gateOf()
	require.False(t, g.Ring().Keys()[0].LastUsed.IsZero(), "it is known after a restart")

	var ended []string
	for _, token := range []string{token, "static-key"} {
		q.Token = token
		grant, err := g.May(t.Context(), q)
		require.NoError(t, err)
		g.Hold(q, grant, func() { ended = append(ended, token) })
	}
	signature := g.Sign("studio", time.Time{})
	_, err = g.Revoke(t.Context(), other.ID)
	require.NoError(t, err)
	require.NoError(t, g.Check("studio", signature), "nobody has lost a right to watch")
	n, err := g.Revoke(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []string{token}, ended)
	require.Equal(t, 403, statusOf(t, g.Check("studio", signature)))
	_, err = g.Revoke(t.Context(), made.ID)
	require.ErrorIs(t, err, ErrNoKey)
	signature = g.Sign("studio", time.Time{})
	g = gateOf()
	require.NoError(t, g.Check("studio", signature), "a restart signs as before")
	for _, token := range []string{token, otherToken} {
		_, err := g.May(t.Context(), Request{Action: Publish, Stream: "studio", Token: token})
		require.Equal(t, 401, statusOf(t, err))
	}

	require.NoError(t, os.WriteFile(path, []byte("{"), 0o600))
	_, err = LoadRing(path)
	require.Error(t, err)
}
