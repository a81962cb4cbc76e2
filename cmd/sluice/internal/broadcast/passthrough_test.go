package broadcast

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/conformance"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// TestPassthroughIsConformant passes a publisher's video on, whose key frames come when they like, beside a rendition that is encoded, and
// lets two viewers that take everything watch: one at the live edge, one that takes whole segments.
func TestPassthroughIsConformant(t *testing.T) {
	for _, video := range []depay.Codec{depay.H264, depay.VP9, depay.AV1} {
		t.Run(video.String(), func(t *testing.T) { checkConformance(t, pieces{codec: video, seconds: 15}) })
	}
	t.Run("layers", func(t *testing.T) { checkConformance(t, pieces{codec: depay.H264, seconds: 15, layered: true}) })
	// A segment has its whole time then, and has not ended: HLS gives it up, and DASH has it all.
	t.Run("standing still", func(t *testing.T) {
		checkConformance(t, pieces{codec: depay.H264, seconds: 7, stillAt: 4200 * time.Millisecond})
	})
}

// pieces are what a publisher sends.
type pieces struct {
	codec   depay.Codec
	seconds int
	layered bool
	stillAt time.Duration // media time at which nothing comes for longer than a timeline waits; 0: never
}

func checkConformance(t *testing.T, sent pieces) {
	t.Parallel()
	codec, seconds := sent.codec, sent.seconds
	p, url := startPackager(t)
	stream, err := p.Open("cam")
	require.NoError(t, err)
	var viewers []func() []conformance.Visit
	for _, edge := range []bool{true, false} {
		viewers = append(viewers, collectFrom(t, &conformance.Collector{Base: url + "/live/cam/", LowLatency: edge}))
	}

	const keys = "0,1.2,2.3,3.1,3.9,4.35,6.5,8.4,9,10,12.6,14"
	video := codedPictures(t, codec, "320x180", seconds, keys)
	source, err := transcode.PassthroughOf(video[0], "source", 30)
	require.NoError(t, err)
	options := transcode.Options{
		Video: codec, Audio: depay.Opus, Passthrough: source, Thumbnail: -1,
		Stall: time.Minute, Grace: time.Minute, // a busy machine's
		Ladder: transcode.Ladder{{Name: "90p", Width: 160, Height: 90, FPS: 30, Bitrate: 200_000}},
	}
	if sent.layered {
		options.Ladder = append(options.Ladder, transcode.Rendition{Name: "72p", Width: 128, Height: 72, FPS: 30, Bitrate: 500_000, Layer: 1})
		video = layeredWith(video, codedPictures(t, codec, "128x72", seconds, keys))
	}
	epoch, err := stream.BeginEpoch(timeline.EpochOptions{
		Renditions: renditions(options), KeyFrames: transcode.DefaultKeyFrames, LateKeyFrames: transcode.DefaultSegment / 2,
	})
	require.NoError(t, err)
	epoch.SetZero(time.Now())
	options.Dir = epoch.Dir()
	still := runInRealTime(t, options, video, codedSound(t, seconds), sent.stillAt, func() {
		assert.Eventually(t, func() bool { return stream.Info().Gaps > 0 }, time.Minute, 20*time.Millisecond)
	})
	require.NoError(t, epoch.End())
	require.NoError(t, stream.End())

	for _, visits := range viewers {
		all := visits()
		violations := append(conformance.CheckHLS(all, conformance.Options{Tolerance: 20 * time.Second}),
			conformance.CheckDASH(all, conformance.Options{Tolerance: 20 * time.Second})...)
		for _, v := range violations {
			if !exempt(v, sent.stillAt > 0 || still >= time.Second) {
				t.Error(v)
			}
		}
	}
	if sent.stillAt == 0 && still < time.Second {
		require.Zero(t, stream.Info().Gaps)
	}
}

// layeredWith puts the pictures of a layer behind those of the best one that they belong to.
func layeredWith(best, layer []depay.Frame) (both []depay.Frame) {
	for i, f := range layer {
		f.Layer = 1
		both = append(both, best[i], f)
	}
	return both
}

// exempt reports whether a rule asks more than the specifications do: a part that was hinted at may be withdrawn (rfc8216bis §6.2.6), and
// by the DASH-IF timing model segments may be off their time by half of one, so that their durations differ. The end of a segment that was
// given up in a standstill was not known when it was listed, and so is not where the next one begins; it is not there in its time.
func exempt(v conformance.Violation, standstill bool) bool {
	has := func(rule string) bool { return strings.Contains(v.String(), rule) }
	return has("what is hinted comes") || has("constant segment duration") ||
		standstill && (has("dates agree with durations") || has("available segments are there"))
}

