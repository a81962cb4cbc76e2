package ingest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/footprint"
	"github.com/sluice-live/sluice/ingest/internal/rtptest"
	"github.com/sluice-live/sluice/ingest/internal/webmtest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
	"github.com/sluice-live/sluice/ingest/upload"
)

// uploadFixture is a server whose streams are read.
type uploadFixture struct {
	*fixture
	pictures chan int    // their numbers
	sounds   chan uint32 // their time stamps
}

func newUploadFixture(t testing.TB, change func(*timers)) *uploadFixture {
	f := &uploadFixture{pictures: make(chan int, 4096), sounds: make(chan uint32, 4096)}
	ts := defaultTimers()
	if change != nil {
		change(&ts)
	}
	f.fixture = newFixtureWith(t, Options{OnPublish: func(p *session.Publisher) error {
		for _, track := range p.Tracks() {
			track.Subscribe(&uploadReader{f, track})
		}
		return nil
	}}, ts)
	return f
}

// uploadReader takes the numbers out of pictures.
type uploadReader struct {
	f     *uploadFixture
	track *media.Track
}

func (u *uploadReader) Deliver(p *media.Packet) {
	switch {
	case p.Report != nil:
	case u.track.Kind() == media.KindVideo:
		u.f.pictures <- int(binary.BigEndian.Uint32(p.RTP.Payload[len(p.RTP.Payload)-4:]))
	default:
		u.f.sounds <- p.RTP.Timestamp
	}
}

func (u *uploadReader) End() {}

// requirePictures checks that pictures of these numbers have come, and no others.
func (f *uploadFixture) requirePictures(ranges ...[2]int) {
	f.Helper()
	for _, r := range ranges {
		for n := r[0]; n < r[1]; n++ {
			require.Equal(f, n, rtptest.Wait(f, f.pictures, fmt.Sprintf("picture %d", n)))
		}
	}
	require.Empty(f, f.pictures)
}

func (f *uploadFixture) upload(body []byte, query string) *http.Response {
	f.Helper()
	return f.do("POST", "/upload/cam"+query, string(body), "Content-Type", "video/webm;codecs=vp8,opus") // as Chromium has it
}

func (f *uploadFixture) answer(resp *http.Response, status int) (a upload.Answer) {
	f.Helper()
	body := text(f, resp)
	require.Equal(f, status, resp.StatusCode, body)
	require.NoError(f, json.Unmarshal([]byte(body), &a))
	return a
}

// A recording in one request becomes a stream: all of it, at its own pace.
func TestUpload(t *testing.T) {
	f := newUploadFixture(t, nil)
	began := time.Now()
	whole := webmtest.Recording(5)
	a := f.answer(f.upload(whole, ""), 200)
	require.Equal(t, upload.Answer{Stream: "cam", Received: int64(len(whole))}, a)
	require.GreaterOrEqual(t, time.Since(began), 900*time.Millisecond, "a second's recording takes a second")
	f.requirePictures([2]int{0, 50})
	previous := rtptest.Wait(t, f.sounds, "sound")
	for range 49 {
		sound := rtptest.Wait(t, f.sounds, "sound")
		require.EqualValues(t, 960, sound-previous)
		previous = sound
	}
	_, live := f.server.Sessions().Publisher("cam")
	require.False(t, live)
	studio := newPeer(t, peerOptions{}) // over the same connection, which must be as good as before
	studio.publish(f.fixture, "/whip/cam")
	studio.waitConnected()
}

// Sound in packets of 60 ms that are too long for the way to a viewer is parted.
func TestUploadOfLongSound(t *testing.T) {
	f := newUploadFixture(t, nil)
	r := &webmtest.Recorder{}
	packet := append([]byte{0xfb, 3}, make([]byte, 3*500)...)
	body := append(r.Head(), webmtest.EBML(0x1F43B675, webmtest.EBML(0xE7, []byte{0}), webmtest.EBML(0xA3, []byte{0x82, 0, 0, 0}, packet), webmtest.EBML(0xA3, []byte{0x82, 0, 60, 0}, packet))...)
	f.answer(f.upload(body, ""), 200)
	first := rtptest.Wait(t, f.sounds, "sound")
	for n := 1; n < 6; n++ {
		require.EqualValues(t, n*960, rtptest.Wait(t, f.sounds, "sound")-first)
	}
	require.Empty(t, f.sounds)
}

