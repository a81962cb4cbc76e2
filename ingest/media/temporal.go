package media

import "github.com/pion/rtp"

// PictureLayer is where a packet stands among those of a layered stream.
type PictureLayer struct {
	Temporal TemporalLayer
	Spatial  SpatialLayer
}

// maxTemporal is how many temporal layers are told apart.
const maxTemporal = 4

// temporalMemory is how many bytes the shares of temporal layers are averaged over: some seconds of a small picture.
const temporalMemory = 100_000

// TemporalLayer is where a picture stands among those of a layered stream: pictures of a layer need none of a higher one.
type TemporalLayer struct {
	ID   uint8 // 0 is the base
	Sync bool  // who has got lower layers only can go on with this one here
	Up   bool  // and with all higher ones, from the next picture on
}

// pictureLayers follows the layers of one track.
type pictureLayers struct {
	begun     bool
	timestamp uint32
	current   PictureLayer
	total     float64
	bytes     [MaxSpatial][maxTemporal]float64
}

// of returns the layer of a packet. Those of a picture that do not tell are of the same layer as the others.
func (t *pictureLayers) of(p *rtp.Packet, layer PictureLayer, known bool) PictureLayer {
	switch {
	case known:
		layer.Temporal.ID, layer.Spatial.ID = min(layer.Temporal.ID, maxTemporal-1), min(layer.Spatial.ID, MaxSpatial-1)
		t.begun, t.timestamp, t.current = true, p.Timestamp, layer
	case t.begun && t.timestamp == p.Timestamp:
		layer = t.current
	}
	t.bytes[layer.Spatial.ID][layer.Temporal.ID] += float64(len(p.Payload))
	if t.total += float64(len(p.Payload)); t.total > temporalMemory {
		for i := range t.bytes {
			for j := range t.bytes[i] {
				t.bytes[i][j] /= 2
			}
		}
		t.total /= 2
	}
	return layer
}

// shares are those of the bit rate of so many spatial layers that the temporal layers up to each take; one where there is one layer.
func (t *pictureLayers) shares(spatial int) (shares []float64) {
	var bytes [maxTemporal]float64
	total := 0.0
	for _, of := range t.bytes[:spatial] {
		for i, n := range of {
			bytes[i] += n
			total += n
		}
	}
	sum := 0.0
	for _, n := range bytes {
		if total == 0 || n == 0 {
			break
		}
		sum += n / total
		shares = append(shares, sum)
	}
	if len(shares) == 0 {
		return []float64{1}
	}
	shares[len(shares)-1] = 1
	return shares
}
