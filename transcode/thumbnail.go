package transcode

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/sluice-live/sluice/transcode/sandbox"
)

// thumbnailRetry is the pause before a picture is looked for again: about one part.
const thumbnailRetry = 200 * time.Millisecond

// maxThumbnailInput bounds what is read of a segment in bytes: its first picture is a small part of it.
const maxThumbnailInput = 4 << 20

// errNoPicture reports whether no segment has its first part yet.
var errNoPicture = errors.New("no picture yet")

// thumbnailer makes the picture from the newest segment of the smallest rendition, in an ffmpeg run of its own that can
// delay nothing.
type thumbnailer struct {
	ffmpeg, dir string
	rendition   Representation
	number      int // of the newest segment that was seen
}

// thumbnails renews the thumbnail until ctx ends.
func (j *Job) thumbnails(ctx context.Context) {
	if j.video == nil || j.opts.Thumbnail < 0 {
		return
	}
	rendition := j.opts.Representations()[len(j.opts.renditions())-1]
	t := &thumbnailer{ffmpeg: j.opts.FFmpeg, dir: j.opts.Dir, rendition: rendition, number: 1}
	for pause := thumbnailRetry; ; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = j.opts.Thumbnail
		if err := t.renew(ctx); errors.Is(err, errNoPicture) {
			pause = thumbnailRetry
		} else if err != nil {
			j.opts.Logger.Debug("thumbnail not made", "error", err)
		}
	}
}

// renew makes the picture and puts it in place by rename.
func (t *thumbnailer) renew(ctx context.Context) error {
	segment, err := t.newest()
	if err != nil {
		return err
	}
	defer segment.Close()
	name := filepath.Join(t.dir, ThumbnailName)
	temporary := name + TempSuffix
	defer os.Remove(temporary)
	if err := createFile(temporary); err != nil {
		return err
	}
	may := sandbox.Policy{Write: []string{temporary}, CPU: shortTask}
	err = runTask(ctx, thumbnailArgs(t.ffmpeg, temporary), may, []source{func(w io.Writer) error {
		if err := copyFile(w, filepath.Join(t.dir, t.rendition.Init())); err != nil {
			return err
		}
		_, err := io.Copy(w, io.LimitReader(segment, maxThumbnailInput))
		return err
	}})
	if err != nil {
		return err
	}
	return renameWritten(temporary, name)
}

// newest opens the newest segment that has something in it. Every segment begins with a key frame.
func (t *thumbnailer) newest() (*os.File, error) {
	for t.exists(t.number + 1) {
		t.number++
	}
	name := filepath.Join(t.dir, t.rendition.Segment(t.number))
	f, err := os.Open(name + TempSuffix)
	if errors.Is(err, fs.ErrNotExist) {
		f, err = os.Open(name)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errNoPicture
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || info.Size() < minPart {
		f.Close()
		return nil, errors.Join(err, errNoPicture)
	}
	return f, nil
}

// minPart is more than the boxes before the first part of a segment take, in bytes, and less than any part.
const minPart = 64

func (t *thumbnailer) exists(number int) bool {
	name := filepath.Join(t.dir, t.rendition.Segment(number))
	_, errGrowing := os.Stat(name + TempSuffix)
	_, errWhole := os.Stat(name)
	return errGrowing == nil || errWhole == nil
}

// thumbnailArgs decode one picture from a pipe into a JPEG 320 wide.
func thumbnailArgs(ffmpeg, out string) []string {
	return []string{
		ffmpeg, "-hide_banner", "-nostdin", "-nostats", "-y", "-loglevel", "level+error",
		"-protocol_whitelist", "pipe", "-threads", "1", "-f", "mp4", "-i", "pipe:" + strconv.Itoa(firstInputFD),
		"-frames:v", "1", "-vf", "scale=320:-2", "-c:v", "mjpeg", "-q:v", "5", "-pix_fmt", "yuvj420p", "-f", "image2", "-update", "1", out,
	}
}
