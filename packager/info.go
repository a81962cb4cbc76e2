package packager

import (
	"github.com/sluice-live/sluice/packager/push"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/packager/timeline"
)

// Info is the state of a Stream at one moment.
type Info struct {
	Stream        string          // its name
	timeline.Info                 // of its timeline
	Renders       uint64          // playlists and MPDs made, each once however many ask for it
	Recording     *recording.Info // nil when nothing is recorded
	Push          *push.State     // nil where it is put nowhere
}
