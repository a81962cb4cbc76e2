package frames

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"image"
	"image/color"
	"image/draw"
	"image/jpeg"
	"image/png"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/coder/websocket/wsjson"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/sluice-live/sluice/ingest/channel"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/session"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench stands for the tools.
type bench struct {
	mu      sync.Mutex
	encoded []string // sizes, and lumas of the first pixel
	closed  int
	hold    chan struct{} // what a processor waits for, if it is not nil
}

func (b *bench) NewEncoder(width, height int) (Encoder, error) { return encoderOf{b}, nil }

type encoderOf struct{ *bench }

func (e encoderOf) Encode(picture []byte, _ time.Duration) ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.encoded = append(e.encoded, string(picture[:1]))
	return []byte{0x10, 2, 3}, nil
}

func (e encoderOf) Close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed++
}

func (b *bench) lumas() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Join(b.encoded, "")
}

// NewProcessor makes one that inverts, or "broken", which fails.
func (b *bench) NewProcessor(name, _ string, _, _ int) (Processor, error) {
	if name == "broken" {
		return nil, errors.New("there is no ffmpeg")
	}
	return inverter{b}, nil
}

type inverter struct{ *bench }

func (i inverter) Process(p *Picture, _ time.Duration) ([]Box, error) {
	if i.hold != nil {
		<-i.hold
	}
	for at := range p.Width * p.Height {
		p.Data[at] = 255 - p.Data[at]
	}
	return []Box{{X: 1, Y: 2, Width: 3, Height: 4, Score: 5}}, nil
}

func (inverter) Close() {}

// nobody follows what is published.
type nobody struct{}

func (nobody) Published(string, []*media.Track) {}
func (nobody) Unpublished(string)               {}

// newFrames makes streams that end with the test.
func newFrames(t *testing.T, b *bench) *Frames {
	t.Helper()
	registry := session.NewRegistry(session.Limits{Streams: 4, Sessions: 4, PerAddress: 4, Connecting: 4, Logger: slog.New(slog.DiscardHandler)}, nobody{})
	f := New(Config{
		Tools:    Tools{NewEncoder: b.NewEncoder, NewProcessor: b.NewProcessor, Processors: []string{"invert", "broken"}},
		Sessions: registry, Packets: media.NewPacketPool(), Connect: time.Minute, Body: time.Minute, Logger: slog.New(slog.DiscardHandler),
		OnPublish: func(*session.Publisher) error { return nil },
	}, 1)
	t.Cleanup(func() {
		registry.Stop()
		registry.Wait()
		require.True(t, registry.Empty())
		require.Zero(t, f.Stats().Held)
	})
	return f
}

// gray is a picture of one luma.
func gray(width, height int, luma byte) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.Draw(m, m.Bounds(), image.NewUniform(color.Gray{Y: luma}), image.Point{}, draw.Src)
	return m
}

func asJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, m, nil))
	return b.Bytes()
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, m))
	return b.Bytes()
}

// post sends a body to a stream, and returns the answer.
func post(f *Frames, query, contentType string, body []byte, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, "/frames/cam"+query, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	if p := f.Post(w, r, "cam"); p != nil {
		p.Write(w)
	}
	return w
}

func TestPicturesBecomeAStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // the newest picture is encoded again after a second
		b := &bench{}
		f := newFrames(t, b)
		form := func(name, file string, body []byte) (string, []byte) {
			var b bytes.Buffer
			w := multipart.NewWriter(&b)
			require.NoError(t, w.WriteField("title", "not a picture"))
			part, err := w.CreateFormField(name)
			if file != "" {
				part, err = w.CreateFormFile(name, file)
			}
			require.NoError(t, err)
			_, err = part.Write(body)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			return w.FormDataContentType(), b.Bytes()
		}
		picture := asJPEG(t, gray(64, 48, 0))
		text := []byte(base64.StdEncoding.EncodeToString(picture))
		for i, c := range []func() (string, []byte){
			func() (string, []byte) { return "image/jpeg", picture },
			func() (string, []byte) { return "", asPNG(t, gray(64, 48, 255)) },
			func() (string, []byte) { return form("photo", "a.jpg", picture) },
			func() (string, []byte) { return form("frame", "", text) },
			func() (string, []byte) { return "text/plain", append([]byte("data:image/jpeg;base64,"), text...) },
			func() (string, []byte) { return "text/plain; charset=utf-8", text },
			func() (string, []byte) { return "application/octet-stream", asPNG(t, gray(32, 48, 0)) },
		} {
			kind, body := c()
			w := post(f, "", kind, body, "")
			require.Equal(t, http.StatusOK, w.Code, "%d: %s", i, w.Body)
			var answer Answer
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
			require.Equal(t, "cam", answer.Stream)
			require.Equal(t, uint64(i+1), answer.Frame)
			require.Equal(t, 48, answer.Height)
			require.Contains(t, w.Header().Get("Location"), "/frames/cam/")
		}
		require.Equal(t, "\x10\xeb\x10\x10\x10\x10\x10", b.lumas(), "black is 16 and white 235")
		require.Equal(t, 1, b.closed, "the last one has another size")
		require.Equal(t, uint64(7), f.Stats().Taken)
	})
}

// What a picture is, its bytes tell: types are written wrongly, or by habit.
func TestTypesOfPictures(t *testing.T) {
	for kind, taken := range map[string]bool{
		"image/jpg": true, "IMAGE/PJPEG": true, "image/x-png": true, "image/png; name=a b": true, "image/jpeg;": true,
		"application/x-www-form-urlencoded": true, // of curl --data-binary
		"image/gif":                         false, "application/json": false, "multipart/form-data": false, "multipart/form-data; boundary=": false,
	} {
		body, refused := readPicture(kind, strings.NewReader("bytes"))
		require.Equal(t, taken, refused == nil, kind)
		if taken {
			require.Equal(t, "bytes", string(body))
		}
	}
}

func TestProcessedPicturesComeBack(t *testing.T) {
	f := newFrames(t, &bench{})
	luma := func(m image.Image) byte { return color.GrayModel.Convert(m.At(3, 3)).(color.Gray).Y }
	w := post(f, "?process=invert", "image/png", asPNG(t, gray(64, 48, 0)), "")
	require.Equal(t, http.StatusOK, w.Code)
	require.Equal(t, "image/jpeg", w.Header().Get("Content-Type"))
	require.Equal(t, "1", w.Header().Get(FrameHeader))
	require.Contains(t, w.Header().Get("Server-Timing"), "total;dur=")
	require.Contains(t, w.Header().Get(FacesHeader), `"width":3`)
	m, err := jpeg.Decode(w.Body)
	require.NoError(t, err)
	require.Greater(t, luma(m), byte(250))

	w = post(f, "?process=invert", "image/png", asPNG(t, gray(64, 48, 255)), "image/png")
	m, err = png.Decode(w.Body)
	require.NoError(t, err)
	require.Less(t, luma(m), byte(8))

	w = post(f, "?process=invert", "image/png", asPNG(t, gray(64, 48, 255)), "application/json")
	var answer Answer
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &answer))
	require.True(t, strings.HasPrefix(answer.Image, "data:image/jpeg;base64,"))
	require.Equal(t, []Box{{1, 2, 3, 4, 5}}, answer.Faces)

	require.Equal(t, http.StatusServiceUnavailable, post(f, "?process=broken", "image/png", asPNG(t, gray(64, 48, 255)), "").Code)
	require.Equal(t, http.StatusOK, post(f, "", "image/png", asPNG(t, gray(64, 48, 255)), "").Code, "the stream goes on")
}

