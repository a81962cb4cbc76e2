package e2e

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type apiSession struct {
	ID, Kind, Name, State string
	Received, Sent        struct {
		Bitrate float64
		Packets uint64
	}
	Media []struct {
		Kind          string
		FPS           float64
		Width, Height int
	}
}

// The dashboard shows what flows in both directions, to who has a key for everything.
func TestDashboard(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", smallRung, "--linger", "1s", "--record=false", "--auth-publish", "open-sesame,other=for-one-stream")
	startPublish(t, "test", s.base+"/whip/show", "--token", "open-sesame")
	s.waitState("show", "live")
	viewer := newWHEPViewer(t, s.base+"/whep/show", nil)
	defer viewer.stop()

	get := func(path, key string) *http.Response {
		request, err := http.NewRequestWithContext(t.Context(), "GET", s.base+path, nil)
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+key)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		return response
	}
	for key, status := range map[string]int{"": 401, "wrong-key": 401, "for-one-stream": 403} {
		response := get("/api/v1/sessions", key)
		require.Equal(t, status, response.StatusCode, key)
		response.Body.Close()
	}
	events := get("/api/v1/sessions/events", "open-sesame")
	defer events.Body.Close()
	require.Equal(t, "text/event-stream", events.Header.Get("Content-Type"))
	lines := bufio.NewScanner(events.Body)
	lines.Buffer(nil, 1<<20)
	for met := false; !met; {
		require.True(t, lines.Scan(), "the events ended: %v", lines.Err())
		data, ok := strings.CutPrefix(lines.Text(), "data: ")
		if !ok {
			continue
		}
		var told struct{ Sessions []apiSession }
		require.NoError(t, json.Unmarshal([]byte(data), &told))
		sessions := told.Sessions
		met = len(sessions) == 2 && sessions[0].Received.Bitrate > 0 && len(sessions[0].Media) == 2 && sessions[1].Sent.Bitrate > 0
		if met {
			require.Equal(t, [2]string{"publisher", "viewer"}, [2]string{sessions[0].Kind, sessions[1].Kind})
		}
	}
	eventually(t, func() bool { return s.metric(`sluice_session_bitrate{direction="sent",kind="viewer"}`) > 0 }, "nothing flows to the viewer")

	page := cameraBrowser.forTest(t).open(s.base + "/dashboard")
	page.wait("it asks for a key", `document.querySelector("#key-dialog").open`)
	page.run(`(() => { document.querySelector("#key").value = "open-sesame"; document.querySelector("#key-dialog form").requestSubmit(document.querySelector("#key-dialog [value=ok]")); })()`, nil)
	page.wait("the sessions", `document.querySelectorAll("#sessions tr").length === 2 && document.querySelector("#sessions").textContent.includes("viewer show")`)
	page.wait("the stream", `document.querySelector("#streams").textContent.includes("show")`)
	page.wait("what flows", `/bit/.test(document.querySelector("#received").textContent) && /bit/.test(document.querySelector("#sent").textContent)`)
	page.screenshot("dashboard")
}
