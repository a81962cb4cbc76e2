// Package client is the two commands that speak to a server as browsers do: publish sends a file or a made picture over WHIP, play
// takes a stream over WHEP, counts and records it.
//
// Run of each command owns every goroutine and the ffmpeg that it starts, and waits for all. The codecs' payload formats are pion's.
package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/transcode"
)

// Publish is the command line of sluice publish.
type Publish struct {
	Source   string        `arg:"" help:"media file, or test for a made picture and tone"`
	URL      string        `arg:"" name:"url" help:"WHIP endpoint"`
	Bitrate  string        `placeholder:"RATE" help:"video bit rate (default 1500k)"`
	Codec    string        `placeholder:"LIST" help:"video codecs to offer, the preferred one first, separated by commas: vp8, h264, vp9, av1 (default vp8, behind that of a file which can be sent as it is); what the server chooses is sent"`
	Duration time.Duration `placeholder:"DURATION" help:"stop after this long (default: at the end of the source)"`
	Encode   bool          `help:"encode the pictures of a file even if they could be sent as they are"`
	FPS      int           `name:"fps" default:"30" placeholder:"N" help:"frames per second (default 30)"`
	Loop     bool          `help:"begin again at the end of the file"`
	NoAudio  bool          `help:"send no sound"`
	NoVideo  bool          `help:"send no picture"`
	Size     string        `placeholder:"WxH" help:"picture size (default: the file's; 640x480 for test)"`
	Timeout  time.Duration `default:"15s" placeholder:"DURATION" help:"how long to try to get connected, also while the stream has another publisher or the server is busy (default 15s)"`
	Token    string        `placeholder:"KEY" help:"key of the stream, where one is needed"`

	codecs  []videoCodec // those of Codec, the preferred one first
	bitrate int          // bit/s
	changes bool         // something is asked for that takes an encoder
	copied  *copied      // the video is sent as it is where the server takes that; nil: it is encoded
}

// Help is the end of the help text.
func (*Publish) Help() string {
	return `Publishes over WHIP (RFC 9725). SOURCE is a media file, anything that ffmpeg reads, or test: a moving picture with the wall clock and
the frame's number burnt in, which flashes and beeps every two seconds. Needs ffmpeg and ffprobe with libopus and the video encoder: libvpx
for VP8, libx264 for H.264, libvpx-vp9 for VP9, libaom-av1 for AV1.

The pictures of a file are sent as they are where viewers can take them so: H.264 without B-frames and with a constant frame rate, VP8, VP9
or AV1, with key frames 5 s apart at most, if neither --bitrate, --fps nor --size asks for others. Else they are encoded, and so is sound
always; what is done is said. STUN and TURN servers that the endpoint names are used.

Examples:

    sluice publish test http://127.0.0.1:8080/whip/demo
    sluice publish --loop --token front-door-key film.mp4 https://live.example.org/whip/film
    sluice publish --size 1280x720 --bitrate 2500k --duration 1m test http://127.0.0.1:8080/whip/demo
    sluice publish --codec h264,vp8 test http://127.0.0.1:8080/whip/demo
` + exit.Help
}

// defaultFPS is how many frames per second are encoded; who asks for so many asks for no other than a file has.
const defaultFPS = 30

// testSource as SOURCE is a made picture and tone instead of a file.
const testSource = "test"

// Run publishes until the source or ctx ends.
func (o *Publish) Run(ctx context.Context, out io.Writer) error {
	if err := o.check(); err != nil {
		return exit.Usage(err)
	}
	p := publisher{options: *o, reporter: newReporter(out)}
	return p.Run(ctx)
}

// check reads what kong cannot, and reports everything that is wrong, joined.
func (o *Publish) check() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	var err error
	o.changes = o.Bitrate != "" || o.FPS != defaultFPS || o.Size != ""
	o.codecs, err = parseCodecs(cmp.Or(o.Codec, "vp8"))
	want(err == nil, "flag --codec: %w", err)
	o.bitrate, err = config.ParseRate(cmp.Or(o.Bitrate, "1500k"))
	want(err == nil, "flag --bitrate: %w", err)
	inRange := minBitrate <= o.bitrate && o.bitrate <= transcode.MaxBitrate
	want(err != nil || inRange, "flag --bitrate: must be between %s and %s", config.FormatRate(minBitrate), config.FormatRate(transcode.MaxBitrate))
	want(isWeb(o.URL), "URL %q: must begin with http:// or https://", o.URL)
	want(o.Size == "" || isPictureSize(o.Size), "flag --size: %q is not a size such as 1280x720, with sides between %d and %d", o.Size, transcode.MinSide, transcode.MaxSide)
	want(1 <= o.FPS && o.FPS <= transcode.MaxFPS, "flag --fps: must be between 1 and %d", transcode.MaxFPS)
	want(o.Duration >= 0, "flag --duration: must not be negative")
	want(o.Timeout > 0, "flag --timeout: must be more than 0")
	want(!o.NoAudio || !o.NoVideo, "flags --no-audio and --no-video: together they leave nothing to send")
	want(!o.Loop || o.Source != testSource, "flag --loop: the test picture never ends, loop is for files")
	return errors.Join(faults...)
}

// minBitrate is the least of a publisher's video, in bit/s.
const minBitrate = 16_000

func isSide(n int) bool { return transcode.MinSide <= n && n <= transcode.MaxSide && n%2 == 0 }

// isPictureSize reports whether s is WIDTHxHEIGHT in bounds.
func isPictureSize(s string) bool {
	w, h, ok := strings.Cut(s, "x")
	width, err := strconv.Atoi(w)
	height, err2 := strconv.Atoi(h)
	return ok && err == nil && err2 == nil && isSide(width) && isSide(height)
}

// isWeb reports whether s is a URL of a web server.
func isWeb(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}
