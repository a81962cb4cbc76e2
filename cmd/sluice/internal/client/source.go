package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// Times at which the test picture flashes and its tone sounds: for a tenth
// of a second at every even second. The picture's is cut short of the tenth
// so that rounding adds no frame.
const (
	testFlash = "lt(mod(t,2),0.095)"
	testBeep  = "aevalsrc=exprs='0.5*sin(2*PI*1000*t)*lt(mod(t,2),0.1)':sample_rate=48000"
	testClock = `drawtext=text='%%{pts\:hms\:%.3f} %%{n}':fontsize=h/10:x=(w-tw)/2:y=h-2*th:fontcolor=white:box=1:boxcolor=black`
)

// stderrTail is how much of what ffmpeg said last goes into an error, in bytes.
const stderrTail = 2 << 10

// startUp is what ffmpeg is given to begin with the test picture. The clock
// in the picture must be known before, because it is that of the sending.
const startUp = time.Second

// mediaSource is one run of ffmpeg that encodes SOURCE: a codec in its container on Video,
// Opus in Ogg on Audio, each nil when it is not wanted. It runs ahead of the
// sending by what the pipes hold, so that a stall of it delays nothing.
type mediaSource struct {
	Start        time.Time // when its time 0 is to be sent; zero: when it is ready
	Video, Audio *os.File
	cmd          *exec.Cmd
	may          sandbox.Policy
	rate         rate // of pictures that come without times
	kill         context.CancelFunc
	stderr       tail
	write        []*os.File // ffmpeg's ends of the pipes
}

// newMediaSource makes the pipes and the command; Run starts it.
func newMediaSource(ctx context.Context, o Publish, codec videoCodec) (*mediaSource, error) {
	s := &mediaSource{may: policyOf(o), rate: rateOf(o, codec)}
	if o.Source == testSource {
		s.Start = time.Now().Add(startUp)
	}
	var err error
	if !o.NoVideo {
		s.Video, err = s.pipe()
	}
	if !o.NoAudio && err == nil {
		s.Audio, err = s.pipe()
	}
	if err != nil {
		s.close()
		return nil, err
	}
	ctx, s.kill = context.WithCancel(ctx)
	s.cmd = exec.CommandContext(ctx, "ffmpeg", sourceArgs(o, codec, s.Start)...)
	s.cmd.ExtraFiles = s.write
	s.cmd.Stderr = &s.stderr
	s.cmd.Cancel = func() error { return syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) }
	s.cmd.WaitDelay = time.Second
	return s, nil
}

// pipe adds a pipe that ffmpeg writes to and returns the end to read from.
func (s *mediaSource) pipe() (*os.File, error) {
	r, w, err := os.Pipe()
	if err == nil {
		s.write = append(s.write, w)
	}
	return r, err
}

// Run runs ffmpeg until it ends or its context does, while feed reads from
// the pipes. It returns feed's error before ffmpeg's.
func (s *mediaSource) Run(feed func() error) error {
	defer s.close()
	defer s.kill()
	var g errgroup.Group
	started := make(chan error, 1)
	g.Go(func() error { return s.run(started) })
	if err := <-started; err != nil {
		return errors.Join(g.Wait(), err)
	}
	if err := feed(); err != nil {
		s.kill()
		_ = g.Wait() // how a killed ffmpeg ends says nothing
		return err
	}
	return g.Wait()
}

