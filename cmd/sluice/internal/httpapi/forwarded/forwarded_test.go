package forwarded

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/public/prefix"
)

func proxies(base string, trusted ...string) Proxies {
	p := Proxies{Base: base}
	for _, s := range trusted {
		p.Trusted = append(p.Trusted, netip.MustParsePrefix(s))
	}
	return p
}

// seen is what a handler sees of a request.
type seen struct{ address, host, scheme, prefix, path string }

func believe(p Proxies, r *http.Request) (got seen) {
	p.Believe(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = seen{r.RemoteAddr, r.Host, r.URL.Scheme, prefix.Of(r), r.URL.EscapedPath()}
	})).ServeHTTP(httptest.NewRecorder(), r)
	return got
}

// The client is the right-most address that is not a trusted proxy's, whatever stands to the left of it, and whoever is no trusted proxy may
// say what they like.
func TestClient(t *testing.T) {
	const proxy, stranger = "10.0.0.1:4000", "203.0.113.9:4000"
	for name, tc := range map[string]struct {
		peer    string
		headers [][2]string
		want    string
	}{
		"nothing said":                  {proxy, nil, proxy},
		"a stranger forges":             {stranger, [][2]string{{"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "for=192.0.2.1"}}, stranger},
		"one proxy":                     {proxy, [][2]string{{"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1:0"},
		"with a port":                   {proxy, [][2]string{{"X-Forwarded-For", "192.0.2.1:999"}}, "192.0.2.1:999"},
		"what the client says before":   {proxy, [][2]string{{"X-Forwarded-For", "198.51.100.1, 192.0.2.1"}}, "192.0.2.1:0"},
		"two lines":                     {proxy, [][2]string{{"X-Forwarded-For", "198.51.100.1"}, {"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1:0"},
		"a chain of trusted ones":       {proxy, [][2]string{{"X-Forwarded-For", "6.6.6.6, 192.0.2.1, 10.9.9.9,10.0.0.7"}}, "192.0.2.1:0"},
		"only trusted ones":             {proxy, [][2]string{{"X-Forwarded-For", "10.1.1.1, 10.0.0.7"}}, "10.1.1.1:0"},
		"cannot be read":                {proxy, [][2]string{{"X-Forwarded-For", "192.0.2.1, nonsense"}}, proxy},
		"cannot be read behind":         {proxy, [][2]string{{"X-Forwarded-For", "nonsense, 10.0.0.7"}}, "10.0.0.7:0"},
		"IPv6":                          {proxy, [][2]string{{"X-Forwarded-For", "2001:db8::1"}}, "[2001:db8::1]:0"},
		"IPv6 in brackets":              {proxy, [][2]string{{"X-Forwarded-For", "[2001:db8::1]"}}, "[2001:db8::1]:0"},
		"IPv6 with a port":              {proxy, [][2]string{{"X-Forwarded-For", "[2001:db8::1]:5"}}, "[2001:db8::1]:5"},
		"IPv4 in IPv6":                  {proxy, [][2]string{{"X-Forwarded-For", "::ffff:192.0.2.1"}}, "192.0.2.1:0"},
		"proxy as IPv4 in IPv6":         {"[::ffff:10.0.0.1]:4000", [][2]string{{"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1:0"},
		"proxy over IPv6":               {"[fd00::1%eth0]:4000", [][2]string{{"X-Forwarded-For", "192.0.2.1"}}, "192.0.2.1:0"},
		"too long":                      {proxy, [][2]string{{"X-Forwarded-For", strings.Repeat("192.0.2.1,", 500)}}, proxy},
		"Forwarded":                     {proxy, [][2]string{{"Forwarded", `for=192.0.2.1;proto=https;by=203.0.113.43`}}, "192.0.2.1:0"},
		"Forwarded, chain":              {proxy, [][2]string{{"Forwarded", `for=6.6.6.6, For="[2001:db8:cafe::17]:4711", for=10.0.0.7`}}, "[2001:db8:cafe::17]:4711"},
		"Forwarded, unknown":            {proxy, [][2]string{{"Forwarded", `for=192.0.2.1, for=unknown`}}, proxy},
		"Forwarded, hidden":             {proxy, [][2]string{{"Forwarded", `for=_hidden, for=10.0.0.7`}}, "10.0.0.7:0"},
		"Forwarded, comma in quotes":    {proxy, [][2]string{{"Forwarded", `for=192.0.2.1;ext="a,for=6.6.6.6"`}}, "192.0.2.1:0"},
		"Forwarded, not by the grammar": {proxy, [][2]string{{"Forwarded", `for="192.0.2.1`}}, proxy},
		"both, the same":                {proxy, [][2]string{{"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "for=192.0.2.1"}}, "192.0.2.1:0"},
		"both, and one passed on":       {proxy, [][2]string{{"X-Forwarded-For", "192.0.2.1"}, {"Forwarded", "for=6.6.6.6"}}, proxy},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.RemoteAddr = tc.peer
			for _, header := range tc.headers {
				r.Header.Add(header[0], header[1])
			}
			require.Equal(t, tc.want, believe(proxies("", "10.0.0.0/8", "fd00::/8"), r).address)
		})
	}
}

// Scheme, host and prefix are those that the proxy next to the client says; paths lose the prefix where the proxy has left it there.
func TestAddress(t *testing.T) {
	const peer = "10.0.0.1:4000"
	for name, tc := range map[string]struct {
		base, peer, path string
		headers          [][2]string
		want             seen
	}{
		"nothing":              {"", peer, "/whip/a", nil, seen{peer, "example.com", "", "", "/whip/a"}},
		"base in the path":     {"/media", "203.0.113.9:1", "/media/whip/a%2Fb", nil, seen{"203.0.113.9:1", "example.com", "", "/media", "/whip/a%2Fb"}},
		"base taken away":      {"/media", peer, "/whip/a", nil, seen{peer, "example.com", "", "/media", "/whip/a"}},
		"base alone":           {"/media", peer, "/media", nil, seen{peer, "example.com", "", "/media", "/"}},
		"another path":         {"/media", peer, "/mediathek", nil, seen{peer, "example.com", "", "/media", "/mediathek"}},
		"prefix of a proxy":    {"", peer, "/whip/a", [][2]string{{"X-Forwarded-Prefix", "/tv/"}}, seen{peer, "example.com", "", "/tv", "/whip/a"}},
		"prefix before base":   {"/media", peer, "/whip/a", [][2]string{{"X-Forwarded-Prefix", "/tv"}}, seen{peer, "example.com", "", "/tv", "/whip/a"}},
		"base behind prefix":   {"/media", peer, "/media/whip/a", [][2]string{{"X-Forwarded-Prefix", "/tv"}}, seen{peer, "example.com", "", "/tv", "/whip/a"}},
		"prefix of a stranger": {"", "203.0.113.9:1", "/", [][2]string{{"X-Forwarded-Prefix", "/tv"}}, seen{"203.0.113.9:1", "example.com", "", "", "/"}},
		"prefix that is none":  {"", peer, "/", [][2]string{{"X-Forwarded-Prefix", "//evil.example"}}, seen{peer, "example.com", "", "", "/"}},
		"host and scheme": {"", peer, "/", [][2]string{{"X-Forwarded-For", "192.0.2.1"}, {"X-Forwarded-Host", "tv.example:8443"}, {"X-Forwarded-Proto", "HTTPS"}},
			seen{"192.0.2.1:0", "tv.example:8443", "https", "", "/"}},
		"host of a stranger": {"", "203.0.113.9:1", "/", [][2]string{{"X-Forwarded-Host", "tv.example"}}, seen{"203.0.113.9:1", "example.com", "", "", "/"}},
		"host that is none":  {"", peer, "/", [][2]string{{"X-Forwarded-Host", "tv.example/x"}, {"X-Forwarded-Proto", "gopher"}}, seen{peer, "example.com", "", "", "/"}},
		"a chain": {"", peer, "/", [][2]string{{"X-Forwarded-For", "6.6.6.6, 192.0.2.1, 10.0.0.7"}, {"X-Forwarded-Proto", "gopher, https, http"}},
			seen{"192.0.2.1:0", "example.com", "https", "", "/"}},
		"Forwarded": {"", peer, "/", [][2]string{{"Forwarded", `for=6.6.6.6;host=forged, for=192.0.2.1;Host="tv.example:8443";proto=https, for=10.0.0.7;proto=http`}},
			seen{"192.0.2.1:0", "tv.example:8443", "https", "", "/"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", tc.path, nil)
			r.RemoteAddr = tc.peer
			for _, header := range tc.headers {
				r.Header.Add(header[0], header[1])
			}
			before := r.URL.String()
			require.Equal(t, tc.want, believe(proxies(tc.base, "10.0.0.0/8"), r))
			require.Equal(t, before, r.URL.String(), "the server's own request stays as it is")
		})
	}
}

// Whatever a client adds on the left changes nothing, and nothing makes a client of what is no address.
func FuzzForwarded(f *testing.F) {
	f.Add("192.0.2.1, 10.0.0.7", `for="[2001:db8::1]:80";proto=https;host=a`, "https", "tv.example", "/media")
	f.Add("unknown", `for=_x,,;for="\"`, "http,https", "[::1]:80", "/a/../b")
	p := proxies("", "10.0.0.0/8")
	f.Fuzz(func(t *testing.T, addresses, standard, scheme, host, path string) {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = "10.0.0.1:4000"
		r.Header = http.Header{
			"X-Forwarded-For": {addresses}, "Forwarded": {standard}, "X-Forwarded-Proto": {scheme}, "X-Forwarded-Host": {host}, "X-Forwarded-Prefix": {path},
		}
		got := p.read(r)
		_, err := netip.ParseAddrPort(got.RemoteAddr)
		require.NoError(t, err)
		require.NotContains(t, got.Host, "/")
		clean, ok := prefix.Clean(prefix.Of(got))
		require.True(t, ok)
		require.Equal(t, clean, prefix.Of(got))

		said := p.believed(netip.MustParseAddrPort(r.RemoteAddr), http.Header{"X-Forwarded-For": {"6.6.6.6," + addresses + ",192.0.2.1"}})
		if len(addresses) < maxBytes/2 {
			require.Equal(t, "192.0.2.1:0", said.client.String())
		}
	})
}
