package access

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// Other rights are in force at once; what lasts and has no right any more is ended, and nothing else.
func TestReplace(t *testing.T) {
	play := func(keys ...config.Secret) (a config.Auth) {
		for _, k := range keys {
			a.Play = append(a.Play, config.StreamKey{Key: k})
		}
		return a
	}
	g := New(play("first-seat", "second-seat"), Secret{}, silent())
	watch := func(token string) (Request, Grant, error) {
		q := Request{Action: Watch, Stream: "studio", Token: token}
		grant, err := g.May(t.Context(), q)
		return q, grant, err
	}
	var ended []string
	hold := func(token string) (release func()) {
		q, grant, err := watch(token)
		require.NoError(t, err)
		return g.Hold(q, grant, func() { ended = append(ended, token) })
	}
	hold("first-seat")
	hold("second-seat")
	hold("second-seat")() // it has ended by itself
	signature := g.Sign("studio", Grant{}.Until)

	n, err := g.Replace(t.Context(), play("first-seat", "second-seat", "third-seat"))
	require.NoError(t, err)
	require.Zero(t, n)
	_, _, err = watch("third-seat")
	require.NoError(t, err)
	require.NoError(t, g.Check("studio", signature), "nobody has lost a right: players go on by the addresses that they have")

	q, late, err := watch("second-seat")
	require.NoError(t, err)
	n, err = g.Replace(t.Context(), play("first-seat"))
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Equal(t, []string{"second-seat"}, ended)
	_, _, err = watch("second-seat")
	require.Equal(t, 401, statusOf(t, err))
	require.Equal(t, 403, statusOf(t, g.Check("studio", signature)), "of an address nobody can say by which key it was given")
	g.Hold(q, late, func() { ended = append(ended, "late") })
	require.Equal(t, []string{"second-seat", "late"}, ended, "it was granted before and held after")
}

// What is decided at the start cannot be replaced, and what is wrong is not: the old rights stay.
func TestReplaceRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "keys.pem")
	require.NoError(t, os.WriteFile(file, []byte("-----BEGIN PUBLIC KEY-----\nbm8=\n-----END PUBLIC KEY-----\n"), 0o600))
	seats := config.Auth{Play: []config.StreamKey{{Key: "first-seat"}}}
	for want, auth := range map[string]config.Auth{
		"whether a key is needed to watch is decided at the start": {},
		"whether a key is needed to publish is decided":            {Play: seats.Play, Publish: []config.StreamKey{{Key: "a-key"}}},
		"no public key of RSA, ECDSA or Ed25519":                   {Play: seats.Play, JWT: config.JWT{Keys: file, Actions: []string{"watch"}}},
		"no such file":                                             {Play: seats.Play, JWT: config.JWT{Keys: file + ".not", Actions: []string{"watch"}}},
	} {
		g := New(seats, Secret{}, silent())
		_, err := g.Replace(t.Context(), auth)
		require.ErrorContains(t, err, want)
		_, err = g.May(t.Context(), Request{Action: Watch, Stream: "studio", Token: "first-seat"})
		require.NoError(t, err)
		_, err = g.May(t.Context(), Request{Action: Watch, Stream: "studio"})
		require.Equal(t, 401, statusOf(t, err))
	}
	require.ErrorContains(t, CheckKeys(config.Auth{JWT: config.JWT{Keys: file}}), "no public key")
	require.NoError(t, CheckKeys(config.Auth{JWT: config.JWT{Keys: "https://login.example.org/jwks.json"}}), "nobody is asked")
}
