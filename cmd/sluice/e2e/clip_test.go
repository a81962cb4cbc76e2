package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/sluice-live/sluice/depay/ivf"
	"github.com/sluice-live/sluice/depay/ogg"
)

const (
	clipLength = 20 * time.Second
	flashEvery = 2 * time.Second // a white picture and a beep, both 100 ms long, from 1 s on
	// opusDelay is how late libopus puts the sound into its packets (RFC 7845 §4.2); the publisher takes it off the time stamps.
	opusDelay = 312
)

// clip is encoded media whose flashes and beeps begin at the same instants.
type clip struct {
	codec coding   // of the pictures
	video []sample // 90 kHz
	audio []sample // 48 kHz
}

type sample struct {
	pts  int64
	data []byte
}

var (
	makeLargeClip = sync.OnceValues(func() (*clip, error) { return newClip(vp8, "1280x720", "2500k", clipLength) })
	clips         sync.Map // of makeClip, by name of the codec
)

// makeClip makes the clip in a codec, once: of 640x480 in those that can be passed on, and small in VP8, which every service of a
// test has to decode and scale.
func makeClip(codec coding) (*clip, error) {
	size, bitrate := "640x480", "1500k"
	if codec.name == vp8.name {
		size, bitrate = "320x240", "800k"
	}
	make, _ := clips.LoadOrStore(codec.name, sync.OnceValues(func() (*clip, error) { return newClip(codec, size, bitrate, clipLength) }))
	return make.(func() (*clip, error))()
}

// newClip makes one that flashes, of 30 pictures a second.
func newClip(codec coding, size, bitrate string, length time.Duration) (*clip, error) {
	return recordClip(codec, flashing(size), 30, bitrate, length)
}

// then is the clip, of a length in whole seconds, and another one after it.
func (c *clip) then(next *clip, length time.Duration) *clip {
	joined := &clip{codec: c.codec, video: slices.Clone(c.video), audio: slices.Clone(c.audio)}
	for _, s := range next.video {
		joined.video = append(joined.video, sample{s.pts + int64(length.Seconds())*90000, s.data})
	}
	for _, s := range next.audio {
		joined.audio = append(joined.audio, sample{s.pts + int64(length.Seconds())*48000, s.data})
	}
	return joined
}

// flashing is a filter that makes 30 pictures a second, white ones among darker ones.
func flashing(size string) string {
	return "testsrc2=s=" + size + ":r=30,lutyuv=y=val*0.4,drawbox=c=white:t=fill:enable='lt(mod(t+1\\,2)\\,0.099)'"
}

const (
	clockClipFPS      = 15
	clockClipPictures = clockClipFPS * float64(clipLength/time.Second)
)

// newClockClip makes one of 640x480 whose pictures carry their number.
func newClockClip(codec coding) (*clip, error) {
	return recordClip(codec, fmt.Sprintf("testsrc2=s=640x480:r=%d,%s", clockClipFPS, drawNumber(640)), clockClipFPS, "1500k", clipLength)
}

// recordClip encodes what a filter of ffmpeg makes.
func recordClip(codec coding, source string, fps int, bitrate string, length time.Duration) (*clip, error) {
	directory, err := os.MkdirTemp("", "sluice-clip-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(directory)
	video, audio := filepath.Join(directory, "clip."+codec.file), filepath.Join(directory, "clip.ogg")
	if err := encodeClip(codec, video, audio, source, fps, bitrate, length); err != nil {
		return nil, err
	}
	c := &clip{codec: codec}
	if c.video, err = codec.read(video); err != nil {
		return nil, err
	}
	c.audio, err = readOgg(audio)
	return c, err
}

// encodeClip writes the pictures in the codec's file and Opus in Ogg. There is a key frame a second.
func encodeClip(codec coding, video, audio, source string, fps int, bitrate string, length time.Duration) error {
	seconds := strconv.Itoa(int(length.Seconds()))
	arguments := []string{
		"-loglevel", "error",
		"-f", "lavfi", "-i", source,
		"-f", "lavfi", "-i", "aevalsrc='0.5*sin(2*PI*1000*t)*lt(mod(t+1\\,2)\\,0.1)':s=48000:c=stereo:d=" + seconds,
		"-map", "1:a", "-c:a", "libopus", "-b:a", "96k", "-application", "lowdelay", "-frame_duration", "20", audio,
		"-map", "0:v", "-t", seconds, "-pix_fmt", "yuv420p", "-g", strconv.Itoa(fps), "-b:v", bitrate,
	}
	out, err := patiently("ffmpeg", append(append(arguments, codec.encoder...), video)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

func readIVF(path string) (samples []sample, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, err := ivf.NewReader(file)
	if err != nil {
		return nil, err
	}
	scale := 90000 * int64(reader.Header.Scale) / int64(reader.Header.Rate)
	for {
		pts, data, err := reader.Next()
		if err == io.EOF {
			return samples, nil
		}
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample{pts * scale, append([]byte(nil), data...)})
	}
}

// readOgg reads packets of 20 ms each.
func readOgg(path string) (samples []sample, err error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	reader, err := ogg.NewReader(file)
	if err != nil {
		return nil, err
	}
	for pts := int64(-opusDelay); ; pts += 960 {
		_, data, err := reader.Next()
		if err == io.EOF {
			return samples, nil
		}
		if err != nil {
			return nil, err
		}
		samples = append(samples, sample{pts, append([]byte(nil), data...)})
	}
}

// sound is the clip without its pictures.
func (c *clip) sound() *clip { return &clip{audio: c.audio} }
