package access

import (
	"os"
	"path/filepath"
	"strings"
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
	for _, k := range g.Ring().Keys() {
		require.Equal(t, k.ID == made.ID, !k.LastUsed.IsZero(), "it is known after a restart that %s alone was used", made.ID)
	}

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

}

// A file that is damaged or of something else is refused in words; nothing of it is lost.
func TestDamagedRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	for _, text := range []string{"", "{", "[]", `{"keys":[null]}`, `{"keys":[{"actions":["publish"],"stream":"a","digest":"00"}]}`, `{"keys":[]}{`, "{\"keys\":[" + strings.Repeat("null,", maxKeys) + "null]}"} {
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		_, err := LoadRing(path)
		require.ErrorContains(t, err, path+" cannot be read: put a copy of it back", text)
		left, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Equal(t, text, string(left))
	}
}

// A key of the configuration is good although it begins like those that are made; a token in a note's place does not reach a terminal.
func TestRingBesideOthers(t *testing.T) {
	ring, err := LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	require.NoError(t, err)
	lookalike := keyHead + strings.Repeat("A", tokenText)
	g := New(config.Auth{Publish: []config.StreamKey{{Key: keyHead + "of-the-studio"}, {Key: config.Secret(lookalike)}}}, Secret{1}, silent())
	g.UseRing(ring, false)
	for _, token := range []string{keyHead + "of-the-studio", lookalike} {
		_, err = g.May(t.Context(), Request{Action: Publish, Stream: "studio", Token: token})
		require.NoError(t, err)
	}
	for _, note := range []string{"\u009b31m", "a\u2028b", "\u202egpj", "a\x00"} {
		_, _, err := ring.Make(Key{Actions: []Action{Watch}, Stream: "*", Note: note})
		require.ErrorIs(t, err, ErrBadKey, "%q", note)
	}
}

// Where there are as many as there may be, those that have expired make room. What cannot be written has not happened.
func TestFullRing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.json")
	ring, err := LoadRing(path)
	require.NoError(t, err)
	of := Key{Actions: []Action{Watch}, Stream: "*"}
	made, token, err := ring.Make(of)
	require.NoError(t, err)
	with := ring.state.Load().copy()
	for i := range maxKeys - 1 {
		with.keys[[32]byte{1, byte(i), byte(i >> 8)}] = &ringKey{Key: of}
	}
	ring.state.Store(with)
	_, _, err = ring.Make(of)
	require.ErrorIs(t, err, ErrManyKeys)
	with.keys[[32]byte{1}].Expires = time.Now().Add(-time.Second)
	_, _, err = ring.Make(of)
	require.NoError(t, err)
	require.Len(t, ring.Keys(), maxKeys)

	require.NoError(t, os.Remove(path))
	require.NoError(t, os.MkdirAll(filepath.Join(path, "in the way"), 0o700))
	_, err = ring.revoke(made.ID)
	require.ErrorContains(t, err, "write the keys")
	_, why := ring.may(Request{Action: Watch, Stream: "a", Token: token})
	require.Nil(t, why)
	require.Equal(t, pathsPurpose, ring.purpose())
}

// Who uses keys never waits for the disk on which another one is written.
func TestRingDoesNotWait(t *testing.T) {
	ring, err := LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	require.NoError(t, err)
	_, token, err := ring.Make(Key{Actions: []Action{Watch}, Stream: "*"})
	require.NoError(t, err)
	ring.writing.Lock() // as while the disk is slow
	defer ring.writing.Unlock()
	_, why := ring.may(Request{Action: Watch, Stream: "a", Token: token})
	require.Nil(t, why)
	require.Len(t, ring.Keys(), 1)
	require.Equal(t, pathsPurpose, ring.purpose())
}
