package egress

import "github.com/sluice-live/sluice/ingest/media"

// These forward all layers.
const (
	allTemporal = 255
	allSpatial  = 255
)

// extent is how much of a picture is sent: its layers up to these.
type extent struct{ spatial, temporal uint8 }

// whole is all of it.
var whole = extent{allSpatial, allTemporal}

// highestOf is the highest of so many layers; 0: of all.
func highestOf(layers int) uint8 {
	if layers == 0 || layers > allTemporal {
		return allTemporal
	}
	return uint8(layers - 1)
}

// extentOf is what is sent of an encoding up to a temporal layer. Where the network is not known to have a limit and nothing less is asked for, a
// spatial layer that comes later is sent as well.
func extentOf(e media.Encoding, temporal uint8, limited bool) extent {
	if !limited {
		return extent{allSpatial, temporal}
	}
	return extent{highestOf(e.Spatial), temporal}
}

// sends returns the encoding that is sent now; false: it is none of these.
func (o *downTrack) sends(encodings []media.Encoding) (sent media.Encoding, found bool) {
	source := o.source.Load()
	for _, e := range encodings {
		if e.Track == source && (!found || e.Spatial <= int(o.thinner.limit.spatial)+1) {
			sent, found = e, true
		}
	}
	return sent, found
}