// A form's files are read one after the other, its other fields are not.
func TestUploadOfForm(t *testing.T) {
	f := newUploadFixture(t, nil)
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	require.NoError(t, form.WriteField("title", "a recording"))
	for _, piece := range bytes.SplitAfter(webmtest.Recording(2), []byte("A_OPUS")) {
		part, err := form.CreateFormFile("piece", "piece.webm")
		require.NoError(t, err)
		_, _ = part.Write(piece)
	}
	require.NoError(t, form.Close())
	f.answer(f.do("POST", "/upload/cam", body.String(), "Content-Type", form.FormDataContentType()), 200)
	f.requirePictures([2]int{0, 20})
}

// What is wrong is told, and ends nothing else.
func TestUploadRefusals(t *testing.T) {
	f := newUploadFixture(t, func(ts *timers) { ts.uploads.Idle = 300 * time.Millisecond })
	whole := webmtest.Recording(1)
	for name, c := range map[string]struct {
		method, path, contentType string
		body                      []byte
		status                    int
		detail                    string
	}{
		"no recording":     {"POST", "/upload/cam", "video/webm", []byte("hello"), 400, "The recording cannot be played"},
		"nothing":          {"POST", "/upload/cam", "", nil, 400, "it is cut short"},
		"cut short":        {"POST", "/upload/cam", "", whole[:len(whole)-1], 400, "it is cut short"},
		"another codec":    {"POST", "/upload/cam", "", bytes.ReplaceAll(bytes.ReplaceAll(whole, []byte("A_OPUS"), []byte("A_FLAC")), []byte("V_VP8"), []byte("V_XXX")), 400, "record VP8, VP9, H.264 or AV1, with Opus"},
		"no WebSocket":     {"GET", "/upload/cam/ws", "", nil, 426, "as a WebSocket"},
		"another type":     {"POST", "/upload/cam", "text/plain", whole, 415, "video/webm"},
		"part of a type":   {"POST", "/upload/cam", "video", whole, 415, "video/webm"},
		"a form without":   {"POST", "/upload/cam", "multipart/form-data", whole, 415, "video/webm"},
		"bad name":         {"POST", "/upload/-", "", whole, 400, "A stream's name is"},
		"method":           {"PUT", "/upload/cam", "", whole, 405, "POST"},
		"no such session":  {"DELETE", "/upload/cam/ABC", "", nil, 404, "no such session"},
		"number":           {"POST", "/upload/cam?chunk=x&upload=a", "", whole, 400, "Number the chunks"},
		"no upload's name": {"POST", "/upload/cam?chunk=0", "", whole, 400, "name of its own"},
		"begun late":       {"POST", "/upload/cam?chunk=16&upload=a", "", whole, 404, "begin it with chunk 0"},
		"chunk too long":   {"POST", "/upload/cam?chunk=0&upload=a", "", make([]byte, upload.MaxChunk+1), 413, "shorter"},
	} {
		t.Run(name, func(t *testing.T) {
			f.fixture.TB = t
			f.requireProblem(f.do(c.method, c.path, string(c.body), "Content-Type", c.contentType), c.status, c.detail)
		})
	}
	f.fixture.TB = t
	require.Zero(t, f.server.Sessions().Count())
	body, stream := io.Pipe()
	go func() { _, _ = stream.Write(webmtest.Recording(1)) }()
	response, err := f.client.Post(f.url+"/upload/cam", "video/webm", body)
	require.NoError(t, err)
	require.Equal(t, 408, response.StatusCode, "what stops coming is given up")
	response.Body.Close()
	stream.Close()
}

