package access

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	return private
}

// jwksOf is a set of the keys, named by the names (RFC 8037 §2).
func jwksOf(keys map[string]ed25519.PrivateKey) string {
	var all []string
	for kid, k := range keys {
		x := base64.RawURLEncoding.EncodeToString(k.Public().(ed25519.PublicKey))
		all = append(all, fmt.Sprintf(`{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","use":"sig","kid":%q,"x":%q}`, kid, x))
	}
	return `{"keys":[` + strings.Join(all, ",") + `]}`
}

// tokenOf is one to watch the studio.
func tokenOf(t testing.TB, kid string, key ed25519.PrivateKey) string {
	t.Helper()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, jwt.MapClaims{"jti": rand.Text(), "action": "watch", "stream": "studio", "exp": time.Now().Add(time.Hour).Unix()})
	if kid != "" {
		token.Header["kid"] = kid
	}
	text, err := token.SignedString(key)
	require.NoError(t, err)
	return text
}

func watchStudio(t testing.TB, g *Gate, token string) (Grant, int, string) {
	t.Helper()
	grant, err := g.May(t.Context(), Request{Action: Watch, Stream: "studio", Token: token})
	detail := ""
	if err != nil {
		detail = err.Error()
	}
	return grant, statusOf(t, err), detail
}

// What is wrong with a token is said, and nothing of what is in it.
func TestBadTokens(t *testing.T) {
	now := time.Now()
	claims := func(change func(jwt.MapClaims)) string {
		c := jwt.MapClaims{"action": "watch", "stream": "studio", "aud": "tv", "iss": "login", "exp": now.Add(time.Hour).Unix()}
		change(c)
		return signed(t, c)
	}
	good := claims(func(jwt.MapClaims) {})
	none, err := jwt.NewWithClaims(jwt.SigningMethodNone, jwt.MapClaims{"action": "watch", "stream": "studio", "exp": now.Add(time.Hour).Unix()}).SignedString(jwt.UnsafeAllowNoneSignatureType)
	require.NoError(t, err)
	stronger, err := jwt.NewWithClaims(jwt.SigningMethodHS512, jwt.MapClaims{"action": "watch", "stream": "studio", "aud": "tv", "iss": "login", "exp": now.Add(time.Hour).Unix()}).SignedString([]byte(hushHush))
	require.NoError(t, err)
	g := New(config.Auth{JWT: config.JWT{Secret: hushHush, Audience: "tv", Issuer: "login", Leeway: 30 * time.Second}}, Secret{}, silent())
	for name, tc := range map[string]struct {
		token, says string
		status      int
	}{
		"good":                    {good, "", 200},
		"expired within leeway":   {claims(func(c jwt.MapClaims) { c["exp"] = now.Add(-10 * time.Second).Unix() }), "", 200},
		"expired":                 {claims(func(c jwt.MapClaims) { c["exp"] = now.Add(-time.Minute).Unix() }), "expired", 401},
		"a little early":          {claims(func(c jwt.MapClaims) { c["nbf"] = now.Add(10 * time.Second).Unix() }), "", 200},
		"early":                   {claims(func(c jwt.MapClaims) { c["nbf"] = now.Add(time.Minute).Unix() }), "not valid yet", 401},
		"for others":              {claims(func(c jwt.MapClaims) { c["aud"] = "radio" }), "another audience", 401},
		"from others":             {claims(func(c jwt.MapClaims) { c["iss"] = "me" }), "another issuer", 401},
		"for nobody":              {claims(func(c jwt.MapClaims) { delete(c, "aud") }), "claim is missing", 401},
		"changed":                 {good[:len(good)-6] + "AAAAAA", "signature", 401},
		"without a signature":     {none, "algorithm", 401},
		"of another algorithm":    {stronger, "algorithm", 401},
		"no token":                {"seat-key", "Send a token", 401},
		"dots":                    {"..", "cannot be read", 401},
		"too long":                {good + strings.Repeat("A", maxToken), "longer", 401},
		"a list that is too long": {claims(func(c jwt.MapClaims) { c["stream"] = make([]string, maxClaimItems+1) }), "cannot be read", 401},
		"streams by number":       {claims(func(c jwt.MapClaims) { c["stream"] = 7 }), "cannot be read", 401},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 { // the second time from memory
				_, status, detail := watchStudio(t, g, tc.token)
				require.Equal(t, tc.status, status, detail)
				require.Contains(t, detail, tc.says)
				require.NotContains(t, detail, "studio")
			}
		})
	}
}

