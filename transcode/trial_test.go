package transcode

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// TestTrialOfSoftware has x264 pass what hardware has to, which shows that the judgement is of this ffmpeg's words.
func TestTrialOfSoftware(t *testing.T) {
	require.NoError(t, Encoder{}.try(t.Context(), DefaultFFmpeg))
}

// framecrc answers a trial with a line for each packet: sizes and time stamps are right, key frames where keys says.
func framecrc(count int, keys ...int) string {
	lines := []string{"#tb 0: 1/30"}
	for i := range count {
		flags := ", F=0x0"
		for _, k := range keys {
			if k == i {
				flags = ""
			}
		}
		lines = append(lines, fmt.Sprintf("0, %10d, %10d, 1, 900, 0x5a5a%s, S=1, 8", i, i, flags))
	}
	return "cat <<END\n" + strings.Join(lines, "\n") + "\nEND"
}

// TestTrial has encoders that answer a trial well, badly, and not at all.
func TestTrial(t *testing.T) {
	for _, c := range []struct{ name, answer, fault string }{
		{"works", framecrc(15, 0, 9), ""},
		{"no key frame when it is asked for", framecrc(15, 0), "key frames elsewhere"},
		{"too many of them", framecrc(15, 0, 4, 9), "key frames elsewhere"},
		{"half of it", framecrc(7, 0), "made 7 pictures of 15"},
		{"nothing", "exit 0", "made 0 pictures"},
		{"B-frames", strings.Replace(framecrc(15, 0, 9), "         5, 1,", "         8, 1,", 1), "B-frames"},
		{"no driver", "echo 'Failed to initialise VAAPI connection: -1' >&2; exit 1", "Failed to initialise VAAPI connection"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := Encoder{Kind: NVENC}.try(t.Context(), script(t, c.answer))
			if c.fault == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, c.fault)
			}
		})
	}
}

// TestTryDevices goes on to the next device until one works, and runs nothing where there is none or the build lacks the encoder.
func TestTryDevices(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"renderD128", "renderD129", "renderD130"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), nil, 0o600))
	}
	glob := func(string) ([]string, error) { return filepath.Glob(filepath.Join(dir, "renderD*")) }
	ffmpeg := script(t, `case "$*" in *renderD129*) `+framecrc(15, 0, 9)+"\n;; *) echo 'No VA display' >&2; exit 1;; esac")
	build := Build{Version: "5.1", Features: []Feature{{Name: "h264_vaapi", Kind: "encoder", Present: true}}}

	trials := build.try(t.Context(), ffmpeg, VAAPI, glob)
	require.Len(t, trials, 2)
	require.ErrorContains(t, trials[0].Fault, "No VA display")
	require.NoError(t, trials[1].Fault)
	require.Equal(t, Encoder{VAAPI, filepath.Join(dir, "renderD129")}, trials[1].Encoder)

	trials = build.try(t.Context(), "/nowhere", QSV, glob)
	require.ErrorContains(t, trials[0].Fault, "ffmpeg 5.1 was built without h264_qsv")
	trials = build.try(t.Context(), "/nowhere", VAAPI, func(string) ([]string, error) { return nil, nil })
	require.ErrorContains(t, trials[0].Fault, "there is no device /dev/dri/renderD*")
	trials = build.try(t.Context(), "/nowhere", VAAPI, func(string) ([]string, error) { return []string{filepath.Join(dir, "renderD1")}, nil })
	require.ErrorContains(t, trials[0].Fault, "let this user use it")
}

// TestEncoderInWords says what encodes, and why nothing else does, on this machine too.
func TestEncoderInWords(t *testing.T) {
	fault := EncoderTrial{Encoder{Kind: VAAPI}, fmt.Errorf("there is no device")}
	require.Equal(t, "encoder libx264, by software; vaapi: there is no device", ExplainEncoder(Encoder{}, []EncoderTrial{fault}))
	chosen := Encoder{NVENC, "/dev/nvidia0"}
	require.Equal(t, "encoder nvenc (/dev/nvidia0): a trial encode has worked", ExplainEncoder(chosen, []EncoderTrial{{Encoder: chosen}}))
	encoder, trials := ChooseEncoder(t.Context(), script(t, "exit 1"), Build{}, EncoderAuto)
	require.Equal(t, Encoder{}, encoder, "an ffmpeg that can do nothing")
	require.NotEmpty(t, trials)
	require.Contains(t, ExplainEncoder(encoder, trials), "libx264, by software; nvenc: ")
	_, trials = ChooseEncoder(t.Context(), "/nowhere", Build{}, "software")
	require.Empty(t, trials)
}

// TestEncoderIsAllowedItsDevice lets a confined program open the device, and no other.
func TestEncoderIsAllowedItsDevice(t *testing.T) {
	dir := t.TempDir()
	device, other := filepath.Join(dir, "renderD128"), filepath.Join(dir, "renderD129")
	for _, name := range []string{device, other} {
		require.NoError(t, os.WriteFile(name, nil, 0o600))
	}
	policy := sandbox.Policy{CPU: shortTask}
	Encoder{VAAPI, device}.allow(&policy)
	require.False(t, policy.Addresses)
	open := func(name string) error {
		return newTask(t.Context(), []string{"/bin/sh", "-c", "exec 3<>" + name}, policy, func([]byte) {}).run(func() {})
	}
	require.NoError(t, open(device))
	if sandbox.Check().Landlock > 0 {
		require.Error(t, open(other))
	}
	var cuda sandbox.Policy
	Encoder{NVENC, "/dev/nvidia0"}.allow(&cuda)
	require.True(t, cuda.Addresses)
	o := Options{Video: 1, Ladder: DefaultLadder(), Encoder: Encoder{VAAPI, device}}
	require.True(t, o.UsesHardware())
	require.Equal(t, []string{device}, o.policy().Devices)
	o.Ladder = codecLadder()[1:]
	require.False(t, o.UsesHardware(), "nothing of H.264 is encoded")
}

func FuzzParsePacket(f *testing.F) {
	f.Add("0,          9,          9,        1,    25088, 0x2783554e, S=1,        8")
	f.Add("0, 1, 1, 1, 10356, 0x2e6e2ecb, F=0x0")
	f.Add("#tb 0: 1/30")
	f.Fuzz(func(t *testing.T, line string) {
		if p, ok := parsePacket(line); !ok && p.key && strings.Count(line, ",") < 5 {
			t.Fatalf("%q: %+v", line, p)
		}
	})
}