// startPackager serves what a packager makes until the test ends.
func startPackager(t *testing.T) (p *packager.Packager, url string) {
	t.Helper()
	p, err := packager.New(packager.Options{LiveDir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- p.Run(ctx) }()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /live/{stream}/{file...}", p.ServeLive)
	server := httptest.NewServer(conformance.CrossOrigin(mux))
	t.Cleanup(func() {
		server.Close()
		cancel()
		require.NoError(t, <-ran)
	})
	return p, server.URL
}

// collectFrom lets a viewer watch until the function that it returns is called, and until it has had all endings.
func collectFrom(t *testing.T, viewer *conformance.Collector) (visits func() []conformance.Visit) {
	ctx, cancel := context.WithCancel(context.Background())
	watched := make(chan error, 1)
	go func() { watched <- viewer.Run(ctx) }()
	return func() []conformance.Visit {
		require.Eventually(t, func() bool { return hasSeenTheEnd(viewer.Visits()) }, time.Minute, 100*time.Millisecond)
		cancel()
		require.NoError(t, <-watched)
		return viewer.Visits()
	}
}

// hasSeenTheEnd reports whether a viewer has had the ending of each playlist and of the MPD twice, and so what they list once.
func hasSeenTheEnd(visits []conformance.Visit) bool {
	endings := map[string]int{}
	for _, v := range visits {
		name, _, _ := strings.Cut(v.URL, "?")
		if !strings.HasSuffix(name, ".mpd") && !bytes.Contains(v.Body, []byte("#EXTINF")) {
			continue
		}
		endings[name] += 0
		if bytes.Contains(v.Body, []byte("#EXT-X-ENDLIST")) || bytes.Contains(v.Body, []byte(`type="static"`)) {
			endings[name]++
		}
	}
	for _, times := range endings {
		if times < 2 {
			return false
		}
	}
	return len(endings) > 1
}

// runInRealTime gives the frames to a run when they are due, those from stillAt on later, after wait, and requires a clean end. It returns how
// long ffmpeg has stood still, because of that or of a busy machine: a timeline does not wait for a second.
func runInRealTime(t *testing.T, o transcode.Options, video, audio []depay.Frame, stillAt time.Duration, wait func()) (still time.Duration) {
	t.Helper()
	last := time.Now()
	var out time.Duration
	o.OnProgress = func(p transcode.Progress) {
		if p.OutTime == out {
			return
		}
		still, last, out = max(still, time.Since(last)), time.Now(), p.OutTime
	}
	job, err := transcode.NewJob(o)
	require.NoError(t, err)
	go func() {
		defer job.CloseInput()
		for began := time.Now(); len(video) > 0; {
			next := &video
			if len(audio) > 0 && audio[0].Time() < video[0].Time() {
				next = &audio
			}
			f := (*next)[0]
			if stillAt > 0 && f.Time() >= stillAt {
				stood := time.Now()
				wait()
				began, stillAt = began.Add(time.Since(stood)), 0
			}
			*next = (*next)[1:]
			<-time.After(time.Until(began.Add(f.Time())))
			_ = job.WriteFrame(f)
		}
	}()
	require.NoError(t, job.Run(t.Context()))
	return still
}

// coders are how ffmpeg makes pictures as an encoder for live use does.
var coders = map[depay.Codec][]string{
	depay.H264: {"-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline", "-aud", "1", "-f", "h264"},
	depay.VP9:  {"-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-auto-alt-ref", "0", "-f", "ivf"},
	depay.AV1:  {"-c:v", "libaom-av1", "-usage", "realtime", "-cpu-used", "8", "-lag-in-frames", "0", "-f", "ivf"},
}

// codedPictures are of a codec, with key frames at those seconds, and moved about by up to half a picture as by a network.
func codedPictures(t *testing.T, codec depay.Codec, size string, seconds int, keys string) (frames []depay.Frame) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "clip")
	args := append([]string{"-f", "lavfi", "-i", "testsrc2=r=30:s=" + size, "-t", strconv.Itoa(seconds), "-pix_fmt", "yuv420p",
		"-b:v", "600k", "-g", "9999", "-force_key_frames", keys}, coders[codec]...)
	runFFmpeg(t, append(args, name)...)
	for i, unit := range codedIn(t, codec, name) {
		frames = append(frames, depay.Frame{Codec: codec, PTS: max(0, int64(i)*3000+int64(i*7919%2800)-1400), RTPTime: uint32(i * 3000), Key: i == 0, Data: unit})
	}
	return frames
}