// A grant ends with the token and the leeway; a token that has been good is not good for longer.
func TestTokensEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := New(config.Auth{JWT: config.JWT{Secret: hushHush, Leeway: 5 * time.Second}}, Secret{}, silent())
		token := signed(t, jwt.MapClaims{"action": "watch", "stream": "studio", "exp": time.Now().Add(10 * time.Second).Unix()})
		grant, status, _ := watchStudio(t, g, token)
		require.Equal(t, 200, status)
		require.Equal(t, 15*time.Second, time.Until(grant.Until))
		time.Sleep(15 * time.Second)
		_, status, detail := watchStudio(t, g, token)
		require.Equal(t, 401, status)
		require.Contains(t, detail, "expired")
	})
}

// Keys change: a new one is known as soon as a token names it, one that has gone is not, and many unknown ones make one request.
func TestKeysRotate(t *testing.T) {
	old, next, foreign := newKey(t), newKey(t), newKey(t)
	var set atomic.Value
	var asked atomic.Int32
	set.Store(jwksOf(map[string]ed25519.PrivateKey{"old": old}))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		if text := set.Load().(string); text != "" {
			_, _ = w.Write([]byte(text))
			return
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	defer server.Close()
	g := New(config.Auth{JWT: config.JWT{Keys: server.URL}}, Secret{}, silent())
	defer g.rights.Load().tokens.keys.client.CloseIdleConnections()
	later := func(d time.Duration) { // the source has been asked so long ago
		g.rights.Load().tokens.keys.mu.Lock()
		defer g.rights.Load().tokens.keys.mu.Unlock()
		g.rights.Load().tokens.keys.tried, g.rights.Load().tokens.keys.loaded = g.rights.Load().tokens.keys.tried.Add(-d), g.rights.Load().tokens.keys.loaded.Add(-d)
	}
	ask := func(token string) int { _, status, _ := watchStudio(t, g, token); return status }

	require.Equal(t, 200, ask(tokenOf(t, "old", old)))
	require.Equal(t, 200, ask(tokenOf(t, "", old)), "without a key id")
	require.Equal(t, 401, ask(tokenOf(t, "old", foreign)))
	set.Store(jwksOf(map[string]ed25519.PrivateKey{"next": next}))
	for range 5 {
		require.Equal(t, 401, ask(tokenOf(t, "next", next)), "it has just been asked")
	}
	require.EqualValues(t, 1, asked.Load())
	later(keysPause)
	require.Equal(t, 200, ask(tokenOf(t, "next", next)))
	require.Equal(t, 401, ask(tokenOf(t, "old", old)))
	require.EqualValues(t, 2, asked.Load())

	set.Store("")
	later(keysFor)
	require.Equal(t, 200, ask(tokenOf(t, "next", next)), "what is known stays in use")
	require.EqualValues(t, 3, asked.Load())

	lost := New(config.Auth{JWT: config.JWT{Keys: server.URL}}, Secret{}, silent())
	defer lost.rights.Load().tokens.keys.client.CloseIdleConnections()
	_, status, detail := watchStudio(t, lost, tokenOf(t, "next", next))
	require.Equal(t, 503, status)
	require.Contains(t, detail, "keys")
}

func TestKeysOfFiles(t *testing.T) {
	key := newKey(t)
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	for name, content := range map[string]string{"jwks": jwksOf(map[string]ed25519.PrivateKey{"a": key}), "pem": string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))} {
		file := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(file, []byte(content), 0o600))
		g := New(config.Auth{JWT: config.JWT{Keys: file}}, Secret{}, silent())
		_, status, detail := watchStudio(t, g, tokenOf(t, "a", key))
		require.Equal(t, 200, status, detail)
		confused, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"action": "watch", "stream": "studio", "exp": time.Now().Add(time.Hour).Unix()}).SignedString([]byte(content))
		require.NoError(t, err)
		_, status, _ = watchStudio(t, g, confused)
		require.Equal(t, 401, status, "the public key is no secret")
		ec, err := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{"exp": time.Now().Add(time.Hour).Unix()}).SignedString(other)
		require.NoError(t, err)
		_, status, _ = watchStudio(t, g, ec)
		require.Equal(t, 401, status)
	}
}

// Whatever claims say, nobody is let in by what is no list of words.
func FuzzClaims(f *testing.F) {
	f.Add([]byte(`{"action":"watch","stream":["a","b*"]}`))
	f.Add([]byte(`{"action":["*"],"stream":"*","exp":1e300}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c claims
		if json.Unmarshal(text, &c) == nil && (len(c.Action) > maxClaimItems || len(c.Stream) > maxClaimItems) {
			t.Fatalf("%q has too many", text)
		}
		if c.names(EveryStream) && !strings.Contains(string(text), "*") && !strings.Contains(string(text), `\u`) {
			t.Fatalf("%q is good for all", text)
		}
	})
}
