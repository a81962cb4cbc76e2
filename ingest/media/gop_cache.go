package media

import "time"

// What a group may hold. A longer one is of no use to somebody who joins: the publisher's next key frame, which is asked for, is there
// before so many old pictures are sent and decoded.
const (
	gopPackets = 512 // 900 KB
	gopAge     = 2500 * time.Millisecond
)

// The same of a publisher that makes key frames when it likes: who joins would wait for the next one.
const (
	unaskedPackets = 4096 // 7 MB
	unaskedAge     = 30 * time.Second
	// unaskedRate bounds the square of the packets by the seconds that they took to come. What comes while they are sent, at 50 Mbit/s, has
	// to fit into the queue of whoever joins, of 256.
	unaskedRate = 1e6
)

// gopCache holds the packets of a picture track since its newest key frame began, for who joins in the middle. One that grows
// over its bounds is given up, and the next key frame begins another.
type gopCache struct {
	packets []*Packet
	givenUp uint64
}

// add takes the next packet in the order of arrival, of a publisher that can be asked for key frames or not. A key frame whose beginning was
// overtaken by what follows it begins no group: nobody could get the rest any more.
func (g *gopCache) add(p *Packet, newest, unasked bool) {
	switch {
	case p.KeyFrame:
		g.clear()
		if !newest {
			return
		}
	case len(g.packets) == 0:
		return
	case g.full(unasked), g.old(p.Arrival, unasked):
		g.givenUp++
		g.clear()
		return
	}
	p.Retain()
	g.packets = append(g.packets, p)
}

// retained returns the packets, each retained once more; none if they are of no use by now.
func (g *gopCache) retained(now time.Time, unasked bool) []*Packet {
	if len(g.packets) == 0 || g.old(now, unasked) || g.dense(now, unasked) {
		return nil
	}
	for _, p := range g.packets {
		p.Retain()
	}
	return append([]*Packet(nil), g.packets...)
}

func (g *gopCache) full(unasked bool) bool {
	return len(g.packets) == unaskedPackets || !unasked && len(g.packets) >= gopPackets
}

func (g *gopCache) old(now time.Time, unasked bool) bool {
	age := now.Sub(g.packets[0].Arrival)
	return age > unaskedAge || !unasked && age > gopAge
}

// dense reports whether too much would come while the packets are sent.
func (g *gopCache) dense(now time.Time, unasked bool) bool {
	n := float64(len(g.packets))
	return unasked && n > gopPackets && n*n > unaskedRate*now.Sub(g.packets[0].Arrival).Seconds()
}

func (g *gopCache) clear() {
	for _, p := range g.packets {
		p.Release()
	}
	clear(g.packets)
	g.packets = g.packets[:0]
}
