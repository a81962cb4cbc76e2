package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/webm"
)

// pictureWait is how long a recording waits for a picture before it goes on with sound alone.
const pictureWait = 2 * time.Second

// playRecording is a file of the frames as they come, WebM or for H.264 Matroska. It begins with the first key frame.
type playRecording struct {
	file  *os.File
	fresh bool         // there was no such file before
	webm  *webm.Writer // nil before the first frame
	codec depay.Codec  // of the video that is to come
	video bool
	heard time.Time     // when the first sound came
	zero  time.Duration // time of the first frame
}

// newPlayRecording opens the file; without a name there is none. What it holds stays there until there is something to record.
func newPlayRecording(name string) (*playRecording, error) {
	if name == "" {
		return nil, nil
	}
	_, err := os.Stat(name)
	fresh := errors.Is(err, fs.ErrNotExist)
	file, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY, 0o666)
	if err != nil {
		return nil, fmt.Errorf("create the recording: %w", err)
	}
	return &playRecording{file: file, fresh: fresh}, nil
}

// begin refuses a codec that a file with this name's ending does not hold.
func (r *playRecording) begin(video depay.Codec) error {
	if r == nil {
		return nil
	}
	r.codec = video
	ending := "." + webm.Options{Video: &webm.VideoTrack{Codec: webm.CodecOf(video)}}.Extension()
	if filepath.Ext(r.file.Name()) == ending {
		return nil
	}
	return fmt.Errorf("the stream's video is %v, which is recorded to a file whose name ends in %s, not to %s", video, ending, r.file.Name())
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
	if f.Codec == r.codec {
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
	if f.Codec == r.codec {
		return f.Key
	}
	if r.heard.IsZero() {
		r.heard = time.Now()
	}
	return time.Since(r.heard) >= pictureWait
}

func (r *playRecording) open(f depay.Frame) error {
	options := webm.Options{Audio: &webm.AudioTrack{Channels: 2}}
	if r.video = f.Codec == r.codec; r.video {
		options.Video = webm.TrackOf(r.codec, f)
	}
	err := r.file.Truncate(0)
	if err != nil {
		return fmt.Errorf("begin the recording: %w", err)
	}
	r.zero = f.Time()
	r.webm, err = webm.NewWriter(r.file, options)
	return err
}

// Close finishes the file. One that was created for nothing is removed.
func (r *playRecording) Close() error {
	if r == nil {
		return nil
	}
	var err error
	switch {
	case r.webm != nil:
		err = r.webm.Close()
	case r.fresh:
		err = os.Remove(r.file.Name())
	}
	return errors.Join(err, r.file.Close())
}
