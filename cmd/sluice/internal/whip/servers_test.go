package whip

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestServersOf(t *testing.T) {
	for name, tc := range map[string]struct {
		links []string
		want  []Server
	}{
		"nothing":  {nil, nil},
		"one":      {[]string{`<stun:stun.example.org:3478>; rel="ice-server"`}, []Server{{URL: "stun:stun.example.org:3478"}}},
		"turn":     {[]string{`<turn:t.example.org?transport=udp>; rel=ice-server; username="17:a,b"; credential="p\"w;"; credential-type="password"`}, []Server{{"turn:t.example.org?transport=udp", "17:a,b", `p"w;`}}},
		"several":  {[]string{`<stun:a>; rel="ice-server", <turn:b>;REL="ice-server";username=u;credential=c`, `<turns:c>;rel=ice-server`}, []Server{{URL: "stun:a"}, {"turn:b", "u", "c"}, {URL: "turns:c"}}},
		"others":   {[]string{`</events>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="layers", <https://x>; rel="ice-server"`}, nil},
		"not one":  {[]string{`stun:a; rel=ice-server`, `<stun:a`, `<stun:a>; rel`, `<stun:>; rel=ice-server`, `<stun:a>; rel="ice`}, nil},
		"no value": {[]string{`<stun:a>; x; rel=ice-server`}, []Server{{URL: "stun:a"}}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, tc.want, serversOf(http.Header{"Link": tc.links}))
		})
	}
}

func FuzzServersOf(f *testing.F) {
	f.Add(`<turn:t.example.org?transport=udp>; rel=ice-server; username="17:a,b"; credential="p\"w;", <stun:a>;rel="ice-server"`)
	f.Fuzz(func(t *testing.T, value string) {
		for _, s := range serversOf(http.Header{"Link": {value, value}}) {
			require.True(t, isICE(s.URL))
		}
	})
}
