package session

import "github.com/sluice-live/sluice/ingest/media"

// Followers are told which tracks a stream has. They are called under the lock of the Registry and must not call it.
type Followers interface {
	// Published says that the stream has these tracks from now on.
	Published(stream string, tracks []*media.Track)
	// Unpublished says that nobody publishes the stream any more.
	Unpublished(stream string)
}

// Several tells several followers.
type Several []Followers

// Published implements Followers.
func (all Several) Published(stream string, tracks []*media.Track) {
	for _, f := range all {
		f.Published(stream, tracks)
	}
}

// Unpublished implements Followers.
func (all Several) Unpublished(stream string) {
	for _, f := range all {
		f.Unpublished(stream)
	}
}
