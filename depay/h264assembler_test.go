package depay

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

type h264Case struct {
	name    string
	do      func(a *h264Assembly)
	out     []int
	dropped map[DropReason]uint64
	wanted  bool
}

// h264LossCases are what a network does to a picture.
func h264LossCases() []h264Case {
	return []h264Case{
		{name: "whole pictures", out: []int{0, 1, 2, 3}, do: func(a *h264Assembly) {
			a.feed(a.make(key, ref)...)
			a.feed(a.make(inter, ref)...)
			a.feed(a.make(inter, nonRef)...)
			a.feed(a.make(inter, ref)...)
			require.True(a.t, slices.EqualFunc(a.source.sent, a.data, bytes.Equal), "bit-exact")
		}},
		{name: "before the first key frame", out: []int{1}, dropped: map[DropReason]uint64{DropAwaitingKey: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(inter, ref)...)
				require.True(a.t, a.wanted)
				a.feed(a.make(key, ref)...)
			}},
		{name: "marker bit missing, packet there", out: []int{0, 1}, do: func(a *h264Assembly) {
			first := a.make(key, ref)
			first[len(first)-1].Marker = false
			a.feed(first...)
			a.feed(a.make(inter, ref)...)
		}},
		{name: "packet with the marker lost", out: []int{0, 3}, dropped: map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				lossy := a.make(inter, ref)
				a.feed(lossy[:len(lossy)-1]...)
				a.feed(a.make(inter, ref)...)
				require.True(a.t, a.wanted)
				a.feed(a.make(key, ref)...)
			}},
		{name: "middle lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1, DropAwaitingKey: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				lossy := a.make(inter, ref)
				a.feed(lossy[0])
				a.feed(lossy[2:]...)
				a.feed(a.make(inter, ref)...)
			}},
		{name: "first packet lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.feed(a.make(inter, ref)[1:]...)
			}},
		{name: "end of one and start of the next lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 2},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.feed(a.make(inter, ref)[:1]...)
				a.feed(a.make(inter, ref)[1:]...)
			}},
	}
}

// h264MissingCases are losses of which frame_num tells, or nothing.
func h264MissingCases() []h264Case {
	return []h264Case{
		{name: "whole reference pictures lost", out: []int{0, 4}, dropped: map[DropReason]uint64{DropMissing: 2, DropAwaitingKey: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.make(inter, ref)
				a.make(inter, ref)
				a.feed(a.make(inter, ref)...)
				require.True(a.t, a.wanted)
				a.feed(a.make(key, ref)...)
			}},
		{name: "all numbers of pictures lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropAwaitingKey: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				for range 16 {
					a.make(inter, ref)
				}
				a.feed(a.make(inter, ref)...)
			}},
		{name: "pictures lost that nothing references", out: []int{0, 3, 4}, do: func(a *h264Assembly) {
			a.feed(a.make(key, ref)...)
			a.make(inter, nonRef)
			a.make(inter, nonRef)
			a.feed(a.make(inter, nonRef)...)
			a.feed(a.make(inter, ref)...)
		}},
		{name: "a lossy picture that nothing references", out: []int{0, 2, 4}, dropped: map[DropReason]uint64{DropIncomplete: 2},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.feed(a.make(inter, nonRef)[1:]...)
				a.feed(a.make(inter, ref)...)
				a.feed(a.make(inter, nonRef)[:1]...)
				a.feed(a.make(inter, ref)...)
			}},
		{name: "a reference lost beside a lossy one", out: []int{0}, wanted: true,
			dropped: map[DropReason]uint64{DropIncomplete: 1, DropMissing: 1, DropAwaitingKey: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.feed(a.make(inter, nonRef)[1:2]...)
				a.make(inter, ref)
				a.feed(a.make(inter, ref)...)
			}},
		{name: "padding lost", out: []int{0, 1}, do: func(a *h264Assembly) {
			a.feed(a.make(key, ref)...)
			a.source.packet(0, false, nil)
			a.feed(a.make(inter, ref)...)
		}},
		{name: "another sequence", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropAwaitingKey: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				nal := a.p()
				a.push(packet{payload: nal, marker: true, timestamp: a.at + 3000, lossy: true})
			}},
		{name: "parameter sets of a key frame lost", out: []int{0, 2}, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.feed(a.make(key, ref)[1:]...)
				a.feed(a.make(key, ref)...)
			}},
	}
}

