package offertest

import (
	"embed"
	"path"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

//go:embed offers
var offers embed.FS

// Offer is an offer as a client sends it; edits are pairs of what to replace and what by.
func Offer(t testing.TB, name string, edits ...string) string {
	t.Helper()
	b, err := offers.ReadFile(path.Join("offers", name+".sdp"))
	require.NoError(t, err)
	for i := 0; i < len(edits); i += 2 {
		require.Contains(t, string(b), edits[i], "the edit has nothing to replace")
	}
	return strings.NewReplacer(edits...).Replace(string(b))
}

// All are the offers of all clients.
func All(t testing.TB) (all []string) {
	t.Helper()
	files, err := offers.ReadDir("offers")
	require.NoError(t, err)
	for _, f := range files {
		all = append(all, Offer(t, strings.TrimSuffix(f.Name(), ".sdp")))
	}
	require.NotEmpty(t, all)
	return all
}

// Parts of fragments.
const (
	NewUfrag = "EsAw"
	NewPwd   = "P2uYro0UCOQ4zxjKXaWCBui1"
	OldUfrag = "4Zcd" // of the chromium offer
	OldPwd   = "2/1muCWoOi3uLifh0NuRHlWi"

	HostCandidate = "1 1 udp 2122260223 192.0.2.1 61764 typ host"
)

// Credentials are the lines of a fragment with ICE credentials.
func Credentials(ufrag, pwd string) string {
	return "a=ice-ufrag:" + ufrag + "\r\na=ice-pwd:" + pwd + "\r\n"
}
