package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/logs"
	"github.com/sluice-live/sluice/cmd/sluice/internal/service"
	"github.com/sluice-live/sluice/packager"
)

const ctlKey = "open-sesame"

// serveForCtl serves what sluice serve does, without an ffmpeg: one stream that waits for its publisher, and three recordings.
func serveForCtl(t *testing.T) (url string) {
	t.Helper()
	cfg := config.Default()
	cfg.Data, cfg.ICE.UDP, cfg.ICE.TCP = t.TempDir(), "127.0.0.1:0", config.ICEOff
	cfg.Auth.Admin, cfg.Record.Enabled = []config.Secret{ctlKey}, false
	log := slog.New(slog.DiscardHandler)
	options := cfg.Packager()
	options.Logger = log
	cut, err := packager.New(options)
	require.NoError(t, err)
	_, err = cut.Open("demo")
	require.NoError(t, err)
	for i := range 3 {
		name := fmt.Sprintf("2026010%dT200000Z", i+1)
		directory := filepath.Join(options.RecordingsDir, "demo", name)
		require.NoError(t, os.MkdirAll(directory, 0o755))
		info := fmt.Sprintf(`{"stream": "demo", "name": %q, "state": "finished", "started": "2026-01-0%dT20:00:00Z", "duration": 3725, "bytes": 123456789, "sources": ["source-1.webm"], "mp4": true, "zeros": [], "origins": []}`, name, i+1)
		require.NoError(t, os.WriteFile(filepath.Join(directory, "recording.json"), []byte(info), 0o644))
	}
	s, err := service.New(t.Context(), cfg, service.Encoding{}, nil, service.Own{}, log)
	require.NoError(t, err)
	server := httptest.NewServer(httpapi.New(s, cfg, "of a test", logs.New(nil)))
	t.Cleanup(func() {
		server.Close()
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		require.NoError(t, s.Ingest().Run(ctx))
	})
	return server.URL
}

func TestCtl(t *testing.T) {
	url := serveForCtl(t)
	run := func(args ...string) (status int, out, errs string) {
		var o, e strings.Builder
		status = Main(t.Context(), append([]string{"ctl"}, args...), []string{"SLUICE_URL=" + url, "SLUICE_TOKEN=" + ctlKey}, &o, &e)
		return status, o.String(), e.String()
	}
	for _, tc := range []struct {
		args   string
		status int
		want   string // of what is printed, a pattern
	}{
		{"server", exit.Done, `(?m)^Version +of a test\nPublishing +everybody\n`},
		{"ready", exit.Failed, `^sluice ctl: .+\n$`},
		{"streams", exit.Done, `^STREAM +STATE .*\ndemo +interrupted +\S+ +– +– +– +– +0 +–\n$`},
		{"show demo", exit.Done, `(?s)^Stream +demo\nState +interrupted\n.*HLS +/live/demo/index.m3u8\n`},
		{"show other", exit.Failed, `^sluice ctl: No stream of this name is live: publish to /whip/other first.\n$`},
		{"kick other", exit.Failed, `^sluice ctl: No stream of this name is live`},
		{"transform demo upside-down", exit.Failed, `^sluice ctl: There is no such transform: choose one of `},
		{"transform demo none", exit.Failed, `^sluice ctl: No stream of this name is live`},
		{"record other", exit.Failed, `^sluice ctl: No stream of this name is live`},
		{"record other --stop", exit.Failed, `^sluice ctl: No stream of this name is live`},
		{"record ../etc", exit.WrongUsage, `is no name of a stream`},
		{"clip other", exit.Failed, `^sluice ctl: No stream of this name is live`},
		{"clip demo --last=2h", exit.Failed, `^sluice ctl: A clip is 60 minutes long at most.\n$`},
		{"clip demo", exit.Failed, `^sluice ctl: Nothing of that time is there`},
		{"clip demo --recording=nothing --end=3s", exit.Failed, `^sluice ctl: This stream has no recording or clip of this name.\n$`},
		{"clip demo --start=3s", exit.WrongUsage, `are of a recording`},
		{"clip demo --last=0s", exit.WrongUsage, `--last more than 0`},
		{"clips demo", exit.Done, `^No clips.\n$`},
		{"clips demo --delete=20260103T200000Z", exit.Failed, `^sluice ctl: This stream has no recording or clip of this name.\n$`},
		{"sessions", exit.Done, `^No sessions.\n$`},
		{"rooms", exit.Done, `^No rooms.\n$`},
		{"air den show", exit.Failed, `^sluice ctl: .+\.\n$`},
		{"air den --off", exit.Failed, `^sluice ctl: Nobody of this room is on air.\n$`},
		{"air den", exit.WrongUsage, `^sluice ctl: "" is no name of a stream`},
		{"air den show --off", exit.WrongUsage, `^sluice ctl: --off takes the room alone\n$`},
		{"remove den nobody", exit.Failed, `^sluice ctl: There is nobody of this id in this room.\n$`},
		{"recordings", exit.Done, `(?s)^STREAM .*\ndemo +20260103T200000Z +\S+ \S+ +1h2m5s +117 MiB +finished +yes\n.*20260101T200000Z.*\n$`},
		{"recordings --limit=2", exit.Done, `(?s)20260103T200000Z.*20260102T200000Z[^\n]*\n$`},
		{"recordings --limit=-1", exit.WrongUsage, `flag --limit: must not be negative`},
		{"link demo --for=1h --who=Ann", exit.Done, `(?s)^Good until +\S+ \S+\nToken +\S+\nWatch +` + url + `/watch/demo\?token=\S+\n.*But +everybody may do that`},
		{"link demo --action=steal", exit.Failed, `^sluice ctl: It cannot be made: `},
		{"link demo --for=0s", exit.WrongUsage, `flag --for: must be more than 0`},
		{"keys", exit.Done, `^No keys.\n$`},
		{"key stud* --action=publish,watch --for=1h --note=OBS", exit.Done, `(?s)^Key +[A-Z2-7]{12}\nToken +sluice_[A-Z2-7]{26}\nFor +publish, watch of stud\*\n.*But +everybody may publish, watch`},
		{"keys", exit.Done, `(?s)^KEY .*\n[A-Z2-7]{12} +stud\* +publish, watch +OBS .* never\n$`},
		{"key demo --action=steal", exit.Failed, `^sluice ctl: It cannot be made: a key is for publish`},
		{"key demo --for=-1s", exit.WrongUsage, `flag --for: must not be negative`},
		{"revoke NOBODY", exit.Failed, `^sluice ctl: There is no key of this id`},
		{"logs", exit.Done, `^$`},
		{"streams --url=http://127.0.0.1:1", exit.Failed, `^sluice ctl: nobody answers at http://127.0.0.1:1: is it the address of a running service\? \(.+refused\)\n$`},
		{"sessions --token=wrong-key", exit.Failed, `^sluice ctl: The service does not know this key: give another one by --token, or in SLUICE_TOKEN.\n$`},
		{"streams --url=" + url + "/elsewhere", exit.Failed, `^sluice ctl: There is nothing at /elsewhere/api/v1/streams`},
	} {
		t.Run(tc.args, func(t *testing.T) {
			status, out, errs := run(strings.Fields(tc.args)...)
			require.Equal(t, tc.status, status, errs)
			require.Regexp(t, tc.want, out+errs)
		})
	}

	status, out, errs := run("streams", "--json")
	require.Equal(t, exit.Done, status, errs)
	var list api.StreamList
	require.NoError(t, json.Unmarshal([]byte(out), &list))
	require.Equal(t, "demo", list.Streams[0].Name)
	status, out, _ = run("sessions", "--json")
	require.Equal(t, exit.Done, status)
	require.JSONEq(t, `{"sessions": []}`, out)
	var o, e strings.Builder
	require.Equal(t, exit.Failed, Main(t.Context(), []string{"ctl", "sessions"}, []string{"SLUICE_URL=" + url}, &o, &e))
	require.Equal(t, "sluice ctl: This takes a key: give it by --token, or in SLUICE_TOKEN.\n", e.String())
}

