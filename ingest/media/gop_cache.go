package media

import "time"

// What a group may hold. A longer one is of no use to somebody who joins: the publisher's next key frame is there before so
// many old pictures are sent and decoded.
const (
	gopPackets = 512 // 900 KB
	gopAge     = 2500 * time.Millisecond
)

// gopCache holds the packets of a picture track since its newest key frame began, for who joins in the middle. One that grows
// over its bounds is given up, and the next key frame begins another.
type gopCache struct {
	packets []*Packet
	givenUp uint64
}

// add takes the next packet in the order of arrival. A key frame whose beginning was overtaken by what follows it begins no
// group: nobody could get the rest any more.
func (g *gopCache) add(p *Packet, newest bool) {
	switch {
	case p.KeyFrame:
		g.clear()
		if !newest {
			return
		}
	case len(g.packets) == 0:
		return
	case len(g.packets) == gopPackets, g.old(p.Arrival):
		g.givenUp++
		g.clear()
		return
	}
	p.Retain()
	g.packets = append(g.packets, p)
}

// retained returns the packets, each retained once more; none if they are of no use by now.
func (g *gopCache) retained(now time.Time) []*Packet {
	if len(g.packets) == 0 || g.old(now) {
		return nil
	}
	for _, p := range g.packets {
		p.Retain()
	}
	return append([]*Packet(nil), g.packets...)
}

func (g *gopCache) old(now time.Time) bool { return now.Sub(g.packets[0].Arrival) > gopAge }

func (g *gopCache) clear() {
	for _, p := range g.packets {
		p.Release()
	}
	clear(g.packets)
	g.packets = g.packets[:0]
}
