package media

import "github.com/pion/rtp"

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

// temporalLayers follows the temporal layers of one track.
type temporalLayers struct {
	begun     bool
	timestamp uint32
	current   TemporalLayer
	bytes     [maxTemporal]float64
}

// of returns the layer of a packet. Those of a picture that do not tell are of the same layer as the others.
func (t *temporalLayers) of(p *rtp.Packet, read func(payload []byte) (TemporalLayer, bool)) TemporalLayer {
	if read == nil {
		return TemporalLayer{}
	}
	layer, known := read(p.Payload)
	switch {
	case known:
		layer.ID = min(layer.ID, maxTemporal-1)
		t.begun, t.timestamp, t.current = true, p.Timestamp, layer
	case t.begun && t.timestamp == p.Timestamp:
		layer = t.current
	}
	t.bytes[layer.ID] += float64(len(p.Payload))
	if sum := t.bytes[0] + t.bytes[1] + t.bytes[2] + t.bytes[3]; sum > temporalMemory {
		for i := range t.bytes {
			t.bytes[i] /= 2
		}
	}
	return layer
}

// shares are those of the bit rate that the layers up to each take; one where there is one layer.
func (t *temporalLayers) shares() (shares []float64) {
	sum, total := 0.0, t.bytes[0]+t.bytes[1]+t.bytes[2]+t.bytes[3]
	for _, bytes := range t.bytes {
		if total == 0 || bytes == 0 {
			break
		}
		sum += bytes / total
		shares = append(shares, sum)
	}
	if len(shares) == 0 {
		return []float64{1}
	}
	shares[len(shares)-1] = 1
	return shares
}
