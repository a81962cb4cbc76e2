package webm

import "github.com/sluice-live/sluice/depay"

// TrackOf describes the video of a file that begins with f. Unless f is a key frame its size is a guess, which does no harm:
// every key frame says its own.
func TrackOf(video depay.Codec, f depay.Frame) *VideoTrack {
	track := &VideoTrack{Codec: CodecOf(video), Width: max(f.Width, 16), Height: max(f.Height, 16)}
	if f.Codec == video && f.Key {
		track.KeyFrame = f.Data
	}
	return track
}

// CodecOf returns the CodecID of a video codec, or "" where there is none.
func CodecOf(video depay.Codec) string {
	switch video {
	case depay.VP8:
		return VP8
	case depay.VP9:
		return VP9
	case depay.AV1:
		return AV1
	case depay.H264:
		return H264
	}
	return ""
}
