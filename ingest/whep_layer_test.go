package ingest

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/ingest/egress"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

func TestLayerRequest(t *testing.T) {
	for _, tt := range []struct {
		body   string
		want   egress.Ask
		status int
	}{
		{`{}`, egress.Ask{}, 0},
		{`{"mediaId": "1", "encodingId": "h", "spatialLayerId": 0, "temporalLayerId": 1}`, egress.Ask{Encoding: "h", Spatial: 1, Temporal: 2}, 0},
		{`{"mediaId": 1, "rid": "h", "spatialLayerId": 255, "temporalLayerId": 255, "maxTemporalLayerId": 255}`, egress.Ask{Encoding: "h"}, 0},
		{`{"mediaId": null, "encodingId": null, "maxWidth": 640, "maxHeight": 360, "maxSpatialLayerId": 2, "other": 1}`, egress.Ask{Spatial: 3, Width: 640, Height: 360}, 0},
		{`{"temporalLayerId": 2, "maxTemporalLayerId": 0}`, egress.Ask{Temporal: 1}, 0},
		{`{"mediaId": "0"}`, egress.Ask{}, 422},
		{`{"mediaId": "video"}`, egress.Ask{}, 422},
		{`{"mediaId": [1]}`, egress.Ask{}, 422},
		{`{"spatialLayerId": 2, "maxSpatialLayerId": 1}`, egress.Ask{Spatial: 2}, 0},
		{`{"spatialLayerId": 256}`, egress.Ask{}, 400},
		{`{"maxSpatialLayerId": -1}`, egress.Ask{}, 400},
		{`{"temporalLayerId": -1}`, egress.Ask{}, 400},
		{`{"maxTemporalLayerId": 256}`, egress.Ask{}, 400},
		{`{"maxWidth": 0}`, egress.Ask{}, 400},
		{`{"maxHeight": 100000}`, egress.Ask{}, 400},
		{`{"encodingId": 1}`, egress.Ask{}, 400},
		{`[]`, egress.Ask{}, 400},
		{`{} {}`, egress.Ask{}, 400},
		{``, egress.Ask{}, 400},
	} {
		got, refused := parseLayerRequest([]byte(tt.body), 1)
		require.Equal(t, tt.want, got, tt.body)
		if tt.status == 0 {
			require.Nil(t, refused, tt.body)
		} else {
			require.Equal(t, tt.status, refused.Status, tt.body)
		}
	}
}

