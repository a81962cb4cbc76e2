package httpapi

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
)

// Who may steer a stream makes links to it, which are good for what they are for and nothing else.
func TestLinks(t *testing.T) {
	handler := newTestService(t, seats()).handler
	post := func(key, body string) *httptest.ResponseRecorder {
		request := httptest.NewRequest("POST", "/api/v1/links", strings.NewReader(body))
		request.Header.Set("Authorization", "Bearer "+key)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}
	until := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	good := `{"action": "watch", "stream": "studio", "who": "Ann", "until": "` + until + `"}`
	requireProblem(t, post("seat-key", good), 401)
	requireProblem(t, post("every-key", good), 401)
	for _, bad := range []string{"", "{}", strings.Replace(good, "studio", "a.b", 1), strings.Replace(good, "watch", "admin", 1), strings.Replace(good, until, "2001-01-01T00:00:00Z", 1), strings.Replace(good, "Ann", strings.Repeat("A", maxWho+1), 1)} {
		requireProblem(t, post("admin-key", bad), 400)
	}
	answer := post("admin-key", good)
	require.Equal(t, 200, answer.Code, answer.Body)
	require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	var made api.Link
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &made))
	require.Equal(t, access.Watch, made.Action)
	require.Equal(t, 404, ask(handler, "GET", made.URLs.HLS).Code, "it may, and there is nothing")
	require.Equal(t, 404, ask(handler, "GET", made.URLs.DASH).Code)
	require.Equal(t, 415, ask(handler, "POST", made.URLs.WHEP).Code)
	require.Equal(t, 403, ask(handler, "GET", strings.Replace(made.URLs.HLS, "studio", "other", 1)).Code)
	requireProblem(t, ask(handler, "DELETE", "/api/v1/streams/studio", "Authorization", "Bearer "+made.Token), 403)

	for action, kinds := range map[string][]string{"watch": {"watch", "embed", "hls", "dash", "whep"}, "record": {"watch", "embed", "hls", "dash", "whep", "recordings"}, "publish": {"publish"}} {
		made = api.Link{}
		require.NoError(t, json.Unmarshal(post("admin-key", strings.Replace(good, "watch", action, 1)).Body.Bytes(), &made))
		require.ElementsMatch(t, kinds, kindsOf(t, made.URLs))
		require.False(t, made.Open)
	}
}

// Who has a right for a time makes nothing that lasts longer: neither links nor keys.
func TestRightsDoNotOutliveTheirMakers(t *testing.T) {
	handler := newTestService(t, seats()).handler
	post := func(key, path string, body any) *httptest.ResponseRecorder {
		text, err := json.Marshal(body)
		require.NoError(t, err)
		request := httptest.NewRequest("POST", path, bytes.NewReader(text))
		request.Header.Set("Authorization", "Bearer "+key)
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, request)
		return answer
	}
	end := time.Now().Add(time.Hour).UTC().Truncate(time.Second)
	answer := post("admin-key", "/api/v1/keys", api.KeyRequest{Stream: "*", Actions: []access.Action{access.Admin}, Expires: end})
	require.Equal(t, 201, answer.Code, answer.Body)
	var made api.NewKey
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &made))
	for until, want := range map[time.Time][]int{{}: {403}, end.Add(time.Second): {403, 403}, end: {201, 200}} {
		require.Equal(t, want[0], post(made.Token, "/api/v1/keys", api.KeyRequest{Stream: "*", Actions: []access.Action{access.Admin}, Expires: until}).Code, until)
		if len(want) > 1 {
			require.Equal(t, want[1], post(made.Token, "/api/v1/links", api.LinkRequest{Stream: "studio", Action: access.Watch, Until: until}).Code, until)
		}
	}
}

// kindsOf names the addresses of a link.
func kindsOf(t *testing.T, urls api.LinkURLs) []string {
	text, err := json.Marshal(urls)
	require.NoError(t, err)
	var kinds map[string]string
	require.NoError(t, json.Unmarshal(text, &kinds))
	return slices.Collect(maps.Keys(kinds))
}