// Who publishes next takes over, and the client of the one before is told.
func TestUploadIsTakenOver(t *testing.T) {
	f := newUploadFixture(t, nil)
	body, stream := io.Pipe()
	answers := make(chan *http.Response, 1)
	go func() {
		resp, err := f.client.Post(f.url+"/upload/cam", "video/webm", body)
		if err == nil {
			answers <- resp
		}
	}()
	r := &webmtest.Recorder{}
	_, err := stream.Write(append(r.Head(), r.Cluster()...))
	require.NoError(t, err)
	rtptest.Wait(t, f.pictures, "a picture")
	f.answer(f.upload(webmtest.Recording(1), ""), 200)
	told := rtptest.Wait(t, answers, "an answer")
	require.Equal(t, 410, told.StatusCode)
	told.Body.Close()
	stream.Close()
}

// Chunks come in any order, and twice.
func TestUploadOfChunks(t *testing.T) {
	f := newUploadFixture(t, func(ts *timers) { ts.uploads.Chunk = time.Hour })
	r := &webmtest.Recorder{}
	chunks := [][]byte{r.Head()}
	for range 5 {
		chunks = append(chunks, r.Cluster())
	}
	send := func(n int, more string) *http.Response {
		return f.upload(chunks[n], fmt.Sprintf("?chunk=%d&upload=a%s", n, more))
	}
	first := send(1, "")
	require.Regexp(t, "^/upload/cam/[A-Z2-7]+$", first.Header.Get("Location"))
	require.Equal(t, []int{0}, f.answer(first, 202).Missing)
	require.Equal(t, 2, f.answer(send(0, ""), 202).Next)
	require.Equal(t, 2, f.answer(send(3, ""), 202).Next)
	require.True(t, f.answer(send(3, ""), 200).Duplicate)
	require.True(t, f.answer(send(1, ""), 200).Duplicate)
	a := f.answer(send(5, "&last"), 202)
	require.Equal(t, []int{2, 4}, a.Missing)
	f.requireProblem(f.upload(nil, "?chunk=18&upload=a"), 429, "Chunk 2 has not come")
	require.Equal(t, 4, f.answer(send(2, ""), 202).Next)
	require.Equal(t, 6, f.answer(send(4, ""), 202).Next)
	f.requirePictures([2]int{0, 50})
	require.Eventually(t, func() bool { return f.server.Sessions().Count() == 0 }, rtptest.Patience, time.Millisecond, "the last chunk ends the upload")
	require.True(t, f.answer(send(4, ""), 200).Duplicate, "who repeats a chunk is told that it has come")
	f.requireProblem(f.upload(nil, "?chunk=7&upload=a"), 410, "the recording has ended")
}

// A chunk that does not come is given up: the stream goes on at the next key frame.
func TestUploadWithoutAChunk(t *testing.T) {
	f := newUploadFixture(t, func(ts *timers) { ts.uploads.Chunk = 100 * time.Millisecond })
	r := &webmtest.Recorder{}
	f.answer(f.upload(append(r.Head(), r.Cluster()...), "?chunk=0&upload=a"), 202)
	second := append(r.Cluster(), r.Cluster()...)
	half := len(second) * 3 / 4
	f.answer(f.upload(second[half:], "?chunk=2&upload=a"), 202)
	f.requirePictures([2]int{0, 10})
	require.Eventually(t, func() bool {
		a := f.answer(f.upload(nil, "?chunk=0&upload=a"), 200)
		return len(a.Lost) == 1 && a.Lost[0] == 1
	}, rtptest.Patience, 10*time.Millisecond)
	f.answer(f.upload(r.Cluster(), "?chunk=3&upload=a&last"), 202)
	f.requirePictures([2]int{30, 40})
}