// codedIn reads the pictures of a file of IVF, or of H.264 a byte stream in which each picture begins with a delimiter.
func codedIn(t *testing.T, codec depay.Codec, name string) (pictures [][]byte) {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	if codec == depay.H264 {
		delimiter := []byte{0, 0, 0, 1, 9}
		for _, unit := range bytes.Split(data, delimiter)[1:] {
			pictures = append(pictures, append(bytes.Clone(delimiter), unit...))
		}
		return pictures
	}
	r, err := ivf.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	for {
		_, picture, err := r.Next()
		if errors.Is(err, io.EOF) {
			return pictures
		}
		require.NoError(t, err)
		pictures = append(pictures, bytes.Clone(picture))
	}
}

// runFFmpeg makes a clip.
func runFFmpeg(t *testing.T, args ...string) {
	t.Helper()
	out, err := exec.Command("ffmpeg", append([]string{"-nostdin", "-y", "-loglevel", "error"}, args...)...).CombinedOutput()
	require.NoError(t, err, "ffmpeg is needed (apt-get install ffmpeg): %s", out)
}

// codedSound is Opus.
func codedSound(t *testing.T, seconds int) (frames []depay.Frame) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "clip.ogg")
	runFFmpeg(t, "-f", "lavfi", "-i", "sine=r=48000", "-t", strconv.Itoa(seconds), "-ac", "2", "-c:a", "libopus", name)
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close()
	r, err := ogg.NewReader(file)
	require.NoError(t, err)
	for pts := int64(0); ; pts += 960 {
		_, data, err := r.Next()
		if errors.Is(err, io.EOF) {
			return frames
		}
		require.NoError(t, err)
		frames = append(frames, depay.Frame{Codec: depay.Opus, PTS: pts, Duration: 960, Data: bytes.Clone(data)})
	}
}

// Who changes the transform has what is passed on too often in vain passed on again; what players do not take stays encoded.
func TestTransformTriesPassthroughAnew(t *testing.T) {
	b := newTestBroadcast(t)
	tooOften := passthrough{fps: normalFPS, breaks: maxBreaks + 1}.refused(errors.New("for the 5th time"))
	b.setPassthrough(tooOften)
	b.setTransform(transcode.TransformNone)
	require.Equal(t, tooOften, b.passthrough, "there is nothing new")
	b.setTransform(transcode.TransformMonochrome)
	require.Equal(t, passthrough{fps: normalFPS}, b.passthrough)
	reordered := passthrough{fps: normalFPS, breaks: 1}.refused(errors.New("of B-frames"))
	b.setPassthrough(reordered)
	b.setTransform(transcode.TransformNone)
	require.Equal(t, reordered.refusal, b.passthrough.refusal)
}

// Video whose key frame did not come in time is passed on again after a while, for which it is encoded four times as long each time. Another publisher
// begins anew, and what players do not take stays encoded.
func TestLateKeyFrameIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := errors.New("late")
		b := newTestBroadcast(t)
		for _, rest := range []time.Duration{time.Minute, 4 * time.Minute, 16 * time.Minute} {
			b.setPassthrough(b.passthrough.tooLate(late))
			refused := b.passthrough
			require.Contains(t, refused.refusal, "late")
			time.Sleep(rest - time.Second)
			require.Equal(t, refused, refused.rested(time.Now()))
			require.False(t, b.canPassOnNow(time.Now().Add(2*time.Second)), "no publisher is there")
			require.Equal(t, refused, b.passthrough, "why it is encoded is told until then")
			time.Sleep(time.Second)
			b.passthrough = refused.rested(time.Now())
			require.Empty(t, b.passthrough.refusal)
		}
		b.setPassthrough(b.passthrough.tooLate(late))
		again := b.passthrough.byAnother()
		require.Empty(t, again.refusal)
		require.Equal(t, time.Minute, again.tooLate(late).resting(time.Now()).rest)
		b.setPassthrough(b.passthrough.refused(errors.New("of B-frames")))
		time.Sleep(time.Hour)
		require.Equal(t, b.passthrough, b.passthrough.rested(time.Now()))
		require.Equal(t, b.passthrough.refusal, b.passthrough.byAnother().refusal)
	})
}
