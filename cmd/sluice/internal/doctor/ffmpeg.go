package doctor

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/transcode"
	"github.com/sluice-live/sluice/transcode/sandbox"
)

// installFFmpeg mends a missing or old ffmpeg.
const installFFmpeg = "Install ffmpeg 5.1 or later (Debian, Ubuntu: apt-get install ffmpeg), or name another with --ffmpeg."

// minFFmpegMajor and minFFmpegMinor are the oldest version that is tried.
const minFFmpegMajor, minFFmpegMinor = 5, 1

// checkFFmpeg looks at the program, its version, what it can do, and what encodes where wanted is asked for.
func checkFFmpeg(ctx context.Context, program, wanted string) []finding {
	version, err := FFmpegVersion(ctx, program)
	switch {
	case errors.Is(err, sandbox.ErrSnap):
		return []finding{bad("ffmpeg", program+" does not run: it comes from a snap, which cannot be confined", "Install an ffmpeg that is none (Debian, Ubuntu: "+
			"apt-get install ffmpeg), and name it, such as --ffmpeg /usr/bin/ffmpeg.")}
	case err != nil:
		return []finding{bad("ffmpeg", err.Error(), installFFmpeg)}
	}
	findings := append([]finding{judgeVersion(version)}, checkCodecs(ctx, program)...)
	findings = append(findings, checkEncoder(ctx, program, wanted))
	support := sandbox.Check()
	return append(findings, judgeConfinement(support, transcode.TryConfinement(ctx, program, support)))
}

// judgeConfinement says what ffmpeg is held to on this machine, by what the kernel supports and by how a trial went.
func judgeConfinement(support sandbox.Support, trial error) finding {
	const subject = "ffmpeg's confinement"
	switch lacks := support.Lacks(); {
	case errors.Is(trial, transcode.ErrNotConfined):
		return bad(subject, trial.Error(), "The kernel claims to confine programs, and does not. Run sluice on another kernel, or as a user who owns nothing else.")
	case trial != nil:
		return bad(subject, trial.Error(), "It may read what is below /usr, /lib and its own directory's bin and lib. Install it there (Debian, Ubuntu: "+
			"apt-get install ffmpeg).")
	case len(lacks) > 0:
		return look(subject, strings.Join(support.Holds(), ", ")+" (tried); but "+strings.Join(lacks, "; "),
			"What publishers send is decoded by ffmpeg, so that a fault of a decoder may do what this user may: run a kernel with Landlock and seccomp "+
				"(in a container: allow them), or sluice as a user who owns nothing else.")
	}
	return fine(subject, "%s (tried)", strings.Join(support.Holds(), ", "))
}

// judgeVersion compares what ffmpegVersion returned with the oldest version.
func judgeVersion(version string) finding {
	var major, minor int
	_, err := fmt.Sscanf(strings.TrimPrefix(version, "ffmpeg version "), "%d.%d", &major, &minor)
	switch {
	case err != nil: // built from a repository: no number to compare
		return look("ffmpeg", version, "Its version cannot be told; 5.1 or later is needed.")
	case major < minFFmpegMajor || major == minFFmpegMajor && minor < minFFmpegMinor:
		return bad("ffmpeg", version, installFFmpeg)
	}
	return fine("ffmpeg", "%s", version)
}

// checkCodecs looks for what the service needs, for what only publishers of
// one codec need, and for what only `sluice publish` does.
func checkCodecs(ctx context.Context, program string) []finding {
	const forPublish = " of sluice publish"
	return []finding{
		checkList(ctx, program, "encoders", "", bad, "libx264", "aac"),
		checkList(ctx, program, "decoders", "", bad, "vp8", "vp9", "h264", "libopus"),
		checkList(ctx, program, "encoders", " for renditions of H.265 and AV1", look, "libx265", "libsvtav1"),
		checkList(ctx, program, "decoders", " for AV1", look, "libdav1d"),
		checkList(ctx, program, "muxers", "", bad, "dash"),
		checkList(ctx, program, "demuxers", "", bad, "ivf", "ogg"),
		checkList(ctx, program, "encoders", forPublish, look, "libvpx", "libopus"),
	}
}

// checkEncoder tries the encoders of this machine's hardware, all of them unless one is asked for.
func checkEncoder(ctx context.Context, program, wanted string) finding {
	const subject = "hardware encoders"
	if wanted == config.EncoderSoftware {
		wanted = transcode.EncoderAuto
	}
	build, _ := transcode.Probe(ctx, program) // what it lacks is said elsewhere
	chosen, trials := transcode.ChooseEncoder(ctx, program, build, wanted)
	state := transcode.ExplainEncoder(chosen, trials)
	if chosen.Kind == transcode.Software && wanted != transcode.EncoderAuto {
		return look(subject, state, "x264 encodes in its place. Install the driver (Debian: intel-media-va-driver, mesa-va-drivers, libnvidia-encode1), let this user "+
			"open the device, in a container pass it in, or set ladder.encoder to software.")
	}
	return fine(subject, "%s", state)
}

// checkList looks for names in one of ffmpeg's lists; missing makes the
// finding when one is not there.
func checkList(ctx context.Context, program, list, of string, missing func(subject, state, mend string) finding, names ...string) finding {
	subject := "ffmpeg " + list + of
	out, err := sandbox.Output(exec.CommandContext(ctx, program, "-hide_banner", "-"+list), sandbox.Policy{})
	if err != nil {
		return bad(subject, err.Error(), installFFmpeg)
	}
	have := Listed(string(out))
	lacking := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return slices.Contains(have, n) })
	if len(lacking) > 0 {
		return missing(subject, "without "+strings.Join(lacking, ", "), "Install an ffmpeg that is built with them, such as Debian's or Ubuntu's.")
	}
	return fine(subject, "%s", strings.Join(names, ", "))
}

// Listed returns the second column of each line: the names in ffmpeg's lists.
// A demuxer may have several, separated by commas.
func Listed(out string) []string {
	var names []string
	for line := range strings.Lines(out) {
		if fields := strings.Fields(line); len(fields) > 1 {
			names = append(names, strings.Split(fields[1], ",")...)
		}
	}
	return names
}

// FFmpegVersion returns the first line of what ffmpeg says of itself:
// "ffmpeg version 5.1.9-0+deb12u1 Copyright …", without the copyright.
func FFmpegVersion(ctx context.Context, program string) (string, error) {
	out, err := sandbox.Output(exec.CommandContext(ctx, program, "-version"), sandbox.Policy{})
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(string(out), "\n")
	version, _, _ := strings.Cut(line, " Copyright")
	return version, nil
}
