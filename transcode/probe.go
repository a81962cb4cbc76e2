package transcode

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// Feature is one thing that a run needs of ffmpeg's build.
type Feature struct {
	Name    string // as ffmpeg spells it, such as "libx264"
	Kind    string // "encoder", "decoder", "muxer" or "demuxer"
	Present bool
	Only    string // what alone needs it, such as "AV1"; "" for what every service needs
}

// Build is what the installed ffmpeg is and can.
type Build struct {
	Version  string // such as "5.1.9-0+deb12u1"
	Features []Feature
}

// needed is what a run uses.
var needed = [...]Feature{
	{Name: "libx264", Kind: "encoder"}, {Name: "libx265", Kind: "encoder", Only: "H.265 in the ladder"}, {Name: "libsvtav1", Kind: "encoder", Only: "AV1 in the ladder"},
	{Name: "h264_nvenc", Kind: "encoder", Only: "NVIDIA's encoder"}, {Name: "h264_qsv", Kind: "encoder", Only: "Intel's encoder"},
	{Name: "h264_vaapi", Kind: "encoder", Only: "encoders by VA-API"},
	{Name: "aac", Kind: "encoder"}, {Name: "mjpeg", Kind: "encoder"},
	{Name: "vp8", Kind: "decoder"}, {Name: "vp9", Kind: "decoder"}, {Name: "h264", Kind: "decoder"},
	{Name: "libdav1d", Kind: "decoder", Only: "AV1"}, {Name: "libopus", Kind: "decoder"},
	{Name: "dash", Kind: "muxer"}, {Name: "mp4", Kind: "muxer"}, {Name: "image2", Kind: "muxer"},
	{Name: "ivf", Kind: "demuxer"}, {Name: "ogg", Kind: "demuxer"}, {Name: "concat", Kind: "demuxer"},
}

// Probe asks ffmpeg ("" for the default) what it is, in about a fifth of a second. The error says what is missing and
// how to mend it; the Build is filled in as far as it was found out.
func Probe(ctx context.Context, ffmpeg string) (Build, error) {
	ffmpeg = orDefault(ffmpeg, DefaultFFmpeg)
	b := Build{Features: append([]Feature(nil), needed[:]...)}
	first, err := list(ctx, ffmpeg, "-version")
	if err != nil {
		return b, err
	}
	b.Version = version(first)
	codecs, err := list(ctx, ffmpeg, "-codecs")
	if err != nil {
		return b, err
	}
	formats, err := list(ctx, ffmpeg, "-formats")
	if err != nil {
		return b, err
	}
	has := offered(codecs, formats)
	for i, f := range b.Features {
		b.Features[i].Present = has[f.Kind+" "+f.Name]
	}
	return b, b.fault()
}

// fault says what is wrong with the build, if anything.
func (b Build) fault() error {
	var faults []error
	var major, minor int
	if n, _ := fmt.Sscanf(b.Version, "%d.%d", &major, &minor); n == 2 && (major < 5 || major == 5 && minor < 1) {
		faults = append(faults, fmt.Errorf("ffmpeg %s is too old: 5.1 or newer is needed", b.Version))
	}
	for _, f := range b.Features {
		if !f.Present && f.Only == "" {
			faults = append(faults, fmt.Errorf("ffmpeg %s was built without the %s %s: apt-get install ffmpeg brings a build that has it", b.Version, f.Kind, f.Name))
		}
	}
	return errors.Join(faults...)
}

// list returns the lines that ffmpeg prints for one option.
func list(ctx context.Context, ffmpeg, option string) ([]string, error) {
	var lines []string
	p := newTask(ctx, []string{ffmpeg, "-hide_banner", option}, sandbox.Policy{CPU: shortTask}, func(line []byte) { lines = append(lines, string(line)) })
	if err := p.run(func() {}); err != nil {
		return nil, fmt.Errorf("ask ffmpeg for %s: %w", strings.TrimPrefix(option, "-"), err)
	}
	return lines, nil
}

// version finds the version in the first line, "ffmpeg version 5.1.9-0+deb12u1 Copyright …".
func version(lines []string) string {
	if len(lines) > 0 {
		if fields := strings.Fields(lines[0]); len(fields) > 2 && fields[1] == "version" {
			return fields[2]
		}
	}
	return "of unknown version"
}

// offered returns what ffmpeg's lists of codecs and formats name, each behind its kind: "encoder libx264".
func offered(codecs, formats []string) map[string]bool {
	has := map[string]bool{}
	for _, line := range codecs {
		addCodec(has, line)
	}
	for _, line := range formats {
		addFormat(has, line)
	}
	return has
}

// addCodec adds what a line of the codecs names: flags, a codec, a description, and the decoders and encoders in parentheses where one is not called
// as the codec is.
func addCodec(has map[string]bool, line string) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return
	}
	for i, kind := range []string{"decoder", "encoder"} {
		if !strings.HasPrefix(fields[0][min(i, len(fields[0])):], strings.ToUpper(kind[:1])) {
			continue
		}
		names := fields[1]
		if _, listed, found := strings.Cut(line, "("+kind+"s: "); found {
			names, _, _ = strings.Cut(listed, ")")
		}
		for name := range strings.FieldsSeq(names) {
			has[kind+" "+name] = true
		}
	}
}

// addFormat adds what a line of the formats names: flags, one name or several with commas, and a description.
func addFormat(has map[string]bool, line string) {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return
	}
	for name := range strings.SplitSeq(fields[1], ",") {
		has["demuxer "+name] = has["demuxer "+name] || strings.Contains(fields[0], "D")
		has["muxer "+name] = has["muxer "+name] || strings.Contains(fields[0], "E")
	}
}