func FuzzLayerRequest(f *testing.F) {
	f.Add([]byte(`{"mediaId": "1", "encodingId": "h", "temporalLayerId": 1, "maxWidth": 640, "maxHeight": 360}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		ask, refused := parseLayerRequest(body, 1)
		if refused != nil {
			require.Equal(t, egress.Ask{}, ask)
			require.Equal(t, 4, refused.Status/100)
		}
		require.True(t, ask.Temporal >= 0 && ask.Temporal <= anyLayer && ask.Width >= 0 && ask.Width <= largestPicture && ask.Height >= 0 && ask.Height <= largestPicture)
		events, refused := parseEvents(body)
		require.True(t, refused == nil || events == nil)
	})
}

// events reads an event stream until it ends.
func (f *fixture) events(path string) <-chan [2]string {
	f.Helper()
	req, err := http.NewRequestWithContext(f.Context(), http.MethodGet, f.url+path, nil)
	require.NoError(f, err)
	resp, err := f.client.Do(req)
	require.NoError(f, err)
	require.Equal(f, 200, resp.StatusCode)
	require.Equal(f, "text/event-stream", resp.Header.Get("Content-Type"))
	told := make(chan [2]string, 1024)
	go func() {
		defer close(told)
		defer resp.Body.Close()
		event := ""
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				event = name
			} else if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok {
				told <- [2]string{event, data}
			}
		}
	}()
	return told
}

// A viewer is told which layers there are and chooses one of them, or how much is enough, for all publishers to come; what it cannot have is refused.
func TestViewerAsksForLayers(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newSimulcaster(t, f, "cam")
	studio.film()
	track := f.server.sessions.Session(studio.location).Track(media.KindVideo)
	eventually(t, func() bool { return len(track.Encodings()) == 3 })
	viewer := newSpectator(t, f, "cam", peerOptions{})
	viewer.waitConnected()
	until := func(layer string) {
		t.Helper()
		for size := 0; size != map[string]int{"l": 73, "m": 253, "h": 973}[layer]; {
			size = len(rtptest.Wait(t, viewer.packets["video"], "layer "+layer).Payload)
		}
	}
	ask := func(body string) *http.Response {
		return f.do("POST", viewer.location+"/layer", body, "Content-Type", "application/json")
	}
	all := f.events(viewer.location + "/sse")
	require.Equal(t, [2]string{"active", "{}"}, rtptest.Wait(t, all, "an event"))
	made := f.do("POST", viewer.location+"/sse", `["layers"]`, "Content-Type", "application/json")
	require.Equal(t, 201, made.StatusCode)
	some := f.events(made.Header.Get("Location"))
	told := func(sent string) (layers sectionLayers) {
		t.Helper()
		for layers.Sent == nil || layers.Sent.EncodingID != sent {
			e := rtptest.Wait(t, some, "layers")
			require.Equal(t, "layers", e[0])
			var sections map[string]sectionLayers
			require.NoError(t, json.Unmarshal([]byte(e[1]), &sections))
			layers = sections["1"]
		}
		return layers
	}

	until("h")
	layers := told("h")
	for len(layers.Layers) < 3 { // until the last one flows
		layers = told("h")
	}
	require.Equal(t, layerInfo{EncodingID: "h", RID: "h", Index: 2, Bitrate: layers.Layers[0].Bitrate, Width: 640, Height: 480}, layers.Layers[0])
	require.Equal(t, "l", layers.Active[2].ID)
	require.Equal(t, 200, ask(`{"encodingId": "m"}`).StatusCode)
	until("m")
	told("m")
	require.Equal(t, 200, ask(`{"maxHeight": 239}`).StatusCode)
	until("l")
	f.requireProblem(ask(`{"encodingId": "x"}`), 422, "is one of")
	f.requireProblem(f.do("POST", viewer.location+"/layer", "{}"), 415, "application/json")
	f.requireProblem(ask(strings.Repeat(" ", 2000)), 413, "1024")
	f.requireProblem(f.do("GET", viewer.location+"/layer", ""), 405, "POST")
	f.requireProblem(f.do("POST", "/whep/cam/nobody/layer", "{}", "Content-Type", "application/json"), 404, "no such session")
	require.Equal(t, 200, ask(`{}`).StatusCode)
	until("h")

	require.Equal(t, 200, ask(`{"encodingId": "l"}`).StatusCode)
	until("l")
	studio.layers["l"].on.Store(false) // until it comes again, others are sent
	until("h")
	eventually(t, func() bool { return len(told("h").Inactive) == 1 })
	require.Equal(t, 200, f.do("DELETE", studio.location, "").StatusCode)
	for e := rtptest.Wait(t, all, "inactive"); e[0] != "inactive"; e = rtptest.Wait(t, all, "inactive") {
		require.Contains(t, []string{"layers"}, e[0])
	}
	require.Equal(t, 200, ask(`{"encodingId": "l"}`).StatusCode, "of whoever publishes next")
	next := newSimulcaster(t, f, "cam")
	next.film()
	until("l")
	require.Equal(t, 200, f.do("DELETE", made.Header.Get("Location"), "").StatusCode)
	for range some { // it ends
	}
	require.Equal(t, 404, f.do("GET", made.Header.Get("Location"), "").StatusCode)
	require.Equal(t, 200, f.do("DELETE", viewer.location, "").StatusCode)
	for range all {
	}
}

// A viewer chooses as soon as it has its answer: it need not be connected.
func TestViewerAsksBeforeItIsConnected(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newSimulcaster(t, f, "cam")
	studio.film()
	track := f.server.sessions.Session(studio.location).Track(media.KindVideo)
	eventually(t, func() bool { return len(track.Encodings()) == 3 })
	viewer := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly})
	at := f.post("/whep/cam", viewer.offer()).Header.Get("Location")
	require.Equal(t, 200, f.do("POST", at+"/layer", `{"encodingId": "l"}`, "Content-Type", "application/json").StatusCode)
	require.Equal(t, egress.Ask{Encoding: "l"}, f.server.sessions.Session(at).Use().(*viewing).viewer.Asked())
	f.requireProblem(f.do("POST", at+"/layer", `{"encodingId": "x"}`, "Content-Type", "application/json"), 422, "is one of")
}

// The extensions are where the answer says, and event streams are few.
func TestWHEPExtensions(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newPeer(t, peerOptions{})
	studio.publish(f, "/whip/cam")
	studio.waitConnected()
	studio.keepSending()
	viewer := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly})
	resp := f.post("/whep/cam", viewer.offer())
	at := resp.Header.Get("Location")
	require.Equal(t, []string{
		"<" + at + `/layer>; rel="urn:ietf:params:whep:ext:core:layer"`,
		"<" + at + `/sse>; rel="urn:ietf:params:whep:ext:core:server-sent-events"; events="active,inactive,layers,reconnect"`,
	}, resp.Header.Values("Link"))
	f.requireProblem(f.do("POST", at+"/layer", `{"encodingId": "h"}`, "Content-Type", "application/json"), 422, "one encoding")
	f.requireProblem(f.do("POST", at+"/sse", `{`, "Content-Type", "application/json"), 400, "list")
	f.requireProblem(f.do("PUT", at+"/sse", ""), 405, "POST")
	f.requireProblem(f.do("DELETE", at+"/sse/x", ""), 404, "event stream")
	for range maxEventStreams {
		require.Equal(t, 201, f.do("POST", at+"/sse", "").StatusCode)
	}
	f.requireProblem(f.do("POST", at+"/sse", ""), 429, "delete one")
	var streams []<-chan [2]string
	for range maxEventStreams {
		streams = append(streams, f.events(at+"/sse"))
	}
	f.requireProblem(f.do("GET", at+"/sse", ""), 429, "close one")
	require.Equal(t, 200, f.do("DELETE", at, "").StatusCode)
	for _, s := range streams {
		for range s { // it ends with the session
		}
	}
	audio := newPeer(t, peerOptions{direction: webrtc.RTPTransceiverDirectionRecvonly, audioOnly: true})
	resp = f.post("/whep/cam", audio.offer())
	require.Equal(t, 201, resp.StatusCode)
	require.Empty(t, resp.Header.Values("Link"))
	require.Equal(t, 404, f.do("POST", resp.Header.Get("Location")+"/layer", "{}", "Content-Type", "application/json").StatusCode)
}
