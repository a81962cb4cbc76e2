package media

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A track keeps what has come since the newest key frame, as long as that is of use.
func TestGroup(t *testing.T) {
	type packet struct {
		sequence uint16 // which is also when it comes, in ms
		key      bool
	}
	run := func(from, to uint16) (packets []packet) {
		for seq := from; seq <= to; seq++ {
			packets = append(packets, packet{sequence: seq})
		}
		return packets
	}
	tests := []struct {
		name    string
		packets []packet
		now     time.Duration
		want    []uint16
		givenUp uint64
		unasked bool
	}{
		{name: "nothing has come"},
		{name: "no key frame yet", packets: []packet{{1, false}}, now: time.Millisecond},
		{name: "since the key frame", packets: []packet{{1, false}, {2, true}, {3, false}}, now: time.Millisecond, want: []uint16{2, 3}},
		{name: "since the newest", packets: []packet{{1, true}, {2, false}, {3, true}, {5, false}, {4, false}}, now: time.Millisecond, want: []uint16{3, 5, 4}},
		{name: "beginning overtaken by the rest", packets: []packet{{1, true}, {2, false}, {4, false}, {3, true}, {5, false}}, now: time.Millisecond},
		{name: "too old for who joins", packets: []packet{{1, true}}, now: gopAge + 2*time.Millisecond},
		{name: "too old", packets: []packet{{1, true}, {2602, false}, {2603, false}}, now: 2603 * time.Millisecond, givenUp: 1},
		{name: "too many", packets: append([]packet{{1, true}}, run(2, gopPackets+2)...), now: 600 * time.Millisecond, givenUp: 1},
		{name: "of a recording", unasked: true, packets: []packet{{1, true}, {29000, false}}, now: 30 * time.Second, want: []uint16{1, 29000}},
		{name: "too old of a recording", unasked: true, packets: []packet{{1, true}, {29000, false}}, now: 30*time.Second + 2*time.Millisecond},
		{name: "too much to catch up with", unasked: true, packets: append([]packet{{1, true}}, run(2, 1200)...), now: 1200 * time.Millisecond},
		{name: "too many of a recording", unasked: true, packets: append([]packet{{1, true}}, run(2, unaskedPackets+2)...), now: 20 * time.Second, givenUp: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			track := testTrack(KindVideo)
			track.recorded = tt.unasked
			for _, p := range tt.packets {
				push(track, p.sequence, p.key)
			}
			var got []uint16
			for _, p := range track.gop.retained(time.Unix(0, 0).Add(tt.now), tt.unasked) {
				got = append(got, p.RTP.SequenceNumber)
				p.Release()
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.givenUp, track.Stats().GroupsGivenUp)
		})
	}
}

// A group that its publisher did not end when it was asked to is kept longer, from the next key frame on.
func TestGroupOfWhoIsSilent(t *testing.T) {
	track := testTrack(KindVideo)
	require.True(t, track.Bind(func() {}))
	push(track, 1, true)
	track.keys.request(time.Unix(0, 0))
	for _, ms := range []uint16{600, 1200, 1800} {
		push(track, ms, false)
	}
	require.True(t, track.unasked())
	push(track, 5000, true)
	push(track, 20000, false)
	require.Len(t, track.gop.retained(time.Unix(20, 0), track.unasked()), 2)
}