func TestPictureRefusals(t *testing.T) {
	f := newFrames(t, &bench{})
	good := asJPEG(t, gray(64, 48, 0))
	for _, c := range []struct {
		name, query, kind string
		body              []byte
		status            int
		detail            string
	}{
		{"nothing", "", "image/jpeg", nil, 400, "no picture"},
		{"text", "", "image/jpeg", []byte("hello, world, this is text"), 415, "no picture that is known"},
		{"type", "", "video/webm", good, 415, "Send a picture as one of"},
		{"cut short", "", "image/jpeg", good[:len(good)-9], 400, "cannot be decoded"},
		{"header cut short", "", "image/jpeg", good[:12], 400, "header cannot be read"},
		{"small", "", "image/png", asPNG(t, gray(15, 48, 0)), 422, "at least 16×16"},
		{"wide", "", "image/jpeg", withSize(good, 5000, 100), 413, "5000×100"},
		{"many pixels in few bytes", "", "image/jpeg", withSize(good, 4000, 4000), 413, "4000×4000"},
		{"many scans", "", "image/jpeg", append(bytes.Clone(good), bytes.Repeat([]byte{0xff, 0xda}, maxScans)...), 413, "scans"},
		{"long", "", "image/jpeg", append(bytes.Clone(good), make([]byte, MaxBytes)...), 413, "8 MiB"},
		{"no base64", "", "text/plain", []byte("data:image/jpeg;base64,§"), 400, "base64"},
		{"data URL of something else", "", "text/plain", []byte("data:text/html;base64,aGVsbG8="), 400, "base64"},
		{"empty form", "", "multipart/form-data; boundary=x", []byte("--x--\r\n"), 400, "no picture"},
		{"processor", "?process=swirl", "image/jpeg", good, 400, "invert, broken"},
		{"hold", "?hold=1h", "image/jpeg", good, 400, "from 1s to 10m0s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := post(f, c.query, c.kind, c.body, "")
			require.Equal(t, c.status, w.Code, w.Body)
			require.Contains(t, w.Body.String(), c.detail)
		})
	}
	require.Equal(t, uint64(15), f.Stats().Refused)
}

// withSize has the header of a JPEG tell another size (T.81 §B.2.2).
func withSize(picture []byte, width, height int) []byte {
	picture = bytes.Clone(picture)
	at := bytes.Index(picture, []byte{0xff, 0xc0})
	copy(picture[at+5:], []byte{byte(height >> 8), byte(height), byte(width >> 8), byte(width)})
	return picture
}

// The newest picture stands, which costs one frame a second, and then the stream ends; time costs nothing here.
func TestNewestPictureIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := &bench{}
		f := newFrames(t, b)
		require.Equal(t, http.StatusOK, post(f, "?hold=5s", "image/png", asPNG(t, gray(64, 48, 255)), "").Code)
		publisher, ok := f.config.Sessions.Publisher("cam")
		require.True(t, ok)
		time.Sleep(3500 * time.Millisecond)
		require.Equal(t, "\xeb\xeb\xeb\xeb", b.lumas())
		require.Equal(t, http.StatusOK, post(f, "?hold=5s", "image/png", asPNG(t, gray(64, 48, 0)), "").Code)
		time.Sleep(4500 * time.Millisecond)
		require.NoError(t, publisher.Err())
		<-publisher.Done()
		require.ErrorIs(t, publisher.Err(), ErrSilent)
		require.Equal(t, "\xeb\xeb\xeb\xeb\x10\x10\x10\x10\x10", b.lumas())
		require.Equal(t, 1, b.closed)
		w := post(f, "", "image/png", asPNG(t, gray(64, 48, 0)), "")
		require.Contains(t, w.Body.String(), `"frame":1`, "another stream begins")
	})
}

// dial opens a WebSocket of the service.
func dial(t *testing.T, f *Frames, query string) *websocket.Conn {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := f.ServeSocket(w, r, "cam"); p != nil {
			p.Write(w)
		}
	}))
	t.Cleanup(server.Close)
	conn, _, err := websocket.Dial(context.Background(), "ws"+server.URL[4:]+"/frames/cam/ws"+query, &websocket.DialOptions{Subprotocols: []string{Protocol}})
	require.NoError(t, err)
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func next(t *testing.T, conn *websocket.Conn) (e Event) {
	t.Helper()
	require.NoError(t, wsjson.Read(context.Background(), conn, &e))
	return e
}