// A chunk is not waited for any longer because more come after it, and what is complete is played to its end.
func TestUploadGivesUpInTime(t *testing.T) {
	f := newUploadFixture(t, func(ts *timers) { ts.uploads.Chunk = 300 * time.Millisecond })
	r := &webmtest.Recorder{}
	f.answer(f.upload(append(r.Head(), r.Cluster()...), "?chunk=0&upload=a"), 202)
	r.Cluster()
	began, pace := time.Now(), time.NewTicker(100*time.Millisecond)
	defer pace.Stop()
	for n := 2; len(f.answer(f.upload(r.Cluster(), fmt.Sprintf("?chunk=%d&upload=a", n)), 202).Lost) == 0; n++ {
		require.Less(t, time.Since(began), rtptest.Patience)
		require.Less(t, n, upload.ChunkWindow)
		<-pace.C
	}
	f = newUploadFixture(t, func(ts *timers) { ts.uploads.Idle = 600 * time.Millisecond })
	long := webmtest.Recording(10)
	f.answer(f.do("POST", "/upload/other?chunk=0&upload=a&last", string(long)), 202)
	var p *session.Publisher
	require.Eventually(t, func() bool { p, _ = f.server.Sessions().Publisher("other"); return p != nil }, rtptest.Patience, time.Millisecond)
	<-p.Done()
	require.ErrorIs(t, p.Err(), upload.ErrUploaded)
}

// An upload whose client goes away without a word ends, and so does one that is deleted.
func TestUploadOfChunksEnds(t *testing.T) {
	f := newUploadFixture(t, func(ts *timers) { ts.uploads.Idle = 200 * time.Millisecond })
	f.answer(f.upload((&webmtest.Recorder{}).Head(), "?chunk=0&upload=a"), 202)
	require.Eventually(t, func() bool { return f.server.Sessions().Count() == 0 }, rtptest.Patience, time.Millisecond)
	f.requireProblem(f.upload(nil, "?chunk=1&upload=a"), 408, "stopped coming")
	f = newUploadFixture(t, nil)
	resp := f.upload((&webmtest.Recorder{}).Head(), "?chunk=0&upload=b")
	require.Equal(t, 405, f.patch(resp.Header.Get("Location"), "", "*").StatusCode)
	require.Equal(t, 200, f.do("DELETE", resp.Header.Get("Location"), "").StatusCode)
	require.Zero(t, f.server.Sessions().Count())
}

// A chunk that does not come is not waited for for long.
func TestUploadChunkThatDoesNotCome(t *testing.T) {
	f := newUploadFixture(t, func(ts *timers) { ts.body = 200 * time.Millisecond })
	body, stream := io.Pipe()
	defer stream.Close()
	response, err := f.client.Post(f.url+"/upload/cam?chunk=0&upload=a", "video/webm", body)
	require.NoError(t, err)
	f.requireProblem(response, 408, "send it again")
}

func (f *uploadFixture) dial() *websocket.Conn {
	f.Helper()
	conn, _, err := websocket.Dial(f.Context(), strings.Replace(f.url, "http", "ws", 1)+"/upload/cam/ws", &websocket.DialOptions{HTTPClient: f.client, Subprotocols: []string{upload.Protocol}})
	require.NoError(f, err)
	require.Equal(f, upload.Protocol, conn.Subprotocol())
	f.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// until reads messages up to the event.
func (f *uploadFixture) until(conn *websocket.Conn, event string) (e upload.Event) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), rtptest.Patience)
	defer cancel()
	for e.Event != event {
		require.NoError(f, wsjson.Read(ctx, conn, &e))
	}
	return e
}

