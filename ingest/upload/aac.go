package upload

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sluice-live/sluice/ingest/webm"
	"github.com/sluice-live/sluice/public/panics"
)

// aac is what a file says of its AAC (AudioSpecificConfig, ISO/IEC 14496-3 §1.6.2.1), as ADTS has it.
type aac struct {
	profile  byte // audio object type less 1: 1 is Low Complexity
	rate     byte // index of the sampling rate
	channels byte // channel configuration
}

// Of ADTS (ISO/IEC 14496-3 §1.A.3.2.1).
const (
	adtsHead    = 7         // bytes
	adtsLongest = 1<<13 - 1 // bytes of a frame with its head
	aacSamples  = 1024      // in a frame
)

var errAAC = errors.New("the recording's AAC is of a kind that is not taken: record Opus, or AAC-LC")

// parseAAC reads an AudioSpecificConfig. AAC with spectral band replication is described as the AAC-LC that is in it.
func parseAAC(config []byte) (aac, error) {
	if len(config) < 2 {
		return aac{}, errAAC
	}
	kind, rate, channels := config[0]>>3, config[0]&7<<1|config[1]>>7, config[1]>>3&15
	if kind == 5 || kind == 29 {
		kind = 2
	}
	if kind < 1 || kind > 4 || int(rate) >= len(aacRates) || channels < 1 || channels > 7 {
		return aac{}, errAAC
	}
	return aac{kind - 1, rate, channels}, nil
}

// aacRates are sampling rates by their index, in Hz. Nothing writes to them.
var aacRates = [...]int64{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}

// appendFrame appends a frame with its head; ok is false when it is too long for one.
func (a aac) appendFrame(dst, frame []byte) (_ []byte, ok bool) {
	n := len(frame) + adtsHead
	if n > adtsLongest {
		return dst, false
	}
	dst = append(dst, 0xff, 0xf1, a.profile<<6|a.rate<<2|a.channels>>2, a.channels<<6|byte(n>>11), byte(n>>3), byte(n)<<5|0x1f, 0xfc)
	return append(dst, frame...), true
}

const (
	aacDrift   = 40 * time.Millisecond   // by which time stamps may be off what has been decoded before they are set anew
	aacStall   = 2 * time.Second         // in which ffmpeg takes a frame
	aacDrain   = 5 * time.Second         // in which it ends
	aacAnchors = 256                     // that are remembered
	opusDelay  = 6500 * time.Microsecond // of libopus
)

// transcoder makes Opus of AAC, by an ffmpeg of its own: what WebRTC carries is Opus.
type transcoder struct {
	aac
	command *exec.Cmd
	ended   chan struct{} // closed when ffmpeg has
	in      *os.File
	read    chan struct{} // closed when all that ffmpeg has made is read
	buffer  []byte
	failed  error

	mu      sync.Mutex
	written int64    // samples
	anchors []anchor // of what is in ffmpeg
}

// anchor tells the time of a sample; others follow on it.
type anchor struct {
	sample int64
	at     time.Duration
}

// Run starts a program, calls started, and waits for its end; started is not called when it does not start.
type Run func(program *exec.Cmd, started func()) error

// unconfined runs a program that may do what this process may.
func unconfined(program *exec.Cmd, started func()) error {
	program.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := program.Start(); err != nil {
		return err
	}
	started()
	return program.Wait()
}

