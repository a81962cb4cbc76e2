package transcode

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
)

// ErrStalled reports that ffmpeg did nothing with its input for Options.Stall and was killed for it.
var ErrStalled = errors.New("it stands still")

// frameWriter puts frames into the container that a pipe carries.
type frameWriter interface {
	WriteFrame(f depay.Frame) error
	Close() error
}

// pipe is the way of one input: from a queue, the job's or a layer's, into the file that ffmpeg reads at the other end.
type pipe struct {
	frames interface {
		// pop waits for the next frame; ok is false when there is none any more.
		pop() (f depay.Frame, ok bool)
	}
	leave  func()        // tells where frames come from that no more are taken
	before []depay.Frame // are written before those
	file   *os.File
	writer frameWriter
}

// feed writes what comes until it is closed or has ended, and closes the pipe.
func (p *pipe) feed(stall time.Duration) error {
	defer p.file.Close()
	defer p.leave()
	for _, f := range p.before {
		if err := p.within(stall, func() error { return p.writer.WriteFrame(f) }); err != nil {
			return err
		}
	}
	p.before = nil
	for {
		f, ok := p.frames.pop()
		if !ok {
			return p.within(stall, p.writer.Close)
		}
		if err := p.within(stall, func() error { return p.writer.WriteFrame(f) }); err != nil {
			return err
		}
	}
}

// within runs a write that may take as long as stall.
func (p *pipe) within(stall time.Duration, write func() error) error {
	if err := p.file.SetWriteDeadline(time.Now().Add(stall)); err != nil {
		return fmt.Errorf("set deadline of pipe: %w", err)
	}
	err := write()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("%w: it left a full pipe unread for %v", ErrStalled, stall)
	}
	return err
}

// videoDecoder is how ffmpeg is given video of one codec.
type videoDecoder struct {
	name   string // of its decoder
	fourCC string // of IVF
}

// videoDecoders are ffmpeg's own where it has one, else the fastest; by codec.
var videoDecoders = [...]videoDecoder{
	depay.VP8:  {"vp8", ivf.VP8},
	depay.VP9:  {"vp9", ivf.VP9},
	depay.H264: {"h264", ivf.H264},
	depay.AV1:  {"libdav1d", ivf.AV1},
}

// decoderOf returns how video of c is decoded; ok is false for a codec of something else.
func decoderOf(c depay.Codec) (d videoDecoder, ok bool) {
	if int(c) < len(videoDecoders) {
		d = videoDecoders[c]
	}
	return d, d.name != ""
}

// ivfFrames writes video.
type ivfFrames struct{ w *ivf.Writer }

func (v ivfFrames) WriteFrame(f depay.Frame) error { return v.w.WriteFrame(f.PTS, f.Data) }
func (v ivfFrames) Close() error                   { return nil }

// maxConcealed is the longest gap that the Opus decoder is asked to conceal, in ticks of 1/48000 s: six packets of 20 ms,
// and some for clocks that drift. A longer one is left to the resampler, which fills in silence.
const maxConcealed = 6*960 + 480

// oggFrames writes Opus.
type oggFrames struct {
	w        *ogg.Writer
	next     int64   // end of the last packet
	duration int64   // of the last packet, if it was a single frame; else 0
	lost     [1]byte // a packet of the same kind without a frame: its decoder conceals (RFC 6716 §3.2.1, §4.4)
}

// WriteFrame writes a packet, and before it those that stand for lost ones.
func (o *oggFrames) WriteFrame(f depay.Frame) error {
	if len(f.Data) == 0 {
		return nil
	}
	if gap := f.PTS - o.next; gap <= maxConcealed {
		for ; o.duration > 0 && gap > o.duration*3/4; gap -= o.duration {
			if err := o.w.WritePacket(o.next, o.duration, o.lost[:]); err != nil {
				return err
			}
			o.next += o.duration
		}
	}
	o.remember(f)
	return o.w.WritePacket(f.PTS, f.Duration, f.Data)
}

// remember keeps what a lost packet after f would have been: the configuration of f with frame count code 0 (RFC 6716 §3.1).
func (o *oggFrames) remember(f depay.Frame) {
	o.next, o.duration = f.PTS+f.Duration, 0
	if f.Data[0]&3 == 0 {
		o.duration, o.lost[0] = f.Duration, f.Data[0]
	}
}

func (o *oggFrames) Close() error { return o.w.Close() }