// Messages are bytes, or the same in base64; the end is agreed on by both sides.
func TestUploadSocket(t *testing.T) {
	f := newUploadFixture(t, nil)
	conn := f.dial()
	r := &webmtest.Recorder{}
	write := func(kind websocket.MessageType, b []byte) { require.NoError(t, conn.Write(t.Context(), kind, b)) }
	write(websocket.MessageBinary, r.Head())
	write(websocket.MessageText, []byte(base64.StdEncoding.EncodeToString(r.Cluster())))
	write(websocket.MessageText, []byte("data:video/webm;codecs=vp8,opus;base64,"+base64.StdEncoding.EncodeToString(r.Cluster())))
	for range 5 {
		write(websocket.MessageBinary, r.Cluster())
	}
	require.False(t, f.until(conn, "status").SlowDown)
	write(websocket.MessageText, []byte(`{"event":"end"}`))
	require.Positive(t, f.until(conn, "ended").Received)
	_, _, err := conn.Read(t.Context())
	require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(err))
	f.requirePictures([2]int{0, 70})
	require.Eventually(t, func() bool { return f.server.Sessions().Count() == 0 }, rtptest.Patience, time.Millisecond)
}

// The client's closing handshake is answered, and what it has sent before is played to its end.
func TestUploadSocketClosedByClient(t *testing.T) {
	f := newUploadFixture(t, nil)
	for _, code := range []websocket.StatusCode{websocket.StatusNormalClosure, websocket.StatusNoStatusRcvd} {
		conn := f.dial()
		require.NoError(t, conn.Write(t.Context(), websocket.MessageBinary, webmtest.Recording(10)))
		require.NoError(t, conn.Close(code, ""), "the handshake is completed")
		f.requirePictures([2]int{0, 100})
		require.Eventually(t, func() bool { return f.server.Sessions().Count() == 0 }, rtptest.Patience, time.Millisecond)
	}
}

// What is wrong is told before the server closes.
func TestUploadSocketErrors(t *testing.T) {
	f := newUploadFixture(t, func(ts *timers) { ts.uploads.Idle = 2 * time.Second })
	for name, c := range map[string]struct {
		kind    websocket.MessageType
		message []byte
		detail  string
		code    websocket.StatusCode
	}{
		"no recording": {websocket.MessageBinary, []byte("hello, hello"), "cannot be played", websocket.StatusUnsupportedData},
		"no base64":    {websocket.MessageText, []byte("***"), "text must be base64", websocket.StatusUnsupportedData},
		"no event":     {websocket.MessageText, []byte(`{"event":"begin"}`), "text must be base64", websocket.StatusUnsupportedData},
		"silence":      {websocket.MessageBinary, (&webmtest.Recorder{}).Head(), "stopped coming", websocket.StatusPolicyViolation},
	} {
		t.Run(name, func(t *testing.T) {
			f.fixture.TB = t
			conn := f.dial()
			require.NoError(t, conn.Write(t.Context(), c.kind, c.message))
			require.Contains(t, f.until(conn, "error").Detail, c.detail)
			_, _, err := conn.Read(t.Context())
			require.Equal(t, c.code, websocket.CloseStatus(err))
		})
	}
	f.fixture.TB = t
	require.Eventually(t, func() bool { return f.server.Sessions().Count() == 0 }, rtptest.Patience, time.Millisecond)
}

// A message that is too long, and a connection that is cut, end their own upload alone.
func TestUploadSocketCutOff(t *testing.T) {
	f := newUploadFixture(t, nil)
	conn := f.dial()
	_ = conn.Write(t.Context(), websocket.MessageBinary, make([]byte, upload.MaxChunk*4/3+1))
	require.Eventually(t, func() bool { return f.server.Sessions().Count() == 0 }, rtptest.Patience, time.Millisecond)
	require.NoError(t, f.dial().CloseNow())
	require.Eventually(t, func() bool { return f.server.Sessions().Count() == 0 }, rtptest.Patience, time.Millisecond)
}

