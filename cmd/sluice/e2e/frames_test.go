package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A still picture becomes a stream in which it stands, as a processor has changed it, and ends when its client says so.
func TestFramesBecomeAStream(t *testing.T) {
	alongside(t, paged)
	s := startService(t, "--ladder", clockRung, "--segment", "1s", "--linger", "1s", "--auth-publish", "open-sesame")
	var still bytes.Buffer
	require.NoError(t, png.Encode(&still, halfRed{}))
	send := func(method, path, key string, body []byte) (*http.Response, []byte) {
		request, err := http.NewRequest(method, s.base+path, bytes.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+key)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		answer, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		return response, answer
	}
	refused, _ := send(http.MethodPost, "/frames/still", "wrong-key", still.Bytes())
	require.Equal(t, http.StatusUnauthorized, refused.StatusCode)

	response, answer := send(http.MethodPost, "/frames/still?process=mirror&hold=10m", "open-sesame", still.Bytes())
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", answer)
	back, err := jpeg.Decode(bytes.NewReader(answer))
	require.NoError(t, err)
	red, blue := func(c colour) bool { return c.r > 2*c.b+60 }, func(c colour) bool { return c.b > 2*c.r+60 }
	left, right := area{10, 30, 60, 90}, area{100, 30, 150, 90}
	mirrored := func(p *frame) bool { return p != nil && blue(p.mean(left)) && red(p.mean(right)) }
	require.True(t, mirrored(frameOf(back)))
	s.waitState("still", "live")
	eventually(t, func() bool { return mirrored(newestPicture(t, s, "still")) }, "viewers do not see the picture")
	for _, format := range []string{"jpg", "png"} {
		var header http.Header
		var file []byte
		eventually(t, func() bool {
			var status int
			status, header, file = s.get("/live/still/snapshot." + format)
			return status == http.StatusOK
		}, "no snapshot: %s", func() string { return string(file) })
		picture, as, err := image.Decode(bytes.NewReader(file))
		require.NoError(t, err, "%s", file)
		require.Equal(t, strings.TrimPrefix(header.Get("Content-Type"), "image/"), as)
		require.Equal(t, image.Pt(320, 240), picture.Bounds().Size())
		require.True(t, blue(colourAt(picture, 80, 120)) && red(colourAt(picture, 240, 120)))
	}

	still.Reset()
	require.NoError(t, png.Encode(&still, cameraPicture()))
	response, answer = send(http.MethodPost, "/frames/still?hold=10m", "open-sesame", still.Bytes())
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", answer)
	require.Equal(t, http.StatusNoContent, s.transform(t, "still", `{"transform":"faces"}`, "open-sesame"))
	seen := s.faces("still")
	require.Len(t, seen.Faces, 1)
	scale := 640 / float64(seen.Width)
	require.InDelta(t, faceX, (seen.Faces[0].X+seen.Faces[0].Width/2)*scale, faceScale/2)
	require.InDelta(t, faceY, (seen.Faces[0].Y+seen.Faces[0].Height/2)*scale, faceScale/2)
	requireFacesInMedia(t, s, "still")
	require.Equal(t, http.StatusNoContent, s.transform(t, "still", `{"transform":""}`, "open-sesame"))

	response, answer = send(http.MethodPost, "/frames/still?process=faces", "open-sesame", still.Bytes())
	require.Equal(t, http.StatusOK, response.StatusCode, "%s", answer)
	var boxes []struct{ X, Y, Width, Height float64 }
	require.NoError(t, json.Unmarshal([]byte(response.Header.Get("Sluice-Faces")), &boxes))
	require.Len(t, boxes, 1)
	require.InDelta(t, faceX, boxes[0].X+boxes[0].Width/2, faceScale/2)
	require.InDelta(t, faceY, boxes[0].Y+boxes[0].Height/2, faceScale/2)

	response, _ = send(http.MethodDelete, response.Header.Get("Location"), "open-sesame", nil)
	require.Equal(t, http.StatusOK, response.StatusCode)
	s.waitState("still", "ended")
}

// Players of HLS and DASH, as they come, hear from the media where the face is, when its picture is shown.
func requireFacesInMedia(t *testing.T, s *service, name string) {
	t.Helper()
	const (
		cue   = `[...(video.textTracks[0]?.activeCues ?? [])].find((c) => c.value.info === "urn:sluice:faces")?.value.data`
		frame = `e.event.parsedMessageData.find((f) => f.info === "urn:sluice:faces").data`
		heard = `state.heard ||= JSON.parse(text).faces.length === 1;`
	)
	page := cameraBrowser.forTest(t).open(newStage(t) + "/habits.html")
	for _, h := range []habit{
		{"hls.js", index, starting, withHls(`{}`, `setInterval(() => { const text = `+cue+`; if (text) `+heard+` }, 50);`)},
		{"dash.js", mpd, starting, withDash("video, url, true", `p.on("https://aomedia.org/emsg/ID3", (e) => { const text = `+frame+`; `+heard+` }, null, {mode: "eventModeOnStart"});`)},
	} {
		page.run(fmt.Sprintf("begin(%q, %q, %s, %q)", h.name, s.base+"/live/"+name+"/"+h.file, h.properties, h.open), nil)
		page.wait(h.name+" hears of the face", fmt.Sprintf("players[%q].heard", h.name))
	}
}

// colourAt is that of one point of a picture.
func colourAt(picture image.Image, x, y int) colour {
	r, g, b, _ := picture.At(x, y).RGBA()
	return colour{int(r >> 8), int(g >> 8), int(b >> 8)}
}

// facesEvent is what an event says of where faces are.
type facesEvent struct {
	Width int
	Faces []struct{ X, Y, Width, Height float64 }
}

// faces waits for an event of a stream that tells where faces are.
func (s *service) faces(name string) (found facesEvent) {
	s.t.Helper()
	ctx, stop := context.WithTimeout(s.t.Context(), 2*time.Minute)
	defer stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/api/v1/streams/"+name+"/events", nil)
	require.NoError(s.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for told := false; lines.Scan(); {
		if data, ok := strings.CutPrefix(lines.Text(), "data: "); ok && told {
			require.NoError(s.t, json.Unmarshal([]byte(data), &found))
			if len(found.Faces) > 0 {
				return found
			}
		}
		if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			told = event == "faces"
		}
	}
	require.Fail(s.t, "no face is told of", "%v", lines.Err())
	return found
}
