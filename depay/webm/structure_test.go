package webm_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"os"
	"testing"
	"time"

	"github.com/at-wat/ebml-go"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/webm"
)

// document is the file as an independent reader sees it.
type document struct {
	Header struct {
		DocType string `ebml:"EBMLDocType"`
	} `ebml:"EBML"`
	Segment struct {
		Info struct {
			TimecodeScale uint64
			Duration      float64 `ebml:"Duration,omitempty"`
		}
		Tracks struct {
			TrackEntry []struct {
				TrackNumber, TrackType uint64
				CodecID                string
				CodecPrivate           []byte
				CodecDelay             uint64
			}
		}
		Cluster []struct {
			Timecode    uint64
			SimpleBlock []ebml.Block
		}
		Cues struct {
			CuePoint []struct {
				CueTime           uint64
				CueTrackPositions []struct{ CueTrack, CueClusterPosition uint64 }
			}
		} `ebml:"Cues,omitempty"`
	}
}

func parse(t *testing.T, file []byte) (d document) {
	t.Helper()
	err := ebml.Unmarshal(bytes.NewReader(file), &d, ebml.WithIgnoreUnknown(true))
	if !errors.Is(err, io.EOF) {
		require.NoError(t, err)
	}
	return d
}

// at is a frame of one byte: its own number.
func at(track webm.Track, ms int, key bool) frame {
	return frame{track: track, pts: time.Duration(ms) * time.Millisecond, key: key}
}

