package main

import (
	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/webm"
)

// webmVideo describes the picture of a file that begins with f. Without a picture yet its size is a guess, which does no harm:
// every key frame says its own.
func webmVideo(video depay.Codec, f depay.Frame) *webm.VideoTrack {
	track := &webm.VideoTrack{Codec: webmCodec(video), Width: max(f.Width, 16), Height: max(f.Height, 16)}
	if f.Codec == video && f.Key {
		track.KeyFrame = f.Data
	}
	return track
}

// webmCodec returns the name that files have for a video codec, or nothing.
func webmCodec(video depay.Codec) string {
	switch video {
	case depay.VP8:
		return webm.VP8
	case depay.VP9:
		return webm.VP9
	case depay.AV1:
		return webm.AV1
	case depay.H264:
		return webm.H264
	}
	return ""
}
