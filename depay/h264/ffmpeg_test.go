package h264_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay/h264"
	"github.com/sluice-live/sluice/depay/internal/codectest"
	"github.com/sluice-live/sluice/depay/ivf"
)

// unit is an access unit: its NAL units without start codes.
type unit [][]byte

func (u unit) annexB() []byte {
	var b []byte
	for _, nal := range u {
		b = append(h264.AppendStartCode(b), nal...)
	}
	return b
}

// slice returns the first slice.
func (u unit) slice() []byte {
	for _, nal := range u {
		if h264.Type(nal[0]).IsSlice() {
			return nal
		}
	}
	return nil
}

// split cuts a byte stream at its start codes.
func split(stream []byte) (nals [][]byte) {
	for nal := range h264.Units(stream) {
		nals = append(nals, nal)
	}
	return nals
}

// encode returns the access units of a moving test picture, by libx264 as it is set up for live video.
func encode(t *testing.T, size string, pictures int, args ...string) []unit {
	t.Helper()
	all := []string{"-f", "lavfi", "-i", "testsrc2=size=" + size + ":rate=30", "-frames:v", fmt.Sprint(pictures),
		"-c:v", "libx264", "-preset", "veryfast", "-threads", "1"}
	all = append(append(all, args...), "-bsf:v", "h264_metadata=aud=insert", "-f", "h264", "-")
	var units []unit
	for _, nal := range split(codectest.FFmpeg(t, nil, all...)) {
		if h264.Type(nal[0]) == h264.TypeDelimiter {
			units = append(units, nil)
			continue
		}
		units[len(units)-1] = append(units[len(units)-1], nal)
	}
	require.Len(t, units, pictures)
	return units
}

// pictures returns the MD5 of every picture that the decoder shows, and fails when it complains.
func pictures(t *testing.T, units [][]byte) []string {
	t.Helper()
	return codectest.Pictures(t, codectest.Container(t, ivf.H264, units), "-f", "ivf")
}

// streamed is like pictures, for a byte stream that ffmpeg has to cut into access units itself.
func streamed(t *testing.T, units [][]byte) []string {
	t.Helper()
	return codectest.Pictures(t, bytes.Join(units, nil), "-f", "h264")
}

func dimensions(t *testing.T, size string) (width, height uint16) {
	t.Helper()
	_, err := fmt.Sscanf(size, "%dx%d", &width, &height)
	require.NoError(t, err)
	return width, height
}
