package depay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

// publisher has a camera of 30 frames and a microphone of 50 packets a second.
type publisher struct {
	video videoSource
	audio audioSource
	lost  func(k Kind, capture time.Duration) bool
	mute  func(k Kind, capture time.Duration) bool // nothing is sent, and no packet is numbered
}

// send schedules what is captured from..to, which arrives with the delays; a key frame comes first and then each 3 s.
func (p *publisher) send(r *rig, from, to, videoDelay, audioDelay time.Duration) {
	is := func(f func(Kind, time.Duration) bool, k Kind, at time.Duration) bool { return f != nil && f(k, at) }
	for n, at := 0, from; at < to; n, at = n+1, from+time.Duration(n+1)*time.Second/30 {
		if is(p.mute, Video, at) {
			p.video.sent = append(p.video.sent, nil)
			continue
		}
		packets := p.video.frame(videoTime(at), n%90 == 0, false, 2500)
		if !is(p.lost, Video, at) {
			r.arrive(at+videoDelay, Video, packets...)
		}
	}
	for at := from; at < to; at += 20 * ms {
		if is(p.mute, Audio, at) {
			p.audio.n++
			continue
		}
		packet := p.audio.packet(audioTime(at))
		if !is(p.lost, Audio, at) {
			r.arrive(at+audioDelay, Audio, packet)
		}
	}
}

// silent mutes one kind for a time.
func silent(quiet Kind, from, to time.Duration) func(Kind, time.Duration) bool {
	return func(k Kind, at time.Duration) bool { return k == quiet && at >= from && at < to }
}

// reports schedules right sender reports each second.
func (p *publisher) reports(r *rig, from, to time.Duration) {
	for at := from; at < to; at += time.Second {
		r.report(at+30*ms, Video, at, videoTime(at))
		r.report(at+45*ms, Audio, at+15*ms, audioTime(at+15*ms))
	}
}

func TestOptionsValidate(t *testing.T) {
	err := Options{Video: Opus, Audio: VP8, ReorderWindow: -1, FrameInterval: time.Hour, FillAfter: time.Hour}.Validate()
	for _, fault := range []string{"video codec opus", "audio codec VP8", "reorder window", "frame interval", "fill after", "emit"} {
		require.ErrorContains(t, err, fault)
	}
	_, err = New(Options{Emit: func(Frame) {}})
	require.EqualError(t, err, "depay: no track is declared")
}

func TestInOrderFrameIsEmittedAtOnce(t *testing.T) {
	r := newRig(t, VP8, 0)
	var p publisher
	packets := p.video.frame(videoTime(0), true, false, 3000)
	r.arrive(0, Video, packets[0])
	r.arrive(1*ms, Video, packets[1])
	r.on(2*ms, func(now time.Time) {
		require.Empty(t, r.frames[Video])
		r.Push(Video, packets[2], now)
		require.Equal(t, []int{0}, r.numbers(), "with its last packet")
	})
	r.run(3 * ms)
	require.True(t, r.frames[Video][0].Key)
	require.EqualValues(t, 640, r.frames[Video][0].Width)
	require.EqualValues(t, 480, r.frames[Video][0].Height)
	zero, ok := r.Zero()
	require.True(t, ok)
	require.Equal(t, r.time(0), zero)
}

func TestDetachAndReturn(t *testing.T) {
	r := newRig(t, VP8, Opus)
	var first, second publisher
	first.video.ssrc, first.audio.ssrc, second.video.ssrc, second.audio.ssrc = 1, 2, 3, 4
	second.video.seq, second.audio.seq, second.video.firstPic = 40000, 50000, 99
	first.send(r, 0, 3*time.Second, 0, 0)
	first.reports(r, 500*ms, 3*time.Second)
	r.on(3*time.Second, r.Detach)
	r.on(5*time.Second, func(now time.Time) { require.False(t, r.Stats().Synchronized) })
	second.send(r, 6*time.Second, 9*time.Second, 0, 0)
	second.reports(r, 6500*ms, 9*time.Second)
	r.run(9 * time.Second)
	r.addsUp()
	r.covered(Video, 170*ms)
	r.covered(Audio, 20*ms)
	s := r.Stats()
	require.True(t, s.Synchronized)
	require.EqualValues(t, 2, s.Video.Sources)
	require.EqualValues(t, 180, s.Video.FramesOut)
	require.Zero(t, s.Video.FramesDropped())
	require.Zero(t, s.KeyFrameRequests)
}

func TestReturnEntersAtKeyFrame(t *testing.T) {
	r := newRig(t, VP8, 0)
	var first, second videoSource
	second.ssrc = 9
	r.arrive(0, Video, first.frame(videoTime(0), true, false, 100)...)
	r.arrive(33*ms, Video, first.frame(videoTime(33*ms), false, false, 3000)[:2]...)
	r.on(50*ms, r.Detach)
	for n := range 10 {
		at := time.Second + time.Duration(n)*33*ms
		r.arrive(at, Video, second.frame(videoTime(at), n == 5, false, 100)...)
	}
	r.run(2 * time.Second)
	r.addsUp()
	require.Equal(t, []int{0, 5, 6, 7, 8, 9}, r.numbers())
	require.EqualValues(t, 1, r.Stats().Video.Dropped[DropIncomplete])
	require.EqualValues(t, 5, r.Stats().Video.Dropped[DropAwaitingKey])
	require.Equal(t, 1, r.requests)
}

func TestAnotherSSRC(t *testing.T) {
	r := newRig(t, VP8, 0)
	var first, second videoSource
	second.ssrc, second.seq = 9, 1
	r.arrive(0, Video, first.frame(videoTime(0), true, false, 100)...)
	r.arrive(40*ms, Video, second.frame(77, true, false, 100)...)
	r.arrive(80*ms, Video, second.frame(77+3600, false, false, 100)...)
	r.run(90 * ms)
	require.Equal(t, []int{0, 0, 1}, r.numbers())
	require.EqualValues(t, 7200, r.frames[Video][2].PTS)
	require.EqualValues(t, 2, r.Stats().Video.Sources)
}

func TestKeyFrameRequestsAreThrottled(t *testing.T) {
	r := newRig(t, VP8, 0)
	var s videoSource
	for n := range 75 { // 2.5 s; the third frame loses a packet, and the key frame comes at the end
		at := time.Duration(n) * time.Second / 30
		packets := s.frame(videoTime(at), n == 0 || n == 74, false, 2500)
		if n == 2 {
			packets = packets[1:]
		}
		r.arrive(at, Video, packets...)
	}
	r.run(3 * time.Second)
	r.addsUp()
	require.Equal(t, []int{0, 1, 74}, r.numbers())
	require.InDelta(t, 5, r.requests, 1)
	require.EqualValues(t, r.requests, r.Stats().KeyFrameRequests)
}

func TestUndeclaredTrackIsIgnored(t *testing.T) {
	r := newRig(t, 0, Opus)
	var v videoSource
	r.arrive(0, Video, v.frame(0, true, false, 100)...)
	r.report(1*ms, Video, 0, 0)
	r.arrive(2*ms, Kind(7), v.frame(0, true, false, 100)...)
	r.run(500 * ms)
	require.Empty(t, r.frames[Video])
	require.Zero(t, r.Stats())
}
