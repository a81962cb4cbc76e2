package broadcast

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/depay/webm"
	"github.com/sluice-live/sluice/packager/recording"
)

// webmSource is one file of both tracks.
type webmSource struct {
	file   io.Closer
	writer *webm.Writer
}

func createWebM(r *recording.Recording, options webm.Options) (*webmSource, error) {
	file, err := r.CreateSource(options.Extension())
	if err != nil {
		return nil, fmt.Errorf("create the source recording: %w", err)
	}
	writer, err := webm.NewWriter(file, options)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &webmSource{file, writer}, nil
}

func (s *webmSource) write(f depay.Frame, offset time.Duration) error {
	track := webm.Video
	if f.Codec == depay.Opus {
		track = webm.Audio
	}
	return s.writer.WriteFrame(track, offset+f.Time(), f.Key, f.Data)
}

func (s *webmSource) flush() error { return s.writer.Flush() }

func (s *webmSource) close(failed bool) (err error) {
	if !failed {
		err = s.writer.Close()
	}
	return errors.Join(err, s.file.Close())
}