func TestClusters(t *testing.T) {
	const v, a = webm.Video, webm.Audio
	type cluster struct {
		time  int
		times []int
	}
	cases := []struct {
		name   string
		frames []frame
		want   []cluster
	}{
		{"nothing", nil, nil},
		{"a key frame begins one", []frame{at(v, 0, true), at(v, 33, false), at(v, 66, true)}, []cluster{{0, []int{0, 33}}, {66, []int{66}}}},
		{"an audio packet does not", []frame{at(v, 0, true), at(a, 5, true), at(a, 25, false)}, []cluster{{0, []int{0, 5, 25}}}},
		{"none is longer than a second", []frame{at(v, 100, true), at(v, 1099, false), at(v, 1100, false)}, []cluster{{100, []int{100, 1099}}, {1100, []int{1100}}}},
		{"late audio is put in order", []frame{at(v, 100, true), at(v, 133, false), at(a, 110, false)}, []cluster{{100, []int{100, 110, 133}}}},
		{"audio earlier than the key frame", []frame{at(v, 100, true), at(a, 90, false)}, []cluster{{90, []int{90, 100}}}},
		{"a long gap", []frame{at(v, 0, true), at(v, 90_000, false)}, []cluster{{0, []int{0}}, {90_000, []int{90_000}}}},
		{"a step back", []frame{at(v, 90_000, true), at(v, 5, false), at(v, 38, false)}, []cluster{{90_000, []int{90_000}}, {5, []int{5, 38}}}},
		{"a day", []frame{at(v, 86_400_000, true), at(a, 86_400_020, false)}, []cluster{{86_400_000, []int{86_400_000, 86_400_020}}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var file bytes.Buffer
			w, err := webm.NewWriter(&file, both())
			require.NoError(t, err)
			write(t, w, c.frames)
			require.NoError(t, w.Close())
			var got []cluster
			for _, q := range parse(t, file.Bytes()).Segment.Cluster {
				one := cluster{time: int(q.Timecode)}
				for _, b := range q.SimpleBlock {
					one.times = append(one.times, int(q.Timecode)+int(b.Timecode))
				}
				got = append(got, one)
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestBlocks(t *testing.T) {
	var file bytes.Buffer
	w, err := webm.NewWriter(&file, both())
	require.NoError(t, err)
	require.NoError(t, w.WriteFrame(webm.Video, 33_499*time.Microsecond, true, []byte{1, 2, 3}))
	require.NoError(t, w.WriteFrame(webm.Video, 66_500*time.Microsecond, false, []byte{}))
	require.NoError(t, w.WriteFrame(webm.Audio, 50*time.Millisecond, false, []byte{4}))
	require.NoError(t, w.Flush())
	d := parse(t, file.Bytes())
	require.Equal(t, "webm", d.Header.DocType)
	require.EqualValues(t, 1_000_000, d.Segment.Info.TimecodeScale)
	require.Equal(t, "V_VP8", d.Segment.Tracks.TrackEntry[0].CodecID)
	require.Equal(t, "A_OPUS", d.Segment.Tracks.TrackEntry[1].CodecID)
	require.Equal(t, "OpusHead\x01\x02\xe0\x01\x80\xbb\x00\x00\x00\x00\x00", string(d.Segment.Tracks.TrackEntry[1].CodecPrivate))
	require.EqualValues(t, 10_000_000, d.Segment.Tracks.TrackEntry[1].CodecDelay)
	require.Len(t, d.Segment.Cluster, 1)
	require.EqualValues(t, 33, d.Segment.Cluster[0].Timecode)
	b := d.Segment.Cluster[0].SimpleBlock
	require.Equal(t, ebml.Block{TrackNumber: 1, Timecode: 0, Keyframe: true, Data: [][]byte{{1, 2, 3}}}, b[0])
	require.Equal(t, ebml.Block{TrackNumber: 2, Timecode: 17, Keyframe: true, Data: [][]byte{{4}}}, b[1])
	require.Equal(t, ebml.Block{TrackNumber: 1, Timecode: 34, Data: [][]byte{{}}}, b[2])
}

// A cluster is written at once, and not held longer because it is large.
func TestBufferIsBounded(t *testing.T) {
	var log writeLog
	w, err := webm.NewWriter(&log, both())
	require.NoError(t, err)
	for i := range 20 {
		require.NoError(t, w.WriteFrame(webm.Video, time.Duration(i)*time.Millisecond, false, make([]byte, 1<<20)))
	}
	require.NoError(t, w.Close())
	require.Len(t, log.sizes, 1+7, "header and clusters of three megabytes")
}

func TestCuesPointToClusters(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/cues.webm")
	require.NoError(t, err)
	defer file.Close()
	_, err = file.WriteString("before") // the file need not begin with ours
	require.NoError(t, err)
	w, err := webm.NewWriter(file, both())
	require.NoError(t, err)
	for i := range 100 {
		require.NoError(t, w.WriteFrame(webm.Video, time.Duration(i)*40*time.Millisecond, i%10 == 0, []byte{byte(i)}))
	}
	require.NoError(t, w.WriteFrame(webm.Audio, 3_580*time.Millisecond, false, []byte{0})) // before the last key frame
	require.NoError(t, w.Close())
	whole, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	whole = whole[len("before"):]
	d := parse(t, whole)
	require.Equal(t, 3960.0, d.Segment.Info.Duration)
	require.Len(t, d.Segment.Cues.CuePoint, 10)
	payload := bytes.Index(whole, []byte("\x18\x53\x80\x67")) + 12
	require.EqualValues(t, len(whole)-payload, binary.BigEndian.Uint64(whole[payload-8:])&(1<<56-1))
	for i, q := range d.Segment.Cues.CuePoint {
		require.EqualValues(t, i*400, q.CueTime)
		position := payload + int(q.CueTrackPositions[0].CueClusterPosition)
		require.Equal(t, "\x1f\x43\xb6\x75", string(whole[position:position+4]))
	}
}

func TestAudioOnlyHasCues(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/audio.webm")
	require.NoError(t, err)
	defer file.Close()
	w, err := webm.NewWriter(file, webm.Options{Audio: both().Audio})
	require.NoError(t, err)
	for i := range 100 {
		require.NoError(t, w.WriteFrame(webm.Audio, time.Duration(i)*20*time.Millisecond, false, []byte{byte(i)}))
	}
	require.NoError(t, w.Close())
	whole, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	require.Len(t, parse(t, whole).Segment.Cues.CuePoint, 2)
}

// wholeBlocks returns where each block ends, in bytes from the beginning of a file that has no cues.
func wholeBlocks(t *testing.T, file []byte) (ends []int) {
	t.Helper()
	for at := 0; at < len(file); {
		id, n := vint(file[at:], false)
		size, m := vint(file[at+n:], true)
		at += n + m
		switch id {
		case 0x18538067, 0x1F43B675: // into Segment and Cluster
			continue
		case 0xA3:
			ends = append(ends, at+int(size))
		}
		at += int(size)
	}
	return ends
}

func vint(b []byte, unmark bool) (v uint64, n int) {
	n = bits.LeadingZeros8(b[0]) + 1
	for _, c := range b[:n] {
		v = v<<8 | uint64(c)
	}
	if unmark {
		v &^= 1 << (7 * n)
	}
	return v, n
}
