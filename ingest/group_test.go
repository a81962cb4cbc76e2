package ingest

import (
	"context"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
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
	}{
		{name: "nothing has come"},
		{name: "no key frame yet", packets: []packet{{1, false}}, now: time.Millisecond},
		{name: "since the key frame", packets: []packet{{1, false}, {2, true}, {3, false}}, now: time.Millisecond, want: []uint16{2, 3}},
		{name: "since the newest", packets: []packet{{1, true}, {2, false}, {3, true}, {5, false}, {4, false}}, now: time.Millisecond, want: []uint16{3, 5, 4}},
		{name: "beginning overtaken by the rest", packets: []packet{{1, true}, {2, false}, {4, false}, {3, true}, {5, false}}, now: time.Millisecond},
		{name: "too old for who joins", packets: []packet{{1, true}}, now: groupAge + 2*time.Millisecond},
		{name: "too old", packets: []packet{{1, true}, {2602, false}, {2603, false}}, now: 2603 * time.Millisecond, givenUp: 1},
		{name: "too many", packets: append([]packet{{1, true}}, run(2, groupPackets+2)...), now: 600 * time.Millisecond, givenUp: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			track := testTrack(KindVideo)
			for _, p := range tt.packets {
				track.write(p.sequence, p.key)
			}
			var got []uint16
			for _, p := range track.group.retained(time.Unix(0, 0).Add(tt.now)) {
				got = append(got, p.RTP.SequenceNumber)
				p.Release()
			}
			require.Equal(t, tt.want, got)
			require.Equal(t, tt.givenUp, track.Stats().GroupsGivenUp)
		})
	}
}

// encoder sends a picture every 10 ms in two packets, each with the number of the picture, and a key frame only when asked.
type encoder struct {
	*peer
	asked atomic.Uint64
	keyed uint64
}

func newEncoder(t *testing.T, f *fixture, stream string) *encoder {
	t.Helper()
	e := &encoder{peer: newPeer(t, peerOptions{})}
	e.onRTCP = func(p rtcp.Packet) {
		if _, ok := p.(*rtcp.PictureLossIndication); ok {
			e.asked.Add(1)
		}
	}
	e.publish(f, "/whip/"+stream)
	e.waitConnected()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for picture := uint16(1); ctx.Err() == nil; picture++ {
			e.encode(picture)
			time.Sleep(10 * time.Millisecond)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return e
}

func (e *encoder) encode(picture uint16) {
	asked := e.asked.Load()
	for i := range uint16(2) {
		p := vp8Packet(2*picture+i, i == 0 && asked > e.keyed)
		p.Timestamp, p.Marker = uint32(picture)*900, i == 1
		if i == 1 {
			p.Payload[0] = 0 // not the beginning of a picture
		}
		p.Payload = binary.BigEndian.AppendUint16(p.Payload, picture)
		_ = e.video.WriteRTP(p)
	}
	e.keyed = asked
}

// A viewer that comes soon after another begins at the same key frame, with every picture since, and asks for no other.
func TestViewerBeginsInTheMiddle(t *testing.T) {
	f := newFixture(t, Options{})
	studio := newEncoder(t, f, "cam")
	first := newSpectator(t, f, "cam", peerOptions{})
	requireWholePictures(t, first, 1)
	time.Sleep(100 * time.Millisecond)
	asked := studio.asked.Load()
	second := newSpectator(t, f, "cam", peerOptions{})
	requireWholePictures(t, second, 60)
	require.Equal(t, asked, studio.asked.Load())
	require.Zero(t, f.server.Audience("cam").Dropped)
}

// requireWholePictures checks so many pictures: the first needs no other, and every other one follows the one before.
func requireWholePictures(t *testing.T, s *spectator, pictures int) {
	t.Helper()
	var previous *rtp.Packet
	for i := range 2 * pictures {
		p := wait(t, s.packets["video"], "video")
		number := func(p *rtp.Packet) uint16 { return binary.BigEndian.Uint16(p.Payload[len(p.Payload)-2:]) }
		if previous == nil {
			require.True(t, vp8KeyFrameStarts(p.Payload), "the first picture needs no other")
		} else {
			require.Equal(t, previous.SequenceNumber+1, p.SequenceNumber)
			require.Equal(t, number(previous)+uint16((i+1)%2), number(p))
			require.Equal(t, i%2 == 1, p.Timestamp == previous.Timestamp, "one time stamp for each picture")
			require.Less(t, p.Timestamp-previous.Timestamp, uint32(9000))
		}
		previous = p
	}
}

// A backlog that takes long is sent piece by piece, and given back when the viewer goes before its end.
func TestBacklog(t *testing.T) {
	track := testTrack(KindVideo)
	now := time.Now()
	var p *Packet
	for seq := range uint16(3 * backlogPackets) {
		p = track.pool.get()
		p.Arrival, p.RTP = now, *vp8Packet(seq, seq == 0)
		track.deliver(p)
		p.Release()
	}
	o, err := newOutgoing(KindVideo, formatFor(webrtc.MimeTypeVP8), "cam")
	require.NoError(t, err)
	o.rouse = func() {}
	o.attach(track, now)
	require.False(t, o.ready(), "what is older goes first")
	wait(t, o.due(), "the first turn")
	require.Zero(t, o.catchUp(now))
	require.Equal(t, uint32(backlogPackets), o.packets)
	require.Equal(t, int32(2), p.refs.Load(), "held by the track and the viewer")
	require.Nil(t, o.report(now), "time does not go as it does yet")
	o.detach()
	require.Equal(t, int32(1), p.refs.Load())
	track.end()
	require.Zero(t, p.refs.Load())

	later, backlog := track.join(1, func() {})
	require.Nil(t, backlog)
	require.True(t, later.Ended())
}
