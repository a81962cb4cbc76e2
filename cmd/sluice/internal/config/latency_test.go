package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager"
	"github.com/sluice-live/sluice/packager/timeline"
	"github.com/sluice-live/sluice/transcode"
)

// What each value of latency gives is valid as a whole, and handed to each stage.
func TestLatency(t *testing.T) {
	for name, want := range map[string]struct {
		segment, part, keyFrames, buffer time.Duration
		distance                         timeline.Distance
	}{
		LatencyUltra:  {2 * time.Second, 100 * time.Millisecond, 400 * time.Millisecond, 150 * time.Millisecond, timeline.Distance{HoldBack: 3, Target: 4, Least: 3, Most: 20}},
		LatencyLow:    {2 * time.Second, 200 * time.Millisecond, time.Second, 300 * time.Millisecond, timeline.Distance{HoldBack: 3, Target: 5, Least: 3, Most: 15}},
		LatencyNormal: {4 * time.Second, 400 * time.Millisecond, 2 * time.Second, 600 * time.Millisecond, timeline.Distance{HoldBack: 5, Target: 6, Least: 4, Most: 15}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := load([]string{"--latency", name}, nil)
			require.NoError(t, err)
			require.Equal(t, want.segment, got.Segment)
			require.Equal(t, want.part, got.Part)
			require.Equal(t, want.keyFrames, got.KeyFrames())
			require.Equal(t, want.buffer, got.Buffer())
			options := got.Packager()
			require.Equal(t, packager.Options{Segment: want.segment, Part: want.part, Distance: want.distance},
				packager.Options{Segment: options.Segment, Part: options.Part, Distance: options.Distance})
		})
	}
}

// low is what there is without the key, and what the stages do by themselves.
func TestLatencyByDefault(t *testing.T) {
	low, err := load([]string{"--latency=low"}, nil)
	require.NoError(t, err)
	require.Equal(t, Default(), low)
	require.Equal(t, timeline.Distance{}.WithDefaults(), low.Packager().Distance)
	require.EqualValues(t, transcode.DefaultSegment, low.Segment)
	require.EqualValues(t, transcode.DefaultPart, low.Part)
	require.EqualValues(t, transcode.DefaultKeyFrames, low.KeyFrames())
	require.EqualValues(t, transcode.DefaultBuffer, low.Buffer())
}

// What is given wins, wherever it is said; the rest follows from latency.
func TestLatencyYieldsToWhatIsGiven(t *testing.T) {
	for name, tc := range map[string]struct {
		args, environ            []string
		file                     string
		segment, part, keyFrames time.Duration
	}{
		"part":    {args: []string{"--latency=ultra", "--part=200ms"}, segment: 2 * time.Second, part: 200 * time.Millisecond, keyFrames: 400 * time.Millisecond},
		"segment": {args: []string{"--latency=ultra"}, environ: []string{"SLUICE_SEGMENT=4s"}, segment: 4 * time.Second, part: 100 * time.Millisecond, keyFrames: 400 * time.Millisecond},
		"a stronger latency does not win over a weaker segment": {
			args: []string{"--latency=normal"}, file: "segment: 2s\nlatency: ultra\n", segment: 2 * time.Second, part: 400 * time.Millisecond, keyFrames: 2 * time.Second},
		"a segment of odd groups": {args: []string{"--latency=normal", "--segment=3s", "--part=200ms"}, segment: 3 * time.Second, part: 200 * time.Millisecond, keyFrames: time.Second},
		"key frames between pictures": {
			args: []string{"--latency=ultra", "--part=250ms", "--ladder=a=640x480@24:1M"}, segment: 2 * time.Second, part: 250 * time.Millisecond, keyFrames: time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if tc.file != "" {
				tc.args = append(tc.args, "--config="+writeConfig(t, tc.file))
			}
			got, err := load(tc.args, tc.environ)
			require.NoError(t, err)
			require.Equal(t, tc.segment, got.Segment)
			require.Equal(t, tc.part, got.Part)
			require.Equal(t, tc.keyFrames, got.KeyFrames())
		})
	}
}

// Faults are told under the key that is to be changed, with where its value comes from.
func TestLatencyFaults(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--latency=least"}, `flag --latency: "least" is none of ultra, low and normal`},
		{[]string{"--latency=normal", "--part=300ms"}, "latency normal: segment: 4s is not a multiple of the part, which is 300ms"},
		{[]string{"--latency=normal", "--window=10s"}, "flag --window: 10s is not between 12s and 6h"},
		{[]string{"--latency=ultra", "--ladder=a=640x480@25:1M"},
			`flag --ladder: rendition "a": a part of 100ms is not a whole number of pictures at 25 fps: choose a part of 80ms or 200ms, or 20 or 30 fps`},
	} {
		_, err := load(tc.args, nil)
		require.ErrorContains(t, err, tc.want)
		require.NotContains(t, err.Error(), "\n", "said once")
	}
}

// What follows from latency is printed with where it comes from, and a reload tells of it.
func TestLatencyIsShown(t *testing.T) {
	low, err := parse(nil, nil)
	require.NoError(t, err)
	require.Contains(t, low.YAML(), "latency: low\nsegment: 2s\npart: 200ms\n")
	normal, err := parse([]string{"--latency=normal", "--part=200ms"}, nil)
	require.NoError(t, err)
	require.Contains(t, normal.YAML(), "latency: normal # flag --latency\nsegment: 4s # latency normal: segment\npart: 200ms # flag --part\n")
	requireRoundTrip(t, normal)
	require.Equal(t, []string{"latency", "segment"}, low.Changed(normal))
}