func TestPicturesOverASocket(t *testing.T) {
	f := newFrames(t, &bench{})
	conn := dial(t, f, "?process=invert")
	send := func(kind websocket.MessageType, message []byte) {
		require.NoError(t, conn.Write(context.Background(), kind, message))
	}
	white := asJPEG(t, gray(64, 48, 255))
	send(websocket.MessageBinary, white)
	e := next(t, conn)
	require.Equal(t, Event{Event: "frame", Frame: 1, Process: "invert", Width: 64, Height: 48, Took: e.Took, Faces: e.Faces, Type: "image/jpeg", Bytes: e.Bytes}, e)
	kind, back, err := conn.Read(context.Background())
	require.NoError(t, err)
	require.Equal(t, websocket.MessageBinary, kind)
	require.Len(t, back, e.Bytes)
	_, err = jpeg.Decode(bytes.NewReader(back))
	require.NoError(t, err)

	send(websocket.MessageText, []byte(base64.StdEncoding.EncodeToString(white)))
	e = next(t, conn)
	require.Equal(t, uint64(2), e.Frame)
	require.True(t, strings.HasPrefix(e.Image, "data:image/jpeg;base64,"))

	send(websocket.MessageText, []byte(`{"event":"process","process":""}`))
	send(websocket.MessageBinary, white)
	e = next(t, conn)
	require.Equal(t, Event{Event: "frame", Frame: 3, Width: 64, Height: 48, Took: e.Took}, e, "no picture comes back")

	for i, bad := range []string{"§", `{"event":"dance"}`, `{"event":"process","process":"swirl"}`} {
		send(websocket.MessageText, []byte(bad))
		e = next(t, conn)
		require.Equal(t, "error", e.Event)
		require.Equal(t, uint64(4+i), e.Frame)
		require.Equal(t, http.StatusBadRequest, e.Code)
		require.NotEmpty(t, e.Detail)
	}
	send(websocket.MessageText, []byte(`{"event":"end"}`))
	require.Equal(t, Event{Event: "ended"}, next(t, conn))
	_, _, err = conn.Read(context.Background())
	require.Equal(t, websocket.StatusNormalClosure, websocket.CloseStatus(err))
}

func TestPicturesThatComeTooFastAreRefusedInTheirOrder(t *testing.T) {
	b := &bench{hold: make(chan struct{})}
	f := newFrames(t, b)
	conn := dial(t, f, "?process=invert")
	const sent = queueLength + 5
	for range sent {
		require.NoError(t, conn.Write(context.Background(), websocket.MessageBinary, asJPEG(t, gray(64, 48, 255))))
	}
	require.Eventually(t, func() bool { // all have come
		return f.Stats().Held >= int64(sent*len(asJPEG(t, gray(64, 48, 255))))
	}, 2*time.Minute, time.Millisecond)
	close(b.hold)
	refused := 0
	for i := range sent {
		e := next(t, conn)
		require.Equal(t, uint64(i+1), e.Frame)
		if e.Event == "error" {
			refused++
			require.Equal(t, http.StatusTooManyRequests, e.Code)
			continue
		}
		_, _, err := conn.Read(context.Background())
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, refused, sent-queueLength-1)
	require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""))
}

func TestWhoHasBeenTakenOverFromIsToldSo(t *testing.T) {
	f := newFrames(t, &bench{})
	black := asJPEG(t, gray(64, 48, 0))
	require.Equal(t, http.StatusOK, post(f, "", "image/jpeg", black, "").Code)
	first, _ := f.config.Sessions.Publisher("cam")
	conn := dial(t, f, "")
	require.NoError(t, conn.Write(context.Background(), websocket.MessageBinary, black))
	<-first.Done()
	require.ErrorIs(t, first.Err(), session.ErrTakenOver)
	require.Equal(t, http.StatusGone, post(f, "", "image/jpeg", black, "").Code)
	require.Equal(t, "frame", next(t, conn).Event)
	second, _ := f.config.Sessions.Publisher("cam")
	require.NoError(t, conn.Close(websocket.StatusNormalClosure, ""))
	<-second.Done()
	require.Equal(t, http.StatusOK, post(f, "", "image/jpeg", black, "").Code)
}