// startTranscoder has run start ffmpeg. pass gets what it makes, with its time, from another goroutine, until close returns.
func startTranscoder(run Run, program string, a aac, pass func(webm.Block)) (*transcoder, error) {
	const arguments = "-hide_banner -nostdin -loglevel quiet -protocol_whitelist pipe -probesize 32 -analyzeduration 0 -f aac -i pipe:0 -map 0:a:0 " +
		"-c:a libopus -frame_duration 20 -b:a 128k -ar 48000 -ac 2 -cluster_time_limit 1 -flush_packets 1 -f webm -live 1 pipe:1"
	in, ours, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, theirs, err := os.Pipe()
	if err != nil {
		_ = ours.Close()
		return nil, fmt.Errorf("make pipe: %w", err)
	}
	defer func() { _ = theirs.Close() }()
	t := &transcoder{aac: a, command: exec.Command(program, strings.Fields(arguments)...), in: ours, read: make(chan struct{}), ended: make(chan struct{})}
	t.command.Stdin, t.command.Stdout = in, theirs
	started := make(chan struct{})
	go func() {
		defer close(t.ended)
		if fault := panics.Contain(nil, "the decoding of AAC", func() { err = run(t.command, func() { close(started) }) }); fault != nil {
			err = fault
		}
	}()
	select {
	case <-started:
	case <-t.ended:
		select {
		case <-started: // and has ended since
		default:
			_, _ = ours.Close(), out.Close()
			return nil, fmt.Errorf("start ffmpeg: %w", err)
		}
	}
	go func() {
		defer close(t.read)
		defer func() { _ = out.Close() }()
		if panics.Contain(nil, "the decoding of AAC", func() { t.collect(out, pass) }) != nil {
			_ = t.command.Process.Kill() // so that the next frame cannot be written
		}
		_, _ = io.Copy(io.Discard, out)
	}()
	return t, nil
}

// write has a frame decoded that is played at a time.
func (t *transcoder) write(frame []byte, at time.Duration) error {
	stream, ok := t.appendFrame(t.buffer[:0], frame)
	if !ok {
		return errAAC
	}
	t.buffer = stream
	if t.failed != nil {
		return t.failed
	}
	t.note(at)
	_ = t.in.SetWriteDeadline(time.Now().Add(aacStall))
	if _, err := t.in.Write(stream); err != nil {
		t.failed = fmt.Errorf("decode AAC: %w", err)
	}
	return t.failed
}

// note remembers the time of the frame that is written next.
func (t *transcoder) note(at time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n := len(t.anchors); n == 0 || (at-t.after(t.anchors[n-1], t.written)).Abs() > aacDrift {
		t.anchors = append(t.anchors[max(0, n+1-aacAnchors):], anchor{t.written, at})
	}
	t.written += aacSamples
}

// after is the time of a sample that follows on an anchor.
func (t *transcoder) after(a anchor, sample int64) time.Duration {
	return a.at + time.Duration(sample-a.sample)*time.Second/time.Duration(aacRates[t.rate])
}

// timeOf returns when a sample is played that ffmpeg has after this time.
func (t *transcoder) timeOf(made time.Duration) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	sample := int64(made.Microseconds()) * aacRates[t.rate] / 1e6
	for len(t.anchors) > 1 && t.anchors[1].sample <= sample {
		t.anchors = t.anchors[1:]
	}
	if len(t.anchors) == 0 {
		return made
	}
	return t.after(t.anchors[0], sample)
}

// collect passes on what ffmpeg makes. Its packets are counted: it does not know the time of its first frames, of which it has seen too little.
func (t *transcoder) collect(out io.Reader, pass func(webm.Block)) {
	in := webm.NewReader(out)
	if _, err := in.Tracks(); err != nil {
		return
	}
	made := -opusDelay
	for block, err := in.Next(); err == nil; block, err = in.Next() {
		block.Time = t.timeOf(made)
		made += opusDuration(block.Data)
		pass(block)
	}
}

// close ends ffmpeg, which makes what it still has unless it is to end at once, and waits for it.
func (t *transcoder) close(atOnce bool) {
	_ = t.in.Close()
	if atOnce {
		_ = t.command.Process.Kill()
	}
	hurry := panics.AfterFunc(aacDrain, nil, "the decoding of AAC", func() { _ = t.command.Process.Kill() })
	defer hurry.Stop()
	<-t.read
	<-t.ended
}
