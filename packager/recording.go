package packager

import (
	"io"
	"time"
)

// States of a recording.
const (
	StateRecording   = "recording"   // running
	StateFinished    = "finished"    // the broadcast ended properly
	StateInterrupted = "interrupted" // cut by a crash, playable up to there
	StateFailed      = "failed"      // stopped by the disk (full, or an error), playable up to there
)

// RecordingInfo is recording.json.
type RecordingInfo struct {
	Stream   string         `json:"stream"`
	Name     string         `json:"name"` // of its directory, the start in UTC such as 20261120T194500Z
	State    string         `json:"state"`
	Error    string         `json:"error,omitempty"` // why it failed, or has no video.mp4
	Started  time.Time      `json:"started"`
	Ended    time.Time      `json:"ended,omitzero"`
	Duration float64        `json:"duration"` // seconds of media
	Bytes    int64          `json:"bytes"`    // on disk, all files
	Sources  []string       `json:"sources"`  // source-1.webm and so on
	MP4      bool           `json:"mp4"`      // video.mp4 is there
	Video    *RecordedVideo `json:"video,omitempty"`
	Audio    *RecordedAudio `json:"audio,omitempty"`
}

// RecordedVideo describes the recorded pictures.
type RecordedVideo struct {
	Codec  string `json:"codec"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
}

// RecordedAudio describes the recorded sound.
type RecordedAudio struct {
	Codec      string `json:"codec"`
	SampleRate int    `json:"sampleRate"`
	Channels   int    `json:"channels"`
}

// Recording is one broadcast on disk.
type Recording struct{}

// CreateSource opens source-1.EXT, source-2.EXT and so on for the frames as received; ext is "webm" or "mkv". Writes fail
// once the recording has stopped.
func (r *Recording) CreateSource(ext string) (io.WriteCloser, error) { return nil, ErrEnded }

// Info is what recording.json says or will say.
func (r *Recording) Info() RecordingInfo { return RecordingInfo{} }