func FuzzInspect(f *testing.F) {
	f.Add(asJPEG(f, gray(16, 16, 0)))
	f.Add(asPNG(f, gray(16, 16, 0)))
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPVP8X\x0a\x00\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if h, p := inspect(data); p == nil && (h.width > MaxSide || h.height > MaxSide || h.width*h.height > MaxPixels) {
			t.Fatalf("%dx%d", h.width, h.height)
		}
	})
}

func FuzzReadPicture(f *testing.F) {
	f.Add("text/plain", []byte("data:image/png;base64,iVBORw0KGgo="))
	f.Add("multipart/form-data; boundary=x", []byte("--x\r\nContent-Disposition: form-data; name=a; filename=b\r\n\r\nabc\r\n--x--\r\n"))
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		if data, p := readPicture(contentType, bytes.NewReader(body)); p == nil && len(data) > MaxBytes {
			t.Fatal(len(data))
		}
	})
}

func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(`{"event":"process","process":"edges"}`))
	f.Add([]byte("data:image/png;base64,iVBORw0KGgo="))
	f.Fuzz(func(_ *testing.T, text []byte) { _, _ = parseMessage(text, eventEnd, eventProcess) })
}

// FuzzAssembly feeds the messages of a channel: nothing is held in the end, and a picture is as long as was announced.
func FuzzAssembly(f *testing.F) {
	f.Add([]byte("{\"event\":\"picture\",\"bytes\":5}\nabc\nde\n{\"event\":\"end\"}"))
	f.Add([]byte("\xff\xd8\xff\n{\"event\":\"picture\",\"bytes\":99999999}\nabc\n{\"event\":\"picture\",\"bytes\":-1}"))
	f.Fuzz(func(t *testing.T, lines []byte) {
		frames := &Frames{}
		a := assembly{frames: frames}
		for _, line := range bytes.Split(lines, []byte("\n")) {
			announced := a.left
			for _, whole := range a.take(channel.Message{Text: bytes.HasPrefix(line, []byte("{")), Data: line}) {
				require.True(t, whole.refused != nil || whole.event.Event != "" || announced == 0 || len(whole.picture) >= announced)
				whole.held.release()
			}
		}
		a.giveUp()
		require.Zero(t, frames.held.Load())
	})
}

// Pictures come whole, or in the parts that were announced; what does not fit together is refused, and what follows is read.
func TestAssembly(t *testing.T) {
	frames := &Frames{}
	a := assembly{frames: frames}
	say := func(text string) []arrival { return a.take(channel.Message{Text: true, Data: []byte(text)}) }
	send := func(data string) []arrival { return a.take(channel.Message{Data: []byte(data)}) }
	requireOne := func(arrivals []arrival, picture string, status int) {
		t.Helper()
		require.Len(t, arrivals, 1)
		require.Equal(t, picture, string(arrivals[0].picture))
		if status != 0 {
			require.Equal(t, status, arrivals[0].refused.Status)
		} else {
			require.Nil(t, arrivals[0].refused)
		}
		arrivals[0].held.release()
	}
	requireOne(send("whole"), "whole", 0)
	require.Empty(t, say(`{"event":"picture","bytes":5}`))
	require.Empty(t, send("in p"))
	require.EqualValues(t, 4, frames.held.Load())
	requireOne(send("a"), "in pa", 0)
	require.Empty(t, say(`{"event":"picture","bytes":5}`))
	requireOne(send("too long"), "", 400)
	requireOne(send("next"), "next", 0)
	require.Empty(t, say(`{"event":"picture","bytes":5}`))
	require.Empty(t, send("cut"))
	given := say(`{"event":"process"}`)
	require.Equal(t, 400, given[0].refused.Status)
	requireOne(given[1:], "", 0)
	requireOne(say(`{"event":"picture","bytes":8388609}`), "", 413)
	require.Empty(t, send("which is passed over"))
	requireOne(say(`{"event":"picture"}`), "", 400)
	requireOne(say(`{"event":"frame"}`), "", 400)
	requireOne(say(`aGVsbG8=`), "hello", 0)
	frames.held.Store(heldBytes)
	requireOne(send("one too many"), "", 503)
	require.EqualValues(t, heldBytes, frames.held.Load())
}
