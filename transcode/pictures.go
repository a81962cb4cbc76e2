package transcode

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	ffmpeg "github.com/u2takey/ffmpeg-go"

	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/public/panics"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

const (
	// MaxPictureSide is the longest side of a picture that is filtered or encoded by itself, in pixels.
	MaxPictureSide = 1920
	// pictureStall is how long ffmpeg may take for one picture, and to begin. Then it is killed.
	pictureStall = 30 * time.Second
	// pictureKeyFrames is the time between key frames, which nobody can ask this encoder for.
	pictureKeyFrames = 2 * time.Second
	// pictureI420 names pictures in planes to the IVF reader of ffmpeg.
	pictureI420 = "I420"
)

// PictureOptions say what an ffmpeg is to do that gets one picture after the other.
type PictureOptions struct {
	FFmpeg        string    // the program; default DefaultFFmpeg
	Width, Height int       // pixels, even, up to MaxPictureSide
	Transform     Transform // of a filter
	Title         string    // for TransformClock: letters, digits, - and _
	Logo          string    // for TransformLogo: a file, PNG
}

// PictureSize is how many bytes a picture has: three planes, 4:2:0, 8 bits, BT.601 in the range of television.
func PictureSize(width, height int) int { return width * height * 3 / 2 }

func (o PictureOptions) validate() error {
	if o.Width < 2 || o.Height < 2 || o.Width > MaxPictureSide || o.Height > MaxPictureSide || o.Width%2+o.Height%2 != 0 {
		return fmt.Errorf("pictures of %dx%d: sides are even numbers up to %d", o.Width, o.Height, MaxPictureSide)
	}
	return Options{Dir: ".", Transform: o.Transform, Title: o.Title, Logo: o.Logo}.validateTransform()
}

// pictures is an ffmpeg that is kept running: each picture that is written has one answer. It may be used by one goroutine.
type pictures struct {
	stop    context.CancelFunc
	in, out *os.File
	writer  *ivf.Writer
	size    int
	ended   chan struct{} // closed when the process has ended
	err     error         // why; set before that
}

// header is that of pictures in planes.
func (o PictureOptions) header() ivf.Header {
	return ivf.Header{FourCC: pictureI420, Width: uint16(o.Width), Height: uint16(o.Height), Rate: uint32(time.Second / time.Millisecond), Scale: 1}
}

// startPictures starts ffmpeg, which gets pictures as the header says. Its answers come on out.
func startPictures(program string, header ivf.Header, output []string, may sandbox.Policy) (*pictures, error) {
	argv := append([]string{orDefault(program, DefaultFFmpeg), "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+error"}, output...)
	ctx, stop := context.WithCancel(context.Background())
	p := newTask(ctx, argv, may, func([]byte) {})
	out, child, err := os.Pipe()
	if err != nil {
		stop()
		return nil, fmt.Errorf("open pipe from ffmpeg: %w", err)
	}
	writers, err := p.addPipes(1)
	if err != nil {
		stop()
		closeFiles([]*os.File{out, child})
		return nil, err
	}
	p.cmd.Stdout = child
	run := &pictures{
		stop: stop, in: writers[0], out: out, writer: ivf.NewWriter(writers[0], header), size: PictureSize(int(header.Width), int(header.Height)), ended: make(chan struct{}),
	}
	started := make(chan struct{})
	go func() {
		defer close(run.ended)
		fault := panics.Contain(nil, "the ffmpeg of pictures", func() {
			run.err = p.run(func() {
				p.closeChildFiles()
				_ = child.Close()
				close(started)
			})
		})
		run.err = errors.Join(fault, run.err)
	}()
	select {
	case <-started:
		return run, nil
	case <-run.ended:
		p.closeChildFiles()
		_ = child.Close()
		err := run.err
		run.Close()
		return nil, errors.Join(errors.New("start ffmpeg for pictures"), err)
	}
}

// write hands over a picture at a time, which is later than that of the one before.
func (p *pictures) write(picture []byte, at time.Duration) error {
	if len(picture) != p.size {
		return fmt.Errorf("a picture has %d bytes instead of %d", len(picture), p.size)
	}
	deadline := time.Now().Add(pictureStall)
	_ = p.in.SetWriteDeadline(deadline)
	_ = p.out.SetReadDeadline(deadline)
	return p.explain(p.writer.WriteFrame(at.Milliseconds(), picture))
}