// What cannot be played takes no memory any more once that is known, while other uploads go on.
func TestUploadJunkIsForgotten(t *testing.T) {
	f := newUploadFixture(t, func(ts *timers) { ts.uploads.Idle = time.Hour })
	r := &webmtest.Recorder{}
	conn := f.dial()
	require.NoError(t, conn.Write(t.Context(), websocket.MessageBinary, append(r.Head(), r.Cluster()...)))
	f.requirePictures([2]int{0, 10})
	const others = 1 << 20 // bytes, more than the reader of the one that goes on keeps, and no more than one of those that are junk
	require.Less(t, f.server.Uploads().Held(), int64(others))
	junk := make([]byte, upload.MaxChunk)
	before := footprint.Take(t)
	for i := range 60 {
		stream := fmt.Sprintf("/upload/junk%d?upload=a&chunk=", i)
		f.answer(f.do("POST", stream+"3", string(junk[:1<<20])), 202)
		resp := f.do("POST", stream+"0", string(junk))
		require.Contains(t, []int{200, 202, 400}, resp.StatusCode, text(t, resp)) // 200: it has been given up for lost before
	}
	require.Eventually(t, func() bool { return f.server.Uploads().Held() < others }, rtptest.Patience, time.Millisecond)
	f.requireProblem(f.do("POST", "/upload/junk0?upload=a&chunk=4", string(junk)), 400, "cannot be played")
	require.Less(t, f.server.Uploads().Held(), int64(others), "what comes after it either")
	before.RequireBack(t, 4) // kept connections of the client
	require.NoError(t, conn.Write(t.Context(), websocket.MessageBinary, r.Cluster()))
	f.requirePictures([2]int{10, 20})
	require.Zero(t, f.server.Uploads().Refused())
}

// MP4 as Safari records it is taken in every way: pictures and sound arrive.
func TestUploadOfMP4InEveryWay(t *testing.T) {
	arguments := "-loglevel error -f lavfi -i testsrc2=size=64x48:rate=10 -f lavfi -i sine=sample_rate=48000 -t 1 -c:v libx264 -preset ultrafast -tune zerolatency -g 5 " +
		"-c:a libopus -movflags +frag_keyframe+empty_moov+default_base_moof -f mp4 -"
	recording, err := exec.Command("ffmpeg", strings.Fields(arguments)...).Output()
	require.NoError(t, err, "ffmpeg (install it with apt-get install ffmpeg)")
	half := len(recording) / 2
	const kind = "video/mp4;codecs=avc1.42E028,opus"
	for name, send := range map[string]func(f *uploadFixture){
		"request": func(f *uploadFixture) {
			f.answer(f.do("POST", "/upload/cam", string(recording), "Content-Type", kind), 200)
		},
		"chunks": func(f *uploadFixture) {
			f.answer(f.do("POST", "/upload/cam?upload=a&chunk=1&last", string(recording[half:]), "Content-Type", kind), 202)
			f.answer(f.do("POST", "/upload/cam?upload=a&chunk=0", string(recording[:half]), "Content-Type", kind), 202)
		},
		"form": func(f *uploadFixture) {
			var body bytes.Buffer
			form := multipart.NewWriter(&body)
			part, err := form.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="v"; filename="v.mp4"`}, "Content-Type": {kind}})
			require.NoError(t, err)
			_, _ = part.Write(recording)
			require.NoError(t, form.Close())
			f.answer(f.do("POST", "/upload/cam", body.String(), "Content-Type", form.FormDataContentType()), 200)
		},
		"socket": func(f *uploadFixture) {
			conn := f.dial()
			require.NoError(t, conn.Write(t.Context(), websocket.MessageBinary, recording[:half]))
			require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte("data:"+kind+";base64,"+base64.StdEncoding.EncodeToString(recording[half:]))))
			require.NoError(t, conn.Write(t.Context(), websocket.MessageText, []byte(`{"event":"end"}`)))
			require.Empty(t, f.until(conn, "ended").Ignored)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newUploadFixture(t, func(ts *timers) { ts.uploads.Chunk = time.Hour })
			send(f)
			require.Eventually(t, func() bool { return len(f.sounds) > 40 && len(f.pictures) >= 10 }, rtptest.Patience, time.Millisecond)
			require.Eventually(t, func() bool { return f.server.Sessions().Count() == 0 }, rtptest.Patience, time.Millisecond)
		})
	}
}
