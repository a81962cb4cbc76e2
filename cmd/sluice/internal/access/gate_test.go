package access

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const hushHush = "thirty-two bytes of a secret, all"

func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// signed is a token of the secret.
func signed(t testing.TB, claims jwt.MapClaims) string {
	t.Helper()
	if _, set := claims["exp"]; !set {
		claims["exp"] = time.Now().Add(time.Hour).Unix()
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte(hushHush))
	require.NoError(t, err)
	return text
}

// statusOf is 200 where somebody may.
func statusOf(t testing.TB, err error) int {
	t.Helper()
	if err == nil {
		return http.StatusOK
	}
	why := (*RefusedError)(nil)
	require.True(t, errors.As(err, &why), err)
	require.NotEmpty(t, why.Detail)
	return why.Status
}

// Who may do what, by which source of rights: publish, watch, record, admin, metrics, each on the stream "studio".
func TestWhoMayDoWhat(t *testing.T) {
	asked := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var q question
		if json.NewDecoder(r.Body).Decode(&q) != nil || q.Token != "known-there" || q.Stream != "studio" || q.Action != Publish && q.Action != Watch {
			w.WriteHeader(http.StatusForbidden)
		}
	}))
	defer asked.Close()
	publish := []config.StreamKey{{Stream: "studio", Key: "studio-key"}, {Key: "every-key"}}
	play := []config.StreamKey{{Stream: "studio", Key: "seat-key"}, {Stream: "other", Key: "other-seat"}}
	keys := config.Auth{Publish: publish, Play: play, Admin: []config.Secret{"admin-key"}}
	noAdmin := config.Auth{Publish: publish, Play: play}
	tokens := config.Auth{JWT: config.JWT{Secret: hushHush}}
	watchers := config.Auth{JWT: config.JWT{Secret: hushHush, Actions: []string{"watch"}}}
	callback := config.Auth{Callback: config.Callback{URL: asked.URL, Timeout: time.Minute, Actions: []string{"publish", "watch", "record"}}}
	both := callback
	both.Play = play
	ring, err := LoadRing(filepath.Join(t.TempDir(), "keys.json"))
	require.NoError(t, err)
	ringed := func(stream string, actions ...Action) string {
		_, token, err := ring.Make(Key{Stream: stream, Actions: actions})
		require.NoError(t, err)
		return token
	}
	required := config.Auth{Required: []string{"publish", "watch", "record"}}
	token := func(action, stream any) string { return signed(t, jwt.MapClaims{"action": action, "stream": stream}) }
	for name, tc := range map[string]struct {
		auth  config.Auth
		token string
		want  [5]int // publish, watch, record, admin, metrics
	}{
		"nothing configured":           {config.Auth{}, "", [5]int{200, 200, 200, 200, 200}},
		"keys, nobody":                 {keys, "", [5]int{401, 401, 401, 401, 401}},
		"keys, a stranger":             {keys, "who-knows", [5]int{401, 401, 401, 401, 401}},
		"keys, its publisher":          {keys, "studio-key", [5]int{200, 200, 200, 401, 401}},
		"keys, a publisher of all":     {keys, "every-key", [5]int{200, 200, 200, 401, 401}},
		"keys, its viewer":             {keys, "seat-key", [5]int{401, 200, 401, 401, 401}},
		"keys, another viewer":         {keys, "other-seat", [5]int{401, 403, 401, 401, 401}},
		"keys, an administrator":       {keys, "admin-key", [5]int{401, 200, 200, 200, 200}},
		"no admin, its publisher":      {noAdmin, "studio-key", [5]int{200, 200, 200, 200, 200}},
		"no play keys, nobody":         {config.Auth{Publish: publish}, "", [5]int{401, 200, 200, 401, 401}},
		"tokens, nobody":               {tokens, "", [5]int{401, 401, 401, 401, 401}},
		"tokens, no token":             {tokens, "who-knows", [5]int{401, 401, 401, 401, 401}},
		"tokens, to watch":             {tokens, token("watch", "studio"), [5]int{403, 200, 403, 403, 403}},
		"tokens, to watch some":        {tokens, token("watch", "stud*"), [5]int{403, 200, 403, 403, 403}},
		"tokens, to watch another":     {tokens, token("watch", []string{"other", "studios"}), [5]int{403, 403, 403, 403, 403}},
		"tokens, to record":            {tokens, token("record", "studio"), [5]int{403, 200, 200, 403, 403}},
		"tokens, to publish":           {tokens, token("publish", "*"), [5]int{200, 200, 200, 200, 403}},
		"tokens, to administer":        {tokens, token([]string{"admin"}, "*"), [5]int{403, 200, 200, 200, 200}},
		"tokens, for metrics":          {tokens, token("metrics", "*"), [5]int{403, 403, 403, 403, 200}},
		"tokens, for everything":       {tokens, token("*", "*"), [5]int{200, 200, 200, 200, 200}},
		"tokens, without claims":       {tokens, signed(t, jwt.MapClaims{}), [5]int{403, 403, 403, 403, 403}},
		"tokens for viewers, nobody":   {watchers, "", [5]int{200, 401, 200, 200, 200}},
		"tokens for viewers, a viewer": {watchers, token("watch", "studio"), [5]int{200, 200, 200, 200, 200}},
		"callback, nobody":             {callback, "", [5]int{403, 403, 403, 200, 200}},
		"callback, somebody":           {callback, "known-there", [5]int{200, 200, 403, 200, 200}},
		"callback and keys, a viewer":  {both, "seat-key", [5]int{403, 200, 403, 200, 200}},
		"callback and keys, somebody":  {both, "known-there", [5]int{200, 200, 403, 200, 200}},
		"callback and keys, a 403":     {both, "other-seat", [5]int{403, 403, 403, 200, 200}},
		"made keys, nobody":            {required, "", [5]int{401, 401, 401, 200, 200}},
		"made keys, a stranger":        {required, "sluice_WHOKNOWS", [5]int{401, 401, 401, 200, 200}},
		"made keys, to publish":        {keys, ringed("studio", Publish), [5]int{200, 200, 200, 403, 403}},
		"made keys, to publish some":   {required, ringed("stud*", Publish), [5]int{200, 200, 200, 200, 200}},
		"made keys, to watch":          {keys, ringed("*", Watch), [5]int{403, 200, 403, 403, 403}},
		"made keys, another viewer":    {keys, ringed("other", Watch), [5]int{403, 403, 403, 403, 403}},
		"made keys, of everything":     {tokens, ringed("*", Publish, Admin), [5]int{200, 200, 200, 200, 200}},
	} {
		t.Run(name, func(t *testing.T) {
			g := New(tc.auth, Secret{}, silent())
			g.UseRing(ring, false)
			for i, action := range []Action{Publish, Watch, Record, Admin, Metrics} {
				stream := "studio"
				if action == Metrics && g.rights.Load().tokens != nil {
					stream = EveryStream
				}
				_, err := g.May(t.Context(), Request{Action: action, Stream: stream, Token: tc.token})
				require.Equal(t, tc.want[i], statusOf(t, err), "%s: %v", action, err)
				require.True(t, !g.Open(action) || tc.want[i] == http.StatusOK)
			}
			if g.rights.Load().callback != nil {
				g.rights.Load().callback.client.CloseIdleConnections()
			}
		})
	}
}