// Lists are asked for in pages, and what steers goes out as the API takes it.
func TestCtlAsks(t *testing.T) {
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = append(asked, strings.TrimSpace(r.Method+" "+r.URL.String()+" "+string(body)))
		switch {
		case r.Method != http.MethodGet:
			w.WriteHeader(http.StatusNoContent)
		case r.URL.Query().Get("page_token") == "":
			_, _ = io.WriteString(w, `{"streams": [{"name": "a\u001b[2J", "state": "live"}], "next_page_token": "A"}`)
		default:
			_, _ = io.WriteString(w, `{"streams": [{"name": "b", "state": "live"}]}`)
		}
	}))
	defer server.Close()
	for args, want := range map[string]struct{ asked, out string }{
		"ready":                         {"GET /readyz", "Streams may begin.\n"},
		"streams":                       {"GET /api/v1/streams?limit=500\nGET /api/v1/streams?limit=500&page_token=A", "a [2J"},
		"kick demo":                     {"DELETE /api/v1/streams/demo", "The publisher of demo has been disconnected.\n"},
		"kick demo --json":              {"DELETE /api/v1/streams/demo", ""},
		"transform demo blur":           {`PUT /api/v1/streams/demo/transform {"transform":"blur"}`, "The pictures of demo are transformed: blur.\n"},
		"transform demo none":           {`PUT /api/v1/streams/demo/transform {"transform":""}`, "The pictures of demo are as they come.\n"},
		"air den show --participant=p1": {`PUT /api/v1/rooms/den/air {"stream":"show","participant":"p1"}`, "The room den is on air as show.\n"},
		"air den --off":                 {"DELETE /api/v1/rooms/den/air", "The room den is off the air.\n"},
		"revoke ABC":                    {"DELETE /api/v1/keys/ABC", "The key ABC has been revoked"},
		"record demo --stop":            {"DELETE /api/v1/streams/demo/recording", "The stream demo is no longer recorded.\n"},
		"remove den/2 p1":               {"DELETE /api/v1/rooms/den%2F2/participants/p1", "The participant has been removed from den/2.\n"},
	} {
		asked = nil
		var out, errs strings.Builder
		require.Equal(t, exit.Done, Main(t.Context(), append([]string{"ctl", "--url=" + server.URL}, strings.Fields(args)...), nil, &out, &errs), errs.String())
		require.Equal(t, want.asked, strings.Join(asked, "\n"), args)
		require.Contains(t, out.String(), want.out)
	}
}
