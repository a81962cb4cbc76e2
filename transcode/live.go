package transcode

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"sync/atomic"
	"time"

	ffmpeg "github.com/u2takey/ffmpeg-go"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
)

const (
	// LiveRate is the units of a second that times of a LiveFilter count: those of RTP.
	LiveRate = 90000
	// liveStall is how long ffmpeg may leave its input unread, or what it has read without an answer. Then it is given up.
	liveStall = 30 * time.Second
	// liveLong and liveShort are the sides that pictures are made to fit in unless the options say less, whichever way they stand, in pixels.
	liveLong, liveShort = 1280, 720
	// liveBitrate in bit/s is that of the largest pictures, and leastLiveBitrate that of small ones.
	liveBitrate, leastLiveBitrate = 2_500_000, 300_000
	// liveKeyFrames is the time between key frames, which nobody can ask ffmpeg for, and thriftyKeyFrames that at a low bit rate.
	liveKeyFrames, thriftyKeyFrames = time.Second, 2 * time.Second
	// thriftyEvery is the time between pictures, in seconds, below which one is left out at a low bit rate: 60 a second become 30.
	thriftyEvery = "0.022"
)

// LiveOptions say what a LiveFilter is to do.
type LiveOptions struct {
	FFmpeg        string      // the program; default DefaultFFmpeg
	Codec         depay.Codec // of the pictures that are written
	Width, Height int         // of those, in pixels
	Transform     Transform   // TransformNone: they are encoded as they are
	Title         string      // for TransformClock: letters, digits, - and _
	Logo          string      // for TransformLogo: a file, PNG
	Encode        depay.Codec // of what is made: VP8, which is the default, or H264
	// Bitrate is that of what is made, in bit/s: so much at most, over a third of a second, with half as many key frames, and 45 pictures a second at
	// most. 0: what the size takes.
	Bitrate int
	Side    int // the shorter one of what is made, in pixels, at most; default 720
}

func (o LiveOptions) validate() error {
	if o.encode() != depay.VP8 && o.encode() != depay.H264 {
		return fmt.Errorf("video codec %v is not encoded live", o.Encode)
	}
	if _, ok := decoderOf(o.Codec); !ok {
		return fmt.Errorf("video codec %v cannot be decoded", o.Codec)
	}
	if o.Width < 2 || o.Height < 2 || o.Width > math.MaxUint16 || o.Height > math.MaxUint16 {
		return fmt.Errorf("pictures of %dx%d: sides are from 2 to %d", o.Width, o.Height, math.MaxUint16)
	}
	return Options{Dir: ".", Transform: o.Transform, Title: o.Title, Logo: o.Logo}.validateTransform()
}

// size returns that of the pictures which are made.
func (o LiveOptions) size() (width, height int) {
	short := orDefault(o.Side, liveShort)
	long := short * liveLong / liveShort
	if o.Width < o.Height {
		long, short = short, long
	}
	scale := min(1, float64(long)/float64(o.Width), float64(short)/float64(o.Height))
	even := func(side int) int { return max(int(math.Round(float64(side)*scale/2))*2, 2) }
	return even(o.Width), even(o.Height)
}

// encode is the codec of what is made.
func (o LiveOptions) encode() depay.Codec { return orDefault(o.Encode, depay.VP8) }

// LiveFilter is an ffmpeg that makes pictures of one size, transformed, of coded pictures of one size as they come. Write may be called by one
// goroutine, Read by another, and Close by one of them or a third.
type LiveFilter struct {
	*pictures
	frames   livePictures // of the goroutine that reads
	awaiting atomic.Int64 // since when there has been no answer to what was written, ns since 1970; 0: there is nothing to wait for
}

// livePictures are what ffmpeg makes, each with its time in units of 1/LiveRate s.
type livePictures interface {
	Next() (at int64, picture []byte, err error)
}

// StartLiveFilter starts an ffmpeg, confined, that holds no picture back and makes a key frame each second, or, when Bitrate is given, every
// other. Close ends it.
func StartLiveFilter(o LiveOptions) (*LiveFilter, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	may, err := o.Transform.reading(&o.Logo)
	if err != nil {
		return nil, err
	}
	decoder, _ := decoderOf(o.Codec)
	header := ivf.Header{FourCC: decoder.fourCC, Width: uint16(o.Width), Height: uint16(o.Height), Rate: LiveRate, Scale: 1}
	p, err := startPictures(o.FFmpeg, header, o.output().GetArgs(), may)
	if err != nil {
		return nil, err
	}
	f := &LiveFilter{pictures: p}
	if f.frames = (&liveIVF{from: p.out}); o.encode() == depay.H264 {
		f.frames = &liveFLV{from: bufio.NewReaderSize(p.out, flvBuffer)}
	}
	return f, nil
}

