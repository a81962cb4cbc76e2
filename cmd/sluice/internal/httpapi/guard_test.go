package httpapi

import (
	"bytes"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// 401 without a known key and how to send one (RFC 6750 §3), 403 with one that is for something else; without keys all may.
func TestRequiredKeys(t *testing.T) {
	publish, admin := []config.StreamKey{{Stream: "studio", Key: "studio-key"}, {Stream: "", Key: "every-key"}}, []config.Secret{"admin-key"}
	none := config.Auth{}
	publishers := config.Auth{Publish: publish}
	both := config.Auth{Publish: publish, Admin: admin}
	for name, tc := range map[string]struct {
		auth              config.Auth
		method, path, key string
		status            int
	}{
		"open":                           {none, "POST", "/whip/studio", "", 415},
		"open with a key":                {none, "POST", "/whip/studio", "undefined", 415},
		"open echo":                      {none, "POST", "/echo", "", 415},
		"open kick":                      {none, "DELETE", "/api/v1/streams/studio", "", 404},
		"no key":                         {publishers, "POST", "/whip/studio", "", 401},
		"unknown key":                    {publishers, "POST", "/whip/studio", "undefined", 401},
		"key in the address":             {publishers, "POST", "/whip/studio?token=studio-key", "", 401},
		"own key":                        {publishers, "POST", "/whip/studio", "studio-key", 415},
		"other's key":                    {publishers, "POST", "/whip/other", "studio-key", 403},
		"key for all":                    {publishers, "POST", "/whip/other", "every-key", 415},
		"admin's key":                    {both, "POST", "/whip/studio", "admin-key", 401},
		"session PATCH without key":      {publishers, "PATCH", "/whip/studio/session", "", 401},
		"session DELETE without key":     {publishers, "DELETE", "/whip/studio/session", "", 401},
		"session DELETE, other's key":    {publishers, "DELETE", "/whip/other/session", "studio-key", 403},
		"session DELETE, own key":        {publishers, "DELETE", "/whip/studio/session", "studio-key", 404},
		"session with a slash, own key":  {publishers, "DELETE", "/whip/other%2Fsession", "studio-key", 400},
		"OPTIONS without key":            {publishers, "OPTIONS", "/whip/studio", "", 401},
		"bad name before key":            {publishers, "POST", "/whip/a.b", "", 400},
		"echo without key":               {publishers, "POST", "/echo", "", 401},
		"echo with any key":              {publishers, "POST", "/echo", "studio-key", 415},
		"echo session without key":       {publishers, "DELETE", "/echo/session", "", 401},
		"kick without key":               {publishers, "DELETE", "/api/v1/streams/studio", "", 401},
		"kick by its publisher":          {publishers, "DELETE", "/api/v1/streams/studio", "studio-key", 404},
		"kick by another":                {publishers, "DELETE", "/api/v1/streams/other", "studio-key", 403},
		"kick by publisher, with admins": {both, "DELETE", "/api/v1/streams/studio", "studio-key", 401},
		"kick by admin":                  {both, "DELETE", "/api/v1/streams/studio", "admin-key", 404},
		"state needs none":               {both, "GET", "/api/v1/streams", "", 200},
		"viewing needs none":             {both, "GET", "/live/studio/index.m3u8", "", 404},
	} {
		t.Run(name, func(t *testing.T) {
			var logged bytes.Buffer
			s := serviceOf(t, testConfig(t, tc.auth), slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug})))
			s.release(t)
			authorization := ""
			if tc.key != "" {
				authorization = "Bearer " + tc.key
			}
			answer := ask(s.handler, tc.method, tc.path, "Authorization", authorization)
			if tc.status == 200 {
				require.Equal(t, 200, answer.Code)
			} else {
				requireProblem(t, answer, tc.status)
			}
			if tc.status == 401 || tc.status == 403 {
				require.Contains(t, answer.Header().Get("WWW-Authenticate"), `Bearer realm="sluice"`)
			} else {
				require.Empty(t, answer.Header().Get("WWW-Authenticate"))
			}
			require.NotContains(t, answer.Body.String()+logged.String(), "-key")
		})
	}
}
