package transcode

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
)

// BenchmarkLatency feeds one 640x480 rendition in real time and measures how long it takes from WriteFrame to the growing
// file: for the last picture of a part (the newest in it) and for the first (the oldest).
func BenchmarkLatency(b *testing.B) {
	for _, codec := range []depay.Codec{depay.VP8, depay.VP9, depay.H264, depay.AV1} {
		b.Run(codec.String(), func(b *testing.B) { benchmarkLatency(b, codec) })
	}
}

func benchmarkLatency(b *testing.B, codec depay.Codec) {
	o := Options{
		Dir: b.TempDir(), Video: codec, Audio: depay.Opus,
		Ladder: Ladder{{Name: "480p", Width: 640, Height: 480, FPS: 30, Bitrate: 1_500_000}},
	}
	frames := interleave(videoClip(b, codec, "testsrc2=s=640x480:r=30", 10), opusClip(b, "sine", 10))
	for b.Loop() {
		newest, oldest := partLatencies(b, o, frames)
		b.ReportMetric(float64(median(newest).Microseconds())/1000, "ms-newest")
		b.ReportMetric(float64(median(oldest).Microseconds())/1000, "ms-oldest")
	}
}

// partLatencies returns the latency of each part's newest and oldest picture.
func partLatencies(b *testing.B, o Options, frames []depay.Frame) (newest, oldest []time.Duration) {
	j, err := NewJob(o)
	require.NoError(b, err)
	written := make([]time.Time, 0, 300) // by picture; read once the job has ended
	go func() {
		defer j.CloseInput()
		began := time.Now()
		for _, f := range frames {
			<-time.After(time.Until(began.Add(f.Time())))
			if f.Codec != depay.Opus {
				written = append(written, time.Now())
			}
			_ = j.WriteFrame(f)
		}
	}()
	result := make(chan error, 1)
	go func() { result <- j.Run(b.Context()) }()
	grown := watchGrowth(j, o.Dir, o.Representations()[0])
	require.NoError(b, <-result)
	for part, at := range grown {
		if last := 6*part + 5; last < len(written) {
			newest, oldest = append(newest, at.Sub(written[last])), append(oldest, at.Sub(written[6*part]))
		}
	}
	return newest, oldest
}

// watchGrowth returns when each part of a representation became readable, until the job has ended. Parts that were never
// seen to be the newest one are left out.
func watchGrowth(j *Job, dir string, r Representation) map[int]time.Time {
	grown := map[int]time.Time{}
	for number := 1; ; {
		select {
		case <-j.Done():
			return grown
		case <-time.After(500 * time.Microsecond):
		}
		name := filepath.Join(dir, r.Segment(number))
		data, err := os.ReadFile(name + TempSuffix)
		part := 10*(number-1) + bytes.Count(data, []byte("moof")) - 1
		if _, seen := grown[part]; err == nil && !seen && bytes.Contains(data, []byte("moof")) {
			grown[part] = time.Now()
		}
		if _, err := os.Stat(name); err == nil {
			number++
		}
	}
}

func median(d []time.Duration) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[len(d)/2]
}
