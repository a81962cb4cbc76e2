package hop

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

const secret = "a secret of relays that is long enough"

func signed(k *Key, method, path string) http.Header {
	h := http.Header{}
	k.Sign(h, method, path, Claim{"192.0.2.7:4000", "tv.example.org", "https", "/media"})
	return h
}

func TestClaims(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay, origin := New(secret), New(secret)
		h := signed(relay, "GET", "/live/a%20b")
		for range 2 {
			claim, err := origin.Read(h, "GET", "/live/a%20b")
			require.NoError(t, err, "what only reads may be sent again")
			require.Equal(t, Claim{"192.0.2.7:4000", "tv.example.org", "https", "/media"}, claim)
		}
		for name, read := range map[string]func() (Claim, error){
			"another method": func() (Claim, error) { return origin.Read(h, "POST", "/live/a%20b") },
			"another path":   func() (Claim, error) { return origin.Read(h, "GET", "/live/a") },
			"another secret": func() (Claim, error) { return New(secret+"!").Read(h, "GET", "/live/a%20b") },
			"none":           func() (Claim, error) { return origin.Read(http.Header{}, "GET", "/") },
			"two": func() (Claim, error) {
				return origin.Read(http.Header{Header: {h.Get(Header), h.Get(Header)}}, "GET", "/live/a%20b")
			},
			"half": func() (Claim, error) {
				return origin.Read(http.Header{Header: {strings.Split(h.Get(Header), ".")[0]}}, "GET", "/live/a%20b")
			},
			"no base64": func() (Claim, error) {
				return origin.Read(http.Header{Header: {"$." + h.Get(Header)}}, "GET", "/live/a%20b")
			},
			"too long": func() (Claim, error) {
				return origin.Read(http.Header{Header: {strings.Repeat("A", 5000) + h.Get(Header)}}, "GET", "/live/a%20b")
			},
		} {
			_, err := read()
			require.ErrorIs(t, err, ErrBad, name)
		}
		time.Sleep(tolerance)
		_, err := origin.Read(h, "GET", "/live/a%20b")
		require.NoError(t, err)
		time.Sleep(time.Millisecond)
		_, err = origin.Read(h, "GET", "/live/a%20b")
		require.ErrorIs(t, err, ErrOld)
	})
}

func TestReplay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		relay, origin := New(secret), New(secret)
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE"} {
			h := signed(relay, method, "/whip/cam")
			_, err := origin.Read(h, method, "/whip/cam")
			require.NoError(t, err)
			_, err = origin.Read(h, method, "/whip/cam")
			require.ErrorIs(t, err, ErrTwice)
		}
		time.Sleep(tolerance)
		late := signed(relay, "POST", "/whip/cam")
		_, err := origin.Read(late, "POST", "/whip/cam")
		require.NoError(t, err)
		for i := len(origin.used[0]); i < remembered; i++ {
			origin.used[0][time.Duration(i).String()] = true
		}
		_, err = origin.Read(signed(relay, "POST", "/whip/cam"), "POST", "/whip/cam")
		require.ErrorIs(t, err, ErrBusy)
		time.Sleep(tolerance)
		_, err = origin.Read(late, "POST", "/whip/cam")
		require.ErrorIs(t, err, ErrTwice, "as long as it would be good")
		time.Sleep(time.Second)
		_, err = origin.Read(signed(relay, "POST", "/whip/cam"), "POST", "/whip/cam")
		require.NoError(t, err)
		require.Len(t, origin.used[0], 1)
	})
}

func FuzzRead(f *testing.F) {
	key := New(secret)
	f.Add(signed(key, "GET", "/").Get(Header), "GET", "/")
	f.Add("a.b", "POST", "/whip/cam")
	f.Fuzz(func(t *testing.T, header, method, path string) {
		if claim, err := key.Read(http.Header{Header: {header}}, method, path); err == nil && claim.Host != "tv.example.org" {
			t.Fatalf("%q is not signed, and says %v", header, claim)
		}
	})
}
