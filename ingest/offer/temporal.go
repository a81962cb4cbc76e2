package offer

import (
	"github.com/sluice-live/sluice/depay/av1"
	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/depay/vp9"
	"github.com/sluice-live/sluice/ingest/media"
)

// temporalVP8 reads TID and Y (RFC 7741 §4.2).
func temporalVP8(payload []byte) (layer media.TemporalLayer, known bool) {
	var d vp8.Descriptor
	if _, err := d.Unmarshal(payload); err != nil || d.TID < 0 {
		return layer, false
	}
	return media.TemporalLayer{ID: uint8(d.TID), Sync: d.LayerSync}, true
}

// temporalVP9 reads TID and U (RFC 9628 §4.2).
func temporalVP9(payload []byte) (layer media.TemporalLayer, known bool) {
	var d vp9.Descriptor
	if _, err := d.Unmarshal(payload); err != nil || !d.Layered {
		return layer, false
	}
	return media.TemporalLayer{ID: d.TID, Up: d.SwitchingUp}, true
}

// temporalAV1 reads the temporal_id of the first OBU (AV1 §5.3.3). In the structures that are sent over WebRTC (L1T2, L1T3) no picture needs one
// from before the last of the base.
func temporalAV1(payload []byte) (layer media.TemporalLayer, known bool) {
	var a av1.Aggregation
	if a.Unmarshal(payload) != nil || a.Continues {
		return layer, false
	}
	for a.More() {
		element, err := a.Next()
		if err != nil {
			return layer, false
		}
		o, _, err := av1.ParseOBU(element)
		if err != nil {
			return layer, false
		}
		if o.Type != av1.TemporalDelimiterType && o.Type != av1.SequenceHeaderType {
			return media.TemporalLayer{ID: o.TemporalID, Up: o.TemporalID == 0}, true
		}
	}
	return layer, false
}