// h264SenderCases are what encoders and packetizers do.
func h264SenderCases() []h264Case {
	sps, pps := testSets(640, 360)
	delimiter, sei, filler, prefix := []byte{9, 0x10}, []byte{6, 5, 1, 9, 0x80}, []byte{12, 255, 0x80}, []byte{0x6e, 1, 2, 3}
	return []h264Case{
		{name: "padding between and inside", out: []int{0, 1}, do: func(a *h264Assembly) {
			a.feed(a.make(key, ref)...)
			a.feed(a.source.packet(9, true, nil))
			second := a.make(inter, ref)
			bare := second[1].Clone()
			bare.Payload, bare.SequenceNumber = nil, bare.SequenceNumber+1
			for _, p := range second[2:] {
				p.SequenceNumber++
			}
			a.feed(second[0], second[1], bare)
			a.feed(second[2:]...)
			require.EqualValues(a.t, 2, a.stats.Padding)
		}},
		{name: "everything in packets of its own", out: []int{0}, do: func(a *h264Assembly) {
			idr := a.idr()
			a.sends(delimiter, sei, sps, pps, filler, prefix, idr, filler)
			require.Equal(a.t, stream(sps, pps, sei, idr), a.data[0])
		}},
		{name: "parameter sets twice", out: []int{0}, do: func(a *h264Assembly) {
			idr := a.idr()
			a.sends(sps, pps, sei, sps, pps, idr)
			require.Equal(a.t, stream(sps, pps, sei, idr), a.data[0])
		}},
		{name: "parameter sets with a marker of their own", out: []int{0, 1}, do: func(a *h264Assembly) {
			a.sends(sps)
			a.sends(pps)
			idr := a.idr()
			a.done(idr)
			a.sends(idr)
			a.sends(a.p())
			require.Equal(a.t, stream(sps, pps, idr), a.data[0])
		}},
		{name: "parameter sets in fragments", out: []int{0}, do: func(a *h264Assembly) {
			idr := a.idr()
			a.sends(slices.Concat(fragments(sps, 3), fragments(pps, 1), fragments(idr, 9))...)
			require.Equal(a.t, stream(sps, pps, idr), a.data[0])
		}},
		{name: "parameter sets once, then key frames alone", out: []int{0, 1}, do: func(a *h264Assembly) {
			a.feed(a.make(key, ref)...)
			idr := a.idr()
			a.sends(idr)
			require.Equal(a.t, stream(sps, pps, idr), a.data[1])
		}},
		{name: "several slices", out: []int{0, 1}, do: func(a *h264Assembly) {
			first, second := a.idr(), a.source.idr(false, 3*mtu)
			a.done(first)
			a.sends(append([][]byte{sps, pps, first}, fragments(second, mtu)...)...)
			require.Equal(a.t, stream(sps, pps, first, second), a.data[0])
			a.sends(a.p(), a.source.p(false, false, 20))
		}},
		{name: "a slice lost", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				packets := a.source.payloads(9000, a.p(), a.source.p(false, false, 20), a.source.p(false, false, 20))
				a.feed(packets[0], packets[2])
			}},
		{name: "two pictures with one time stamp", out: []int{0, 1, 2}, do: func(a *h264Assembly) {
			a.feed(a.make(key, ref)...)
			first := a.p()
			a.done(first)
			a.sends(first, a.p())
		}},
		{name: "a packet of two pictures", out: []int{0, 1}, do: func(a *h264Assembly) {
			idr := a.idr()
			a.done(idr)
			stap := []byte{24}
			for _, nal := range [][]byte{sps, pps, idr, a.p()} {
				stap = append(append(stap, 0, byte(len(nal))), nal...)
			}
			a.sends(stap)
		}},
	}
}

// h264BrokenCases are what broken senders do.
func h264BrokenCases() []h264Case {
	sps, pps := testSets(640, 360)
	return []h264Case{
		{name: "fragments without an end", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.sends(fragments(a.p(), 9)[0])
			}},
		{name: "a unit amid fragments", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				parts := fragments(a.p(), 9)
				a.sends(parts[0], []byte{6, 5, 1, 9, 0x80}, parts[1], parts[2])
			}},
		{name: "fragments of two units", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.sends(fragments(a.p(), 9)[0], fragments(a.b(), 9)[1], fragments(a.p(), 9)[2])
			}},
		{name: "broken packet", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropIncomplete: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				parts := fragments(a.p(), 9)
				a.sends(parts[0], []byte{25, 1, 2, 3}, parts[1])
				a.sends()
				require.EqualValues(a.t, 1, a.stats.Malformed)
				a.restart()
				a.wanted = true
			}},
		{name: "broken parameter set", out: []int{0, 1}, do: func(a *h264Assembly) {
			a.feed(a.make(key, ref)...)
			a.sends([]byte{0x67, 66}, a.p())
			require.EqualValues(a.t, 1, a.stats.Malformed)
		}},
		{name: "endless parameter set", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropTooLarge: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.sends(append(fragments(numbered([]byte{0x67}, 1, 20*mtu), mtu), a.p())...)
			}},
		{name: "broken slice", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropMalformed: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.sends([]byte{0x41})
			}},
		{name: "broken slice that nothing references", out: []int{0, 1}, dropped: map[DropReason]uint64{DropMalformed: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.sends([]byte{0x01})
				a.sends(a.p())
			}},
		{name: "data partitions", out: []int{0}, wanted: true, dropped: map[DropReason]uint64{DropMalformed: 1},
			do: func(a *h264Assembly) {
				a.feed(a.make(key, ref)...)
				a.sends([]byte{0x42, 1, 2}, []byte{0x43, 1, 2})
			}},
		{name: "more pixels than a picture may have", wanted: true, dropped: map[DropReason]uint64{DropTooLarge: 1},
			do: func(a *h264Assembly) {
				sps, pps := testSets(16384, 8192)
				a.sends(sps, pps, a.idr())
			}},
		{name: "a recovery point is no key frame", wanted: true, dropped: map[DropReason]uint64{DropAwaitingKey: 1},
			do: func(a *h264Assembly) {
				a.sends(sps, pps, []byte{6, 6, 1, 0x84, 0x80}, numbered([]byte{0x41, 0x88, 0x83}, 0, 20))
			}},
		{name: "key frame without parameter sets", wanted: true, dropped: map[DropReason]uint64{DropAwaitingKey: 1},
			do: func(a *h264Assembly) { a.sends(a.idr()) }},
	}
}

func TestH264Assembler(t *testing.T) {
	for _, c := range slices.Concat(h264LossCases(), h264MissingCases(), h264SenderCases(), h264BrokenCases()) {
		t.Run(c.name, func(t *testing.T) {
			a := newH264Assembly(t)
			c.do(a)
			a.settle(everything)
			require.Equal(t, c.out, a.out)
			var want [DropReasons]uint64
			for r, n := range c.dropped {
				want[r] = n
			}
			require.Equal(t, want, a.stats.Dropped)
			require.Equal(t, c.wanted, a.wanted)
			require.False(t, a.open)
		})
	}
}
