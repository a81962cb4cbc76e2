package forward

import (
	"bytes"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/bluenviron/mediacommon/v2/pkg/formats/mpegts"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/ingest"
	"github.com/sluice-live/sluice/ingest/srt"
)

// A target that is away is tried again until it is there, gets pictures and sound, through a change of the encoder too, and hears of the end, with a
// passphrase and without. Why it refuses is told. Neither key nor passphrase is in a log or a state.
func TestSRT(t *testing.T) {
	for _, secret := range []string{"", "&passphrase=a-secret+passphrase"} {
		passphrase, _ := strings.CutPrefix(secret, "&passphrase=")
		s := newStage(t, "large", "audio")
		hole, err := net.ListenPacket("udp", lonely)
		require.NoError(t, err)
		at := hole.LocalAddr().String()
		require.NoError(t, hole.Close())
		id := "srt://" + at + "?latency=200&streamid=#!::m=publish,r={stream},s="
		stream, log := forwardTo(t, s, id+key+secret, nil)
		eventually(t, stream.is(StateWaiting), "nothing to send")
		s.add(2)
		stream.fails(t, "connection refused")

		r := receive(t, ingest.Options{SRTListen: at, SRTPassphrase: passphrase})
		eventually(t, stream.is(StateForwarding), "there")
		s.add(2)
		r.requireMedia(t, "cam")
		state := stream.States()[0]
		require.Positive(t, state.Bytes)
		require.Equal(t, "srt://"+at, state.Target)
		s.encode("180p", "audio")
		s.add(2)
		wait(t, r.video.packets, "pictures of the next encoder")
		require.Equal(t, state.Since, stream.States()[0].Since, "the connection is the same")

		for url, why := range map[string]string{
			id + "another-secret" + secret:                     "the key in the stream ID is wrong or missing",
			id + key + "&passphrase=another-secret":            map[bool]string{true: "one side has a passphrase and the other has none", false: "the passphrase is wrong"}[secret == ""],
			"srt://" + at + "?streamid=read:a-secret" + secret: "it does not take streams with this stream ID",
		} {
			wrong, log := forwardTo(t, s, url, nil)
			wrong.fails(t, "the server refuses: "+why)
			require.NotContains(t, wrong.States()[0].Error+log.String(), "secret")
		}

		if secret == "" { // the rest is the same, and the wait for media to be played is long
			continue
		}
		r.stop()
		eventually(t, stream.is(StateRetrying), "gone")
		r = receive(t, ingest.Options{SRTListen: at, SRTPassphrase: passphrase})
		eventually(t, stream.is(StateForwarding), "back")
		s.add(2)
		p := r.requireMedia(t, "cam")
		s.end()
		wait(t, p.Done(), "end of the stream over there")
		eventually(t, stream.is(StateEnded), "the end")
		require.NotContains(t, log.String(), "secret")
	}
}

// A server that never answers is in nobody's way at the end.
func TestSRTThatHangs(t *testing.T) {
	hangs, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	defer hangs.Close()
	s := newStage(t, "180p", "audio")
	s.add(1)
	stream := Begin(Options{Stream: "cam", Source: s.source(), Logger: slog.New(slog.DiscardHandler), Targets: []Target{{URL: "srt://" + hangs.LocalAddr().String()}}})
	b := make([]byte, 2048)
	for range 2 { // it is asked again
		_, _, err = hangs.ReadFrom(b)
		require.NoError(t, err)
	}
	require.Equal(t, StateConnecting, stream.States()[0].State)
	stream.End()
	require.Equal(t, StateEnded, stream.States()[0].State)
}

// What is in the URL is what is sent; whatever cannot be is refused, and not told of.
func TestSRTDestination(t *testing.T) {
	for text, want := range map[string]srt.Destination{
		"srt://h:1": {Address: "h:1"},
		"srt://[::1]:1/?mode=caller&streamid=publish:a:b+%2F%26":                        {Address: "[::1]:1", StreamID: "publish:a:b+/&"},
		"srt://h:1?streamid=#!::r={stream},m=publish&passphrase=0123456789&pbkeylen=32": {Address: "h:1", StreamID: "#!::r=cam,m=publish", Passphrase: "0123456789", KeyBytes: 32},
		"srt://h:1?latency=2000&transtype=live&pkt_size=1316":                           {Address: "h:1", Latency: 2 * time.Second},
		"srt://h:1?streamid=a?key=b&latency=200000":                                     {Address: "h:1", StreamID: "a?key=b", Latency: 200 * time.Millisecond},
	} {
		target := Target{URL: text}
		require.NoError(t, target.Validate(), text)
		u, err := target.at("cam")
		require.NoError(t, err)
		d, err := srtDestination(u)
		require.NoError(t, err)
		require.Equal(t, want, d, text)
	}
	for text, why := range map[string]string{
		"srt://h?streamid=secret": "without a port", "srt://h:1/secret": "with a path", "srt://h:1?passphrase=secret": "10 to 79 bytes",
		"srt://h:1?pbkeylen=secret": "pbkeylen", "srt://h:1?latency=11000000&streamid=secret": "latency", "srt://h:1?latency=-1": "latency",
		"srt://h:1?mode=listener&streamid=secret": "caller", "srt://h:1?secret=1": "something else", "srt://h:1?streamid=%zz": "%25",
		"srt://h:1?transtype=file": "transtype", "srt://h:1?pkt_size=1": "pkt_size", "srt://h:1?streamid=" + strings.Repeat("secret", 99): "512",
	} {
		err := Target{URL: text}.Validate()
		require.ErrorContains(t, err, why, text)
		require.NotContains(t, err.Error(), "secret")
	}
	require.Subset(t, Target{URL: "srt://h:1?streamid=publish:a:b%2Bcdef&passphrase=0123456+89"}.Secrets("a"), []string{"publish:a:b+cdef", "0123456+89"})
}

