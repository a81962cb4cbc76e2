package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/transcode"
)

// publishOptions is the command line of sluice publish.
type publishOptions struct {
	Source   string        // a media file, or testSource
	URL      string        // the WHIP endpoint
	Token    string        // for Authorization: Bearer
	Codecs   []videoCodec  // of the video, the preferred one first
	Loop     bool          // begin again at the file's end
	Duration time.Duration // 0: to the end of the source
	Size     string        // WIDTHxHEIGHT; empty: the file's, or 640x480
	FPS      int           // frames per second
	Bitrate  int           // of the video, bit/s
	NoAudio  bool
	NoVideo  bool
	Timeout  time.Duration // for getting connected, with retries
}

// testSource as SOURCE is a made picture and tone instead of a file.
const testSource = "test"

// publishCodec is the default of --codec.
const publishCodec = "vp8"

func publishHelp() string {
	return `Usage: sluice publish [flags] SOURCE URL

Publishes over WHIP (RFC 9725). SOURCE is a media file, anything that ffmpeg reads, or test: a
moving picture with the wall clock and the frame's number burnt in, which flashes and beeps every
two seconds. URL is the WHIP endpoint. Needs ffmpeg and ffprobe with libopus and the video encoder:
libvpx for VP8, libx264 for H.264, libvpx-vp9 for VP9, libaom-av1 for AV1. Whatever SOURCE holds is
encoded anew.

      --bitrate rate    video bit rate (default 1500k)
      --codec list      video codecs to offer, the preferred one first, separated by commas: vp8,
                        h264, vp9, av1 (default vp8). What the server chooses is encoded and sent
      --duration d      stop after this long (default: at the end of the source)
      --fps n           frames per second (default 30)
      --loop            begin again at the end of the file
      --no-audio        send no sound
      --no-video        send no picture
      --size WxH        picture size (default: the file's; 640x480 for test)
      --timeout d       how long to try to get connected, also while the stream has another
                        publisher or the server is busy (default 15s)
      --token key       key of the stream, where one is needed

Examples:
  sluice publish test http://127.0.0.1:8080/whip/demo
  sluice publish --loop --token front-door-key film.mp4 https://live.example.org/whip/film
  sluice publish --size 1280x720 --bitrate 2500k --duration 1m test http://127.0.0.1:8080/whip/demo
  sluice publish --codec h264,vp8 test http://127.0.0.1:8080/whip/demo
` + exit.Help
}

// runPublish is the command.
func runPublish(ctx context.Context, c call) error {
	o, err := parsePublish(c.args)
	if err != nil {
		return exit.Usage(err)
	}
	p := publisher{options: o, reporter: newReporter(c.stdout)}
	return p.Run(ctx)
}

// durationFlag, rateFlag are pflag.Values with the units of the configuration.
type durationFlag struct{ p *time.Duration }

func (f durationFlag) String() string { return "" }
func (f durationFlag) Type() string   { return "duration" }
func (f durationFlag) Set(s string) (err error) {
	*f.p, err = config.ParseDuration(s)
	return err
}

type rateFlag struct{ p *int }

func (f rateFlag) String() string { return "" }
func (f rateFlag) Type() string   { return "rate" }
func (f rateFlag) Set(s string) (err error) {
	*f.p, err = config.ParseRate(s)
	return err
}

// parsePublish reads and checks the command line.
func parsePublish(args []string) (publishOptions, error) {
	o := publishOptions{FPS: 30, Bitrate: 1_500_000, Timeout: 15 * time.Second}
	set := config.NewFlagSet("publish")
	set.StringVar(&o.Token, "token", "", "")
	codecs := set.String("codec", publishCodec, "")
	set.BoolVar(&o.Loop, "loop", false, "")
	set.Var(durationFlag{&o.Duration}, "duration", "")
	set.StringVar(&o.Size, "size", "", "")
	set.IntVar(&o.FPS, "fps", o.FPS, "")
	set.Var(rateFlag{&o.Bitrate}, "bitrate", "")
	set.BoolVar(&o.NoAudio, "no-audio", false, "")
	set.BoolVar(&o.NoVideo, "no-video", false, "")
	set.Var(durationFlag{&o.Timeout}, "timeout", "")
	if err := config.ParseFlags(set, args, 2); err != nil {
		return o, err
	}
	o.Source, o.URL = set.Arg(0), set.Arg(1)
	var fault error
	if o.Codecs, fault = parseCodecs(*codecs); fault != nil {
		fault = fmt.Errorf("flag --codec: %w", fault)
	}
	return o, errors.Join(fault, o.Validate())
}

// Validate reports everything that is wrong, joined.
func (o publishOptions) Validate() error {
	var faults []error
	want := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	want(o.Source != "" && o.URL != "", "needs a SOURCE and a URL, as in: sluice publish test http://127.0.0.1:8080/whip/demo")
	u, err := url.Parse(o.URL)
	web := err == nil && u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
	want(o.URL == "" || web, "URL %q: must begin with http:// or https://", o.URL)
	want(o.Size == "" || isPictureSize(o.Size), "flag --size: %q is not a size such as 1280x720, with sides between %d and %d", o.Size, transcode.MinSide, transcode.MaxSide)
	want(1 <= o.FPS && o.FPS <= transcode.MaxFPS, "flag --fps: must be between 1 and %d", transcode.MaxFPS)
	want(minBitrate <= o.Bitrate && o.Bitrate <= transcode.MaxBitrate, "flag --bitrate: must be between %s and %s", config.FormatRate(minBitrate), config.FormatRate(transcode.MaxBitrate))
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