// explain adds what ffmpeg has said, once it has ended.
func (p *pictures) explain(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("%w: it has answered no picture for %v", ErrStalled, pictureStall)
	}
	_ = p.in.Close()
	select {
	case <-p.ended:
		return errors.Join(err, p.err)
	case <-time.After(time.Second):
		return err
	}
}

// Close ends ffmpeg and waits for it.
func (p *pictures) Close() {
	_ = p.in.Close()
	p.stop()
	_ = p.out.Close()
	<-p.ended
}

// PictureFilter changes pictures one by one.
type PictureFilter struct{ *pictures }

// StartPictureFilter starts an ffmpeg, confined, that applies a transform to pictures. Close ends it.
func StartPictureFilter(o PictureOptions) (*PictureFilter, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	may, err := o.Transform.reading(&o.Logo)
	if err != nil {
		return nil, err
	}
	in := input("ivf", "rawvideo", firstInputFD, nil).Video()
	changed := o.Transform.apply(in, o.Title)
	if o.Transform == TransformLogo {
		changed = Rendition{Width: o.Width, Height: o.Height}.branded(changed, Options{Logo: o.Logo}.logoInput())
	}
	output := ffmpeg.Output([]*ffmpeg.Stream{changed.Filter("format", ffmpeg.Args{"yuv420p"})}, "pipe:1", pictureArgs("rawvideo", "rawvideo"))
	p, err := startPictures(o.FFmpeg, o.header(), output.GetArgs(), may)
	if err != nil {
		return nil, err
	}
	return &PictureFilter{p}, nil
}

// reading returns what a confined ffmpeg may read for the transform: the logo, whose path it makes absolute.
func (t Transform) reading(logo *string) (may sandbox.Policy, err error) {
	if t != TransformLogo {
		return may, nil
	}
	*logo, err = filepath.Abs(*logo)
	may.Read = []string{*logo}
	return may, err
}

// pictureArgs are those of an output that holds no picture back.
func pictureArgs(codec, format string) ffmpeg.KwArgs {
	return ffmpeg.KwArgs{"c:v": codec, "f": format, "fps_mode": "passthrough", "threads": 1, "flush_packets": 1}
}

// Change puts the changed picture in the place of the one given, whose time is later than that of the one before.
func (f *PictureFilter) Change(picture []byte, at time.Duration) error {
	if err := f.write(picture, at); err != nil {
		return err
	}
	_, err := io.ReadFull(f.out, picture)
	return f.explain(err)
}

// PictureEncoder makes VP8 of pictures as they come.
type PictureEncoder struct {
	*pictures
	frames *ivf.Reader
}

// StartPictureEncoder starts an ffmpeg, confined, that makes one frame of VP8 of each picture, with a key frame every two seconds. Close ends it.
func StartPictureEncoder(o PictureOptions) (*PictureEncoder, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	args := ffmpeg.KwArgs{
		"deadline": "realtime", "cpu-used": 8, "lag-in-frames": 0, "auto-alt-ref": 0, "crf": 10, "b:v": "20M", "g": 9999,
		"force_key_frames": "expr:gte(t,n_forced*" + strconv.FormatFloat(pictureKeyFrames.Seconds(), 'f', -1, 64) + ")",
	}
	in := input("ivf", "rawvideo", firstInputFD, nil).Video()
	output := ffmpeg.Output([]*ffmpeg.Stream{in}, "pipe:1", pictureArgs("libvpx", "ivf"), args)
	p, err := startPictures(o.FFmpeg, o.header(), output.GetArgs(), sandbox.Policy{})
	if err != nil {
		return nil, err
	}
	return &PictureEncoder{pictures: p}, nil
}

// Encode returns the frame of a picture, valid until the next call. Its time is later than that of the one before.
func (e *PictureEncoder) Encode(picture []byte, at time.Duration) (frame []byte, err error) {
	if err := e.write(picture, at); err != nil {
		return nil, err
	}
	if e.frames == nil {
		if e.frames, err = ivf.NewReader(e.out); err != nil {
			return nil, e.explain(err)
		}
	}
	_, frame, err = e.frames.Next()
	return frame, e.explain(err)
}