// seen is a unit that a demultiplexer has found.
type seen struct {
	pts, dts int64
	units    [][]byte
}

// mux writes units as MPEG-TS, and reads that.
func mux(t *testing.T, units []unit) (pictures, sound []seen) {
	t.Helper()
	var video, audio *format
	for _, u := range units {
		if u.format.video && video == nil {
			video = u.format
		}
		if !u.format.video && audio == nil {
			audio = u.format
		}
	}
	var b bytes.Buffer
	p, err := newProgram(&b, video, audio)
	require.NoError(t, err)
	for _, u := range units {
		require.NoError(t, p.write(u))
	}
	require.Zero(t, b.Len()%188)
	r := mpegts.Reader{R: &b}
	require.NoError(t, r.Initialize())
	r.OnDecodeError(func(err error) { t.Error(err) })
	for _, track := range r.Tracks() {
		if track.Codec.IsVideo() {
			r.OnDataH264(track, func(pts, dts int64, au [][]byte) error {
				pictures = append(pictures, seen{pts, dts, au})
				return nil
			})
		} else {
			r.OnDataMPEG4Audio(track, func(pts int64, aus [][]byte) error {
				sound = append(sound, seen{pts, pts, aus})
				return nil
			})
		}
	}
	for r.Read() == nil {
	}
	return pictures, sound
}

// Everything comes at its time: key frames with parameter sets, of an encoder that is another one too.
func TestProgram(t *testing.T) {
	s := newStage(t, "large", "audio")
	s.add(1)
	r := newReader(s.source().Open)
	require.True(t, r.start(s.newest))
	s.add(1)
	s.encode("180p", "audio")
	s.add(2)
	units, err := s.read(r)
	require.NoError(t, err)
	got, sound := mux(t, units)
	want := pictures(units)
	require.Len(t, got, len(want))
	require.Greater(t, len(got), 20)
	require.Len(t, sound, len(units)-len(want))
	for i, u := range want {
		require.Equal(t, stampOf(u.at-want[0].at+lead), got[i].dts)
		if u.key { // delimiters, which the demultiplexer takes away, are not counted
			require.Equal(t, h264.TypeSPS, h264.Type(got[i].units[0][0]))
			require.Equal(t, h264.TypePPS, h264.Type(got[i].units[1][0]))
		}
	}
	require.NotEqual(t, got[0].units[0], got[len(got)-10].units[0], "the parameter sets of another size")
	at := 0
	for _, u := range units {
		if !u.format.video {
			require.Equal(t, stampOf(u.at-want[0].at+lead), sound[at].pts)
			require.Equal(t, u.data, sound[at].units[0])
			at++
		}
	}

	// Where pictures are shown before the file says that they are decoded, they are decoded before that; which never goes back.
	f := want[0].format
	var reordered []unit
	for i, later := range []int{0, 2, -1, -1, 2, -1, -1} {
		reordered = append(reordered, unit{f, time.Duration(i) * 100 * time.Millisecond, time.Duration(later) * 100 * time.Millisecond, i == 0, want[0].data})
	}
	got, _ = mux(t, reordered)
	require.Len(t, got, 7)
	for i := range got {
		require.GreaterOrEqual(t, got[i].pts, got[i].dts)
		require.True(t, i == 0 || got[i].dts > got[i-1].dts)
		if i > 2 {
			require.Equal(t, stampOf(reordered[i].at+reordered[i].later+lead), got[i].pts)
		}
	}

	p, err := newProgram(&bytes.Buffer{}, f, nil)
	require.NoError(t, err)
	require.ErrorIs(t, p.write(unit{format: f, key: true, data: []byte{0, 0, 0, 9, 1}}), errPicture)
	require.ErrorIs(t, p.write(unit{format: &format{}, data: []byte{1}}), errNewTrack)
}