// output returns what ffmpeg is to make.
func (o LiveOptions) output() *ffmpeg.Stream {
	width, height := o.size()
	matrix := Options{Video: o.Codec}.matrix()
	canvas := videoInput(o.Codec, firstInputFD).Video().Filter("scale", ffmpeg.Args{fmt.Sprint(width), fmt.Sprint(height)}, matrix).Filter("setsar", ffmpeg.Args{"1"})
	canvas = o.Transform.apply(canvas, o.Title)
	if o.Transform == TransformLogo {
		canvas = Rendition{Width: width, Height: height}.branded(canvas, Options{Logo: o.Logo}.logoInput())
	}
	keyFrames := liveKeyFrames
	if o.Bitrate > 0 {
		canvas = canvas.Filter("select", ffmpeg.Args{"isnan(prev_selected_t)+gt(t-prev_selected_t," + thriftyEvery + ")"})
		keyFrames = thriftyKeyFrames
	}
	return ffmpeg.Output([]*ffmpeg.Stream{canvas.Filter("format", ffmpeg.Args{"yuv420p"})}, "pipe:1", o.encoder(width, height), ffmpeg.KwArgs{
		"enc_time_base": fmt.Sprintf("1:%d", LiveRate), "g": 9999, "force_key_frames": fmt.Sprintf("expr:gte(t,n_forced*%g)", keyFrames.Seconds()),
	})
}

// encoder returns the arguments of the encoder.
func (o LiveOptions) encoder(width, height int) ffmpeg.KwArgs {
	rate := max(liveBitrate*width*height/(liveLong*liveShort), leastLiveBitrate)
	buffer := rate
	if o.Bitrate > 0 {
		rate, buffer = o.Bitrate, o.Bitrate/3
	}
	limits := ffmpeg.KwArgs{"b:v": rate, "maxrate": rate, "bufsize": buffer}
	if o.encode() == depay.H264 {
		return ffmpeg.MergeKwArgs([]ffmpeg.KwArgs{pictureArgs("libx264", "flv"), limits, {
			"preset": "veryfast", "tune": "zerolatency", "profile:v": "baseline", "sc_threshold": 0, "forced-idr": 1,
		}})
	}
	return ffmpeg.MergeKwArgs([]ffmpeg.KwArgs{pictureArgs("libvpx", "ivf"), limits, {
		"deadline": "realtime", "cpu-used": 8, "lag-in-frames": 0, "auto-alt-ref": 0,
	}})
}

// Write hands over a coded picture; the first needs no other. Its time, in units of 1/LiveRate s, is later than that of the one before
// it, and 0 for the first.
func (f *LiveFilter) Write(at int64, picture []byte) error {
	now := time.Now()
	f.awaiting.CompareAndSwap(0, now.UnixNano())
	if since := f.awaiting.Load(); since != 0 && now.Sub(time.Unix(0, since)) > liveStall {
		return fmt.Errorf("%w: it has answered no picture for %v", ErrStalled, liveStall)
	}
	_ = f.in.SetWriteDeadline(now.Add(liveStall))
	err := f.writer.WriteFrame(at, picture)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: it left a full pipe unread for %v", ErrStalled, liveStall)
	}
	return err
}

// Read waits for the next picture, which is valid until the next call, and returns it with the time of what it was made of. After the
// first error, which says why ffmpeg has ended, there are no more.
func (f *LiveFilter) Read() (at int64, picture []byte, err error) {
	at, picture, err = f.frames.Next()
	if err != nil {
		return 0, nil, f.explain(err)
	}
	f.awaiting.Store(0)
	return at, picture, nil
}

// liveIVF reads VP8.
type liveIVF struct {
	from   io.Reader
	frames *ivf.Reader // nil before the first picture
}

// Next implements livePictures.
func (r *liveIVF) Next() (at int64, picture []byte, err error) {
	if r.frames == nil {
		if r.frames, err = ivf.NewReader(r.from); err != nil {
			return 0, nil, err
		}
	}
	at, picture, err = r.frames.Next()
	h := r.frames.Header
	return at * LiveRate * int64(max(h.Scale, 1)) / int64(max(h.Rate, 1)), picture, err
}
