package offer

import (
	"github.com/sluice-live/sluice/depay/av1"
	"github.com/sluice-live/sluice/ingest/media"
)

// describedAV1 reads the dependency descriptors of AV1 (AV1 RTP payload format §A).
type describedAV1 struct{ structure av1.Structure }

func (d *describedAV1) Read(descriptor []byte) (layer media.PictureLayer, known bool) {
	var dependency av1.Dependency
	if dependency.Unmarshal(descriptor, &d.structure) != nil {
		return layer, false
	}
	spatial, temporal, known := d.structure.Layer(dependency.Template)
	if !known {
		return layer, false
	}
	layer.Temporal = media.TemporalLayer{ID: temporal, Up: temporal == 0} // as of the payload
	layer.Spatial = media.SpatialLayer{ID: spatial, Begins: dependency.Begins, Ends: dependency.Ends}
	return layer, true
}

func (d *describedAV1) Sizes(sizes *[media.MaxSpatial]media.Size) {
	if !d.structure.Sized {
		return
	}
	for i, size := range d.structure.Sizes[:d.structure.Spatial()] {
		sizes[i] = media.Size{Width: int(size.Width), Height: int(size.Height)}
	}
}
