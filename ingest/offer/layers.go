package offer

import (
	"github.com/sluice-live/sluice/depay/av1"
	"github.com/sluice-live/sluice/depay/vp8"
	"github.com/sluice-live/sluice/depay/vp9"
	"github.com/sluice-live/sluice/ingest/media"
)

// layersVP8 reads TID and Y (RFC 7741 §4.2).
func layersVP8(payload []byte) (layer media.PictureLayer, known bool) {
	var d vp8.Descriptor
	if _, err := d.Unmarshal(payload); err != nil || d.TID < 0 {
		return layer, false
	}
	layer.Temporal = media.TemporalLayer{ID: uint8(d.TID), Sync: d.LayerSync}
	return layer, true
}

// layersVP9 reads TID and U, and of the spatial layer SID, B, E and P (RFC 9628 §4.2).
func layersVP9(payload []byte) (layer media.PictureLayer, known bool) {
	var d vp9.Descriptor
	if _, err := d.Unmarshal(payload); err != nil || !d.Layered {
		return layer, false
	}
	layer.Temporal = media.TemporalLayer{ID: d.TID, Up: d.SwitchingUp}
	layer.Spatial = media.SpatialLayer{ID: d.SID, Begins: d.Begin, Ends: d.End, Anew: !d.Predicted}
	return layer, true
}

// sizesVP9 reads the sizes of spatial layers. Where they are not told they stay as they are.
func sizesVP9(payload []byte, sizes *[media.MaxSpatial]media.Size) {
	var told [media.MaxSpatial]vp9.Size
	for i, size := range told[:vp9.KeyFrameSizes(payload, &told)] {
		sizes[i] = media.Size{Width: int(size.Width), Height: int(size.Height)}
	}
}

// sizeVP9 reads the size of the highest spatial layer.
func sizeVP9(payload []byte) (width, height int) {
	var told [media.MaxSpatial]vp9.Size
	if n := vp9.KeyFrameSizes(payload, &told); n > 0 {
		width, height = int(told[n-1].Width), int(told[n-1].Height)
	}
	return width, height
}

// layersAV1 reads the temporal_id of the first OBU (AV1 §5.3.3). In the structures that are sent over WebRTC (L1T2, L1T3) no picture needs one
// from before the last of the base.
func layersAV1(payload []byte) (layer media.PictureLayer, known bool) {
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
			layer.Temporal = media.TemporalLayer{ID: o.TemporalID, Up: o.TemporalID == 0}
			return layer, true
		}
	}
	return layer, false
}
