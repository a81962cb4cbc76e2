package access

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

func pathGate(secret byte, key config.Secret) *Gate {
	return New(config.Auth{Play: []config.StreamKey{{Key: key}}, Interval: 5 * time.Minute}, Secret{secret}, silent())
}

// Viewers whose rights end within an interval share a signature; it is good until then, for its stream and its service.
func TestSignature(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, now := pathGate(1, "seat-key"), time.Now()
		shared := g.Sign("studio", now.Add(2*time.Hour+time.Second))
		require.Equal(t, shared, g.Sign("studio", now.Add(2*time.Hour+5*time.Minute)))
		require.NotEqual(t, shared, g.Sign("studio", now.Add(2*time.Hour+6*time.Minute)))
		forever := g.Sign("studio", time.Time{})
		require.Equal(t, forever, g.Sign("studio", now.Add(1000*time.Hour)))
		brief := g.Sign("studio", now.Add(9*time.Second))
		for _, good := range []string{shared, forever, brief} {
			require.NoError(t, g.Check("studio", good))
			require.Equal(t, 403, statusOf(t, g.Check("other", good)))
			require.Equal(t, 403, statusOf(t, pathGate(2, "seat-key").Check("studio", good)), "of another service")
			require.Equal(t, 403, statusOf(t, pathGate(1, "new-seat-key").Check("studio", good)), "of who has lost the right")
			require.Equal(t, 403, statusOf(t, g.Check("studio", "z"+good)))
		}
		time.Sleep(9 * time.Second)
		require.ErrorContains(t, g.Check("studio", brief), "ended")
		time.Sleep(2*time.Hour + 5*time.Minute)
		require.ErrorContains(t, g.Check("studio", shared), "ended")
		require.NoError(t, g.Check("studio", forever))
		time.Sleep(2 * dayOfPaths)
		require.ErrorContains(t, g.Check("studio", forever), "ended")
	})
}

// No right ends early, and none more than a twelfth of what is left of it later, or an interval.
func TestEndOfInterval(t *testing.T) {
	g, now := pathGate(1, "seat-key"), time.Unix(1_800_000_123, 456)
	for left := time.Second; left < 40*time.Hour; left += left/7 + 13*time.Millisecond {
		over := g.rights.Load().endOf(now.Add(left), now).Sub(now.Add(left))
		require.GreaterOrEqual(t, over, time.Duration(0), left)
		require.LessOrEqual(t, over, min(max(time.Second, left/12), 5*time.Minute), left)
	}
}

func TestLoadSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data", "secret")
	made, err := LoadSecret(file)
	require.NoError(t, err)
	require.NotEqual(t, Secret{}, made)
	again, err := LoadSecret(file)
	require.NoError(t, err)
	require.Equal(t, made, again)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	require.NoError(t, os.WriteFile(file, []byte("short"), 0o600))
	_, err = LoadSecret(file)
	require.ErrorContains(t, err, "delete it")
}

// Nothing but what was signed is good.
func FuzzSignature(f *testing.F) {
	g := pathGate(1, "seat-key")
	good := g.Sign("studio", time.Time{})
	f.Add("studio", good)
	f.Add("studi", "o"+good)
	f.Add("studio", "-")
	f.Add("studio", strings.Repeat("-", 80))
	f.Fuzz(func(t *testing.T, stream, signature string) {
		if g.Check(stream, signature) == nil && (stream != "studio" || signature != good) {
			t.Fatalf("%q is good for %q", signature, stream)
		}
	})
}
