package transcode

import (
	"fmt"
	"strconv"
)

// Names of what a run writes to Options.Dir, besides the files of its representations.
const (
	ManifestName  = "manifest.mpd"  // ffmpeg's own MPD: replaced by rename at every segment
	MasterName    = "master.m3u8"   // ffmpeg's own multivariant playlist, written once every rendition has begun
	ThumbnailName = "thumbnail.jpg" // the newest picture: replaced by rename
	TempSuffix    = ".tmp"          // at the end of a file's name while it grows
)

// The patterns that ffmpeg is given, in its own notation.
const (
	initPattern    = "init-$RepresentationID$.mp4"
	segmentPattern = "seg-$RepresentationID$-$Number%05d$.m4s"
)

// Representation is one set of files that a run writes: an init segment and media segments numbered from 1.
type Representation struct {
	// ID is ffmpeg's name for it: "0" for the first rendition, counting up, one that is passed through before the others; the audio comes after the last rendition.
	ID string
	// Audio is true for the audio; Rendition is then the zero value.
	Audio bool
	// PassedThrough is true for the video as it came.
	PassedThrough bool
	// Rendition is the rendition that it carries.
	Rendition Rendition
	// Bitrate in bit/s is what it may be announced with.
	Bitrate int
}

// Init returns the name of the init segment. It is written in place; it is whole once a segment with data is there.
func (r Representation) Init() string { return "init-" + r.ID + ".mp4" }

// Segment returns the name of the media segment with a number from 1. While it grows, TempSuffix is at its end.
func (r Representation) Segment(number int) string {
	return fmt.Sprintf("seg-%s-%05d.m4s", r.ID, number)
}

// Playlist returns the name of ffmpeg's own media playlist.
func (r Representation) Playlist() string { return "media_" + r.ID + ".m3u8" }

// Representations returns what the run writes: the renditions in ladder order, then the audio.
func (o Options) Representations() []Representation {
	o = o.withDefaults()
	var reps []Representation
	for i, r := range o.renditions() {
		reps = append(reps, Representation{ID: strconv.Itoa(i), PassedThrough: i == 0 && o.passesThrough() || r.Layer != 0, Rendition: r, Bitrate: r.Bitrate})
	}
	if o.Audio != 0 {
		reps = append(reps, Representation{ID: strconv.Itoa(len(reps)), Audio: true, Bitrate: o.AudioBitrate + audioOverhead})
	}
	return reps
}

// audioOverhead in bit/s is what the boxes of CMAF add to AAC in fragments of 0.2 s.
const audioOverhead = 12_000
