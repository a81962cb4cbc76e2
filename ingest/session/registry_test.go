package session

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestClientOf(t *testing.T) {
	for remote, want := range map[string]string{
		"192.0.2.1:5":          "192.0.2.1/32",
		"[::ffff:192.0.2.1]:5": "192.0.2.1/32",
		"[2001:db8::1:2]:5":    "2001:db8::/64",
		"[fe80::1%eth0]:5":     "fe80::/64",
		"@":                    Client{}.String(),
		"":                     Client{}.String(),
	} {
		require.Equal(t, want, ClientOf(&http.Request{RemoteAddr: remote}).String(), remote)
	}
}