// A right to one stream is none to all.
func TestEveryStream(t *testing.T) {
	g := New(config.Auth{JWT: config.JWT{Secret: hushHush}, Publish: []config.StreamKey{{Stream: "studio", Key: "studio-key"}, {Key: "every-key"}}}, Secret{}, silent())
	for token, want := range map[string]int{
		"studio-key": 403, "every-key": 200, signed(t, jwt.MapClaims{"action": "publish", "stream": "s*"}): 403, signed(t, jwt.MapClaims{"action": "publish", "stream": "*"}): 200,
	} {
		_, err := g.May(t.Context(), Request{Action: Publish, Stream: EveryStream, Token: token})
		require.Equal(t, want, statusOf(t, err))
		_, err = g.May(t.Context(), Request{Action: Publish, Token: token})
		require.Equal(t, 200, statusOf(t, err), "any stream will do")
	}
}

func TestLinks(t *testing.T) {
	g := New(config.Auth{Play: []config.StreamKey{{Key: "seat-key"}}}, Secret{1}, silent())
	until := time.Now().Add(time.Hour).Truncate(time.Second)
	token, err := g.Link(Watch, "studio", "Ann", until)
	require.NoError(t, err)
	grant, err := g.May(t.Context(), Request{Action: Watch, Stream: "studio", Token: token})
	require.NoError(t, err)
	require.True(t, until.Equal(grant.Until))
	for action, stream := range map[Action]string{Watch: "other", Record: "studio"} {
		_, err := g.May(t.Context(), Request{Action: action, Stream: stream, Token: token})
		require.Equal(t, 403, statusOf(t, err))
	}
	_, err = New(config.Auth{Play: []config.StreamKey{{Key: "seat-key"}}}, Secret{2}, silent()).May(t.Context(), Request{Action: Watch, Stream: "studio", Token: token})
	require.Equal(t, 401, statusOf(t, err), "of another service")
	for _, end := range []time.Time{{}, time.Now(), time.Now().Add(2 * LongestLink)} {
		_, err := g.Link(Watch, "studio", "", end)
		require.Error(t, err)
	}
	_, err = g.Link(Admin, "studio", "", until)
	require.Error(t, err)
}

func BenchmarkMay(b *testing.B) {
	kept := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Cache-Control", "max-age=3600") }))
	defer kept.Close()
	keys := New(config.Auth{Play: []config.StreamKey{{Stream: "a", Key: "key-of-a"}, {Stream: "studio", Key: "seat-key"}}}, Secret{}, silent())
	tokens := New(config.Auth{JWT: config.JWT{Secret: hushHush}}, Secret{}, silent())
	callback := New(config.Auth{Callback: config.Callback{URL: kept.URL, Timeout: time.Minute, Actions: []string{"watch"}}}, Secret{}, silent())
	defer callback.rights.Load().callback.client.CloseIdleConnections()
	for name, tc := range map[string]struct {
		gate  *Gate
		token string
	}{
		"key": {keys, "seat-key"}, "token": {tokens, signed(b, jwt.MapClaims{"action": "watch", "stream": "studio"})}, "callback": {callback, "anybody"},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			q := Request{Action: Watch, Stream: "studio", Token: tc.token, Address: "192.0.2.1", Protocol: "hls"}
			for b.Loop() {
				if _, err := tc.gate.May(context.Background(), q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("signature", func(b *testing.B) {
		b.ReportAllocs()
		signature := keys.Sign("studio", time.Time{})
		for b.Loop() {
			if err := keys.Check("studio", signature); err != nil {
				b.Fatal(err)
			}
		}
	})
}
