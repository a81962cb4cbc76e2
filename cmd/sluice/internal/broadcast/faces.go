package broadcast

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/sluice-live/sluice/transcode"
)

// Faces says where faces are in the video while the transform of that name is made. It is immutable.
type Faces struct {
	At     time.Time `json:"at"`     // of the picture, by the clock of playlists, to within what it takes to decode it
	Width  int       `json:"width"`  // of the picture, in whose pixels the boxes are
	Height int       `json:"height"` //
	Faces  []Face    `json:"faces"`

	newer chan struct{}
}

// Face is where one face is.
type Face struct {
	X      int     `json:"x"`
	Y      int     `json:"y"`
	Width  int     `json:"width"`
	Height int     `json:"height"`
	Score  float32 `json:"score"` // how certain it is: the higher, the more
}

// Newer is closed once there are newer ones.
func (f *Faces) Newer() <-chan struct{} { return f.newer }

// Faces returns what was found last, which has no size before anything was searched.
func (b *Broadcast) Faces() *Faces { return b.faces.Load() }

// loseFaces tells that there are none any more, once no job searches for them.
func (b *Broadcast) loseFaces() {
	if last := b.faces.Load(); len(last.Faces) > 0 {
		b.foundFaces(transcode.FacesFound{At: time.Now(), Width: last.Width, Height: last.Height})
	}
}

// foundFaces tells what was found in a picture, but not again and again that there is nothing. One job at a time calls it.
func (b *Broadcast) foundFaces(found transcode.FacesFound) {
	before := b.faces.Load()
	if len(found.Faces) == 0 && before.Width > 0 && len(before.Faces) == 0 {
		return
	}
	f := facesOf(found, b.options.Wall)
	f.newer = make(chan struct{})
	b.faces.Store(f)
	close(before.newer)
	if b.options.OnFaces != nil {
		b.options.OnFaces(*f)
	}
}

func facesOf(found transcode.FacesFound, wall func(time.Time) time.Time) *Faces {
	f := &Faces{At: wall(found.At), Width: found.Width, Height: found.Height, Faces: []Face{}}
	for _, box := range found.Faces {
		f.Faces = append(f.Faces, Face(box))
	}
	return f
}

// alsoInMedia has what is found told in the media of an epoch, too, where it differs from what was found before.
func alsoInMedia(tell func(transcode.FacesFound), wall func(time.Time) time.Time, media func(at time.Duration, text string)) func(transcode.FacesFound) {
	var before *Faces
	return func(found transcode.FacesFound) {
		tell(found)
		f := facesOf(found, wall)
		if before != nil && slices.Equal(before.Faces, f.Faces) {
			return
		}
		before = f
		if text, err := json.Marshal(f); err == nil {
			media(found.PTS, string(text))
		}
	}
}
