package media

import (
	"github.com/pion/rtp"
	"github.com/sluice-live/sluice/depay/opus"
)

// redundancy unwraps the sound of one source, whose packets come with redundancy (RFC 2198) or without. Behind it there is only Opus:
// each packet once, and instead of one that has not come what a later one brings of it.
type redundancy struct {
	track     *Track
	opus, red uint8 // payload types
	arrivals  arrivals
	payload   redPayload
}

// unwrapped delivers what is read of one source of a track, without its redundancy.
func unwrapped(t *Track) func(*Packet) {
	f := t.Format()
	if f.Red == "" {
		return t.Push
	}
	r := &redundancy{track: t, opus: uint8(PayloadType(f.Payload)), red: uint8(PayloadType(f.Red))}
	return r.deliver
}

// deliver passes a packet on, and before it what it restores. One that has been restored is late.
func (r *redundancy) deliver(p *Packet) {
	wrapped := p.RTP.PayloadType == r.red
	if wrapped && r.payload.parse(p.RTP.Payload, r.opus) != nil {
		r.track.CountMalformed()
		return
	}
	fresh := r.arrivals.add(p.RTP.SequenceNumber)
	if wrapped {
		r.restore(p)
		p.RTP.PayloadType, p.RTP.Payload = r.opus, r.payload.primary
	}
	if fresh {
		r.track.Push(p)
	}
}

// restore passes on earlier packets that have not come. Blocks have no sequence numbers: where one ends when the next begins, they
// are of packets in a row. What is before a gap is left alone, since a pause may be one packet or many.
func (r *redundancy) restore(p *Packet) {
	blocks := r.payload.redundant
	first, next := len(blocks), uint32(0)
	for ; first > 0; first-- {
		block := blocks[first-1]
		plays := opusTicks(block.payload)
		if plays == 0 || block.offset != next+plays {
			break
		}
		next = block.offset
	}
	for i := first; i < len(blocks); i++ {
		if sequence := p.RTP.SequenceNumber - uint16(len(blocks)-i); r.arrivals.fill(sequence) {
			r.deliverRestored(p, sequence, blocks[i])
		}
	}
}

func (r *redundancy) deliverRestored(p *Packet, sequence uint16, block redBlock) {
	out := r.track.NewPacket()
	defer out.Release()
	header := rtp.Header{Version: 2, PayloadType: r.opus, SequenceNumber: sequence, Timestamp: p.RTP.Timestamp - block.offset, SSRC: p.RTP.SSRC}
	out.FillRestored(header, p.Arrival, block.payload)
	r.track.Push(out)
}

// opusTicks is how long a packet plays, in ticks of its clock (RFC 7587 §4.2).
func opusTicks(packet []byte) uint32 {
	ticks, _ := opus.Duration(packet)
	return uint32(ticks)
}

// arrivals remembers which of the latest packets have come. What was before the first has not been missed.
type arrivals struct {
	begun   bool
	highest uint16
	come    uint64 // bit n is the nth before the highest
}

// add reports whether a packet comes for the first time. One from before all that is remembered begins anew.
func (a *arrivals) add(sequence uint16) (fresh bool) {
	switch step := int16(sequence - a.highest); {
	case !a.begun || step <= -64:
		*a = arrivals{true, sequence, ^uint64(0)}
	case step > 0:
		a.highest, a.come = sequence, a.come<<step|1
	default:
		return a.fill(sequence)
	}
	return true
}

// fill reports whether a packet is remembered not to have come. From then on it has.
func (a *arrivals) fill(sequence uint16) (missed bool) {
	back := a.highest - sequence
	bit := uint64(1) << back
	missed = back < 64 && a.come&bit == 0
	a.come |= bit
	return missed
}
