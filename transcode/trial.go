package transcode

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	ffmpeg "github.com/u2takey/ffmpeg-go"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// EncoderAuto as what is wanted of ChooseEncoder tries all.
const EncoderAuto = "auto"

// EncoderTrial is how it went with a way to encode.
type EncoderTrial struct {
	Encoder Encoder
	Fault   error // why it is not used; nil if it works
}

// trialTime is what one trial encode may take: drivers that hang do so at the first picture.
const trialTime = 10 * time.Second

// ChooseEncoder tries what is wanted ("auto": all that there is, the preferred first) by encoding half a second, and returns what
// encodes H.264 on this machine, with how the trials went up to that one. It is Software where nothing else works; software is not tried.
func ChooseEncoder(ctx context.Context, ffmpeg string, b Build, wanted string) (Encoder, []EncoderTrial) {
	var trials []EncoderTrial
	for _, kind := range HardwareEncoders() {
		if wanted != EncoderAuto && wanted != string(kind) {
			continue
		}
		for _, trial := range b.try(ctx, orDefault(ffmpeg, DefaultFFmpeg), kind, filepath.Glob) {
			if trials = append(trials, trial); trial.Fault == nil {
				return trial.Encoder, trials
			}
		}
	}
	return Encoder{}, trials
}

// ExplainEncoder says in a sentence what encodes, and why nothing else does.
func ExplainEncoder(chosen Encoder, trials []EncoderTrial) string {
	if chosen.Kind != Software {
		return fmt.Sprintf("encoder %s: a trial encode has worked", chosen)
	}
	var faults []string
	for _, t := range trials {
		faults = append(faults, fmt.Sprintf("%s: %v", t.Encoder, t.Fault))
	}
	return strings.Join(append([]string{"encoder libx264, by software"}, faults...), "; ")
}

// try tries each device of a kind. Where glob finds none, or the build lacks the encoder, nothing is run.
func (b Build) try(ctx context.Context, ffmpeg string, kind EncoderKind, glob func(string) ([]string, error)) []EncoderTrial {
	devices, err := glob(kind.nodes())
	switch {
	case err != nil || len(devices) == 0:
		return []EncoderTrial{{Encoder{Kind: kind}, fmt.Errorf("there is no device %s", kind.nodes())}}
	case !b.encodes(kind.program()):
		return []EncoderTrial{{Encoder{Kind: kind}, fmt.Errorf("ffmpeg %s was built without %s", b.Version, kind.program())}}
	case kind == NVENC:
		devices = devices[:1] // CUDA counts them itself
	}
	slices.Sort(devices)
	trials := make([]EncoderTrial, len(devices))
	for i, device := range devices {
		e := Encoder{kind, device}
		if trials[i] = (EncoderTrial{e, e.try(ctx, ffmpeg)}); trials[i].Fault == nil {
			return trials[:i+1]
		}
	}
	return trials
}

// encodes reports whether the build has an encoder.
func (b Build) encodes(name string) bool {
	return slices.ContainsFunc(b.Features, func(f Feature) bool { return f.Name == name && f.Kind == "encoder" && f.Present })
}

// Trials encode half a second of 720p30, with a key frame that is asked for in the middle.
const (
	trialPictures = 15
	trialKey      = 9
)

// try encodes as a run would, confined as a run is, and looks at the packets that come out.
func (e Encoder) try(ctx context.Context, program string) error {
	if e.Device != "" {
		node, err := os.OpenFile(e.Device, os.O_RDWR, 0)
		if err != nil {
			return fmt.Errorf("%w: let this user use it (the group video or render, as a rule)", err)
		}
		node.Close()
	}
	ctx, cancel := context.WithTimeout(ctx, trialTime)
	defer cancel()
	policy := sandbox.Policy{CPU: shortTask}
	e.allow(&policy)
	var packets []trialPacket
	p := newTask(ctx, e.trialArgs(program), policy, func(line []byte) {
		if found, ok := parsePacket(string(line)); ok && len(packets) <= trialPictures {
			packets = append(packets, found)
		}
	})
	err := p.run(func() {})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("a trial encode took more than %v", trialTime)
	case err != nil:
		return fmt.Errorf("a trial encode failed: %w", err)
	}
	return judge(packets)
}

// trialArgs are the command line of a trial, whose output is a line for each packet.
func (e Encoder) trialArgs(program string) []string {
	r := DefaultLadder()[0]
	args := ffmpeg.KwArgs{"map": "[out]", "t": float64(trialPictures) / float64(r.FPS), "f": "framecrc"}
	addEncoderArgs(args, e, ":v:0")
	r.addArgs(args, e, ":v:0", noGroup, Options{}.withDefaults().rateControl())
	args["force_key_frames:v:0"] = seconds(time.Duration(trialKey) * time.Second / time.Duration(r.FPS))
	graph := fmt.Sprintf("testsrc2=size=%dx%d:rate=%d", r.Width, r.Height, r.FPS)
	filters := map[EncoderKind]string{QSV: ",format=nv12", VAAPI: ",format=nv12,hwupload"}
	argv := append([]string{program, "-hide_banner", "-nostdin", "-nostats", "-loglevel", "level+error"}, e.globalArgs()...)
	argv = append(argv, "-filter_complex", graph+filters[e.Kind]+"[out]")
	return append(append(argv, ffmpeg.ConvertKwargsToCmdLineArgs(args)...), "pipe:1")
}

// trialPacket is what ffmpeg's framecrc says of one.
type trialPacket struct {
	pts, size int
	key       bool
}

// parsePacket reads a line of framecrc: stream, DTS, PTS, duration, size, check sum, flags where they are not those of a key
// frame alone, and side data.
func parsePacket(line string) (p trialPacket, ok bool) {
	fields := strings.Split(line, ",")
	if len(fields) < 6 {
		return p, false
	}
	pts, err := strconv.Atoi(strings.TrimSpace(fields[2]))
	size, err2 := strconv.Atoi(strings.TrimSpace(fields[4]))
	p = trialPacket{pts, size, true}
	for _, more := range fields[6:] {
		if flags, ok := strings.CutPrefix(strings.TrimSpace(more), "F=0x"); ok {
			bits, err := strconv.ParseUint(flags, 16, 32)
			p.key = err == nil && bits&1 != 0
		}
	}
	return p, err == nil && err2 == nil
}

// judge says what a ladder cannot be made of.
func judge(packets []trialPacket) error {
	if len(packets) != trialPictures {
		return fmt.Errorf("a trial encode made %d pictures of %d", len(packets), trialPictures)
	}
	for i, p := range packets {
		switch {
		case p.size <= 0:
			return errors.New("a trial encode made an empty picture")
		case i > 0 && p.pts <= packets[i-1].pts:
			return errors.New("a trial encode made B-frames")
		case p.key != (i == 0 || i == trialKey):
			return errors.New("a trial encode had its key frames elsewhere than where they were asked for")
		}
	}
	return nil
}
