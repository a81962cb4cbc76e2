package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/webm"
)

// pictureWait is how long a recording waits for a picture before it goes on with sound alone.
const pictureWait = 2 * time.Second

// playRecording is a WebM file of the frames as they come. It begins with the first key frame.
type playRecording struct {
	file  *os.File
	webm  *webm.Writer // nil before the first frame
	video bool
	heard time.Time     // when the first sound came
	zero  time.Duration // time of the first frame
}

// newPlayRecording creates the file; without a name there is none.
func newPlayRecording(name string) (*playRecording, error) {
	if name == "" {
		return nil, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("create the recording: %w", err)
	}
	return &playRecording{file: file}, nil
}

func (r *playRecording) write(f depay.Frame) error {
	if r.webm == nil && !r.begins(f) {
		return nil
	}
	if r.webm == nil {
		if err := r.open(f); err != nil {
			return err
		}
	}
	track := webm.Audio
	if f.Codec == depay.VP8 {
		track = webm.Video
	}
	at := f.Time() - r.zero
	if at < 0 || track == webm.Video && !r.video {
		return nil
	}
	return r.webm.WriteFrame(track, at, f.Key, f.Data)
}

// begins tells whether the file can begin with this frame.
func (r *playRecording) begins(f depay.Frame) bool {
	if f.Codec == depay.VP8 {
		return f.Key
	}
	if r.heard.IsZero() {
		r.heard = time.Now()
	}
	return time.Since(r.heard) >= pictureWait
}

func (r *playRecording) open(f depay.Frame) error {
	options := webm.Options{Audio: &webm.AudioTrack{Channels: 2}}
	if r.video = f.Codec == depay.VP8; r.video {
		options.Video = &webm.VideoTrack{Codec: webm.VP8, Width: f.Width, Height: f.Height}
	}
	var err error
	r.zero = f.Time()
	r.webm, err = webm.NewWriter(r.file, options)
	return err
}

// Close finishes the file.
func (r *playRecording) Close() error {
	if r == nil {
		return nil
	}
	var err error
	if r.webm != nil {
		err = r.webm.Close()
	}
	return errors.Join(err, r.file.Close())
}