// run starts ffmpeg and waits for it.
func (s *mediaSource) run(started chan<- error) error {
	err := sandbox.Run(s.cmd, s.may, func() {
		s.closeWrite()
		started <- nil
	})
	if s.cmd.Process == nil {
		s.closeWrite()
		started <- fmt.Errorf("start ffmpeg: %w", err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("ffmpeg: %w: %s", err, s.stderr.String())
	}
	return nil
}

// closeWrite closes ffmpeg's ends of the pipes in this process.
func (s *mediaSource) closeWrite() {
	for _, w := range s.write {
		w.Close()
	}
}

// policyOf lets ffmpeg read whatever the user names, with the files that a playlist names in turn, and write nothing. Only a source
// that is a URL takes it to the network.
func policyOf(o Publish) sandbox.Policy {
	if o.Source == testSource {
		return sandbox.Policy{}
	}
	return sandbox.Policy{Read: []string{"/"}, Network: strings.Contains(o.Source, "://")}
}

// close closes our ends of the pipes.
func (s *mediaSource) close() {
	for _, f := range append(s.write, s.Video, s.Audio) {
		if f != nil {
			f.Close()
		}
	}
}

// sourceArgs returns ffmpeg's arguments for a source that is sent from start
// on. The first output's pipe is number 3.
func sourceArgs(o Publish, codec videoCodec, start time.Time) []string {
	args := []string{"-hide_banner", "-nostdin", "-v", "error"}
	args = append(args, sourceInputs(o)...)
	pipe := 3
	if !o.NoVideo {
		args = append(args, videoOutput(o, codec, start, pipe)...)
		pipe++
	}
	if !o.NoAudio {
		args = append(args, audioOutput(o, pipe)...)
	}
	return args
}

// sourceInputs does not ask for the native rate (-re): the pipes, read at
// that rate, hold ffmpeg back.
func sourceInputs(o Publish) []string {
	if o.Source != testSource {
		args := []string{"-i", o.Source}
		if o.Loop {
			args = append([]string{"-stream_loop", "-1"}, args...)
		}
		return args
	}
	size := o.Size
	if size == "" {
		size = "640x480"
	}
	return []string{
		"-f", "lavfi", "-i", fmt.Sprintf("testsrc2=size=%s:rate=%d", size, o.FPS),
		"-f", "lavfi", "-i", testBeep,
	}
}

func videoOutput(o Publish, codec videoCodec, start time.Time, pipe int) []string {
	if o.copied != nil && o.copied.codec == codec.name {
		return append(copyArgs(*o.copied), endOutput(o, codec.container, pipe)...)
	}
	fps, rate := strconv.Itoa(o.FPS), strconv.Itoa(o.bitrate)
	args := []string{"-map", "0:v:0"}
	switch {
	case o.Source == testSource:
		args = append(args, "-vf", "drawbox=t=fill:color=white:enable='"+testFlash+"',"+fmt.Sprintf(testClock, timeOfDay(start)))
	case o.Size != "":
		box := strings.Replace(o.Size, "x", ":", 1)
		args = append(args, "-vf", fmt.Sprintf("scale=%s:force_original_aspect_ratio=decrease,pad=%s:(ow-iw)/2:(oh-ih)/2,setsar=1", box, box))
	}
	// A receiver's request for a key frame cannot reach the encoder: there is
	// one every second instead.
	args = append(args, "-fps_mode", "cfr", "-r", fps, "-pix_fmt", "yuv420p", "-c:v", codec.encoder)
	args = append(args, codec.options...)
	args = append(args, "-g", fps, "-b:v", rate, "-maxrate", rate, "-bufsize", rate)
	return append(args, endOutput(o, codec.container, pipe)...)
}

// timeOfDay returns the seconds since midnight.
func timeOfDay(t time.Time) float64 {
	hour, minute, second := t.Clock()
	return float64(hour*3600+minute*60+second) + float64(t.Nanosecond())/1e9
}

func audioOutput(o Publish, pipe int) []string {
	input := "0"
	if o.Source == testSource {
		input = "1"
	}
	args := []string{"-map", input + ":a:0", "-c:a", "libopus", "-ar", "48000", "-ac", "2", "-b:a", "96k", "-frame_duration", "20", "-page_duration", "1"}
	return append(args, endOutput(o, "ogg", pipe)...)
}

// endOutput ends an output's options: every packet is written at once.
func endOutput(o Publish, format string, pipe int) []string {
	args := []string{"-flush_packets", "1", "-f", format, "pipe:" + strconv.Itoa(pipe)}
	if o.Duration > 0 {
		args = append([]string{"-t", strconv.FormatFloat(o.Duration.Seconds(), 'f', -1, 64)}, args...)
	}
	return args
}

// probe leaves out the audio or video that a file does not have, finds out whether its video can be sent as it is, and checks that ffmpeg
// has the encoders. why says why the video is encoded although it might have been sent so.
func probe(ctx context.Context, o Publish) (found Publish, why string, err error) {
	if o.Source != testSource {
		file, err := probeFile(ctx, o)
		if err != nil {
			return o, "", err
		}
		_, video := file.first("video")
		_, audio := file.first("audio")
		o.NoVideo, o.NoAudio = o.NoVideo || !video, o.NoAudio || !audio
		if o.NoVideo && o.NoAudio {
			return o, "", fmt.Errorf("%s holds nothing to send", o.Source)
		}
		o, why = copyVideo(ctx, o, file)
	}
	if o.NoVideo {
		return o, "", nil
	}
	encoded := slices.DeleteFunc(slices.Clone(o.codecs), func(c videoCodec) bool { return o.copied != nil && o.copied.codec == c.name })
	return o, why, checkEncoders(ctx, encoded)
}

func probeFile(ctx context.Context, o Publish) (file fileTracks, err error) {
	cmd := exec.CommandContext(ctx, "ffprobe", "-v", "error", "-show_entries",
		"stream=codec_type,codec_name,profile,level,pix_fmt,field_order,has_b_frames,r_frame_rate,avg_frame_rate", "-of", "json", "-i", o.Source)
	var stderr tail
	cmd.Stderr = &stderr
	out, err := sandbox.Output(cmd, policyOf(o))
	if err == nil {
		err = json.Unmarshal(out, &file)
	}
	if err != nil {
		return file, fmt.Errorf("ffprobe cannot read %s: %w: %s", o.Source, err, stderr.String())
	}
	return file, nil
}

// tail keeps the last stderrTail bytes that are written to it.
type tail struct{ b []byte }

func (t *tail) Write(p []byte) (int, error) {
	t.b = append(t.b, p[max(0, len(p)-stderrTail):]...)
	t.b = append(t.b[:0], t.b[max(0, len(t.b)-stderrTail):]...)
	return len(p), nil
}

// String returns what was kept as one line.
func (t *tail) String() string {
	return strings.Join(strings.FieldsFunc(string(t.b), func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
