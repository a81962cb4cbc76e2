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

func TestSteadyPublisherNeedsNoFiller(t *testing.T) {
	r := newRig(t, VP8, Opus)
	var p publisher
	p.send(r, 0, 10*time.Second, 30*ms, 10*ms)
	r.run(10 * time.Second)
	r.addsUp()
	r.covered(Video, 170*ms)
	r.covered(Audio, 20*ms)
	s := r.Stats()
	require.Zero(t, s.Video.Fillers)
	require.LessOrEqual(t, s.Audio.Fillers, uint64(1))
	require.EqualValues(t, 300, s.Video.FramesOut)
	require.EqualValues(t, 500, s.Audio.FramesIn)
	require.EqualValues(t, 1, s.Audio.Dropped[DropBeforeZero])
	require.Zero(t, s.KeyFrameRequests)
	require.Zero(t, s.Video.Stamped)
}

func TestStart(t *testing.T) {
	for _, c := range []struct {
		name         string
		video, audio Codec
		send         func(r *rig, p *publisher)
		zero         time.Duration
		black        bool
		requests     int
	}{
		{"nothing at all", VP8, Opus, func(*rig, *publisher) {}, 1023 * ms, true, 0},
		{"nothing at all, video only", VP8, 0, func(*rig, *publisher) {}, 1023 * ms, true, 0},
		{"nothing at all, audio only", 0, Opus, func(*rig, *publisher) {}, 1023 * ms, false, 0},
		{"sound, then the picture", VP8, Opus, func(r *rig, p *publisher) {
			p.mute = silent(Video, 0, 500*ms)
			p.send(r, 0, 500*ms, 0, 0)
			p.send(r, 500*ms, 2*time.Second, 0, 0)
		}, 500 * ms, false, 0},
		{"sound, and the picture too late", VP8, Opus, func(r *rig, p *publisher) {
			p.mute = silent(Video, 0, 1500*ms)
			p.send(r, 0, 1500*ms, 0, 0)
			p.send(r, 1500*ms, 3*time.Second, 0, 0)
		}, 1023 * ms, true, 0},
		{"pictures without a key frame", VP8, Opus, func(r *rig, p *publisher) {
			for at := time.Duration(0); at < 2*time.Second; at += 40 * ms {
				r.arrive(at, Video, p.video.frame(videoTime(at), false, false, 100)...)
			}
		}, 1023 * ms, true, 8},
		{"picture without sound", VP8, Opus, func(r *rig, p *publisher) {
			p.mute = silent(Audio, 0, time.Hour)
			p.send(r, 0, 3*time.Second, 0, 0)
		}, 0, false, 0},
		{"audio only", 0, Opus, func(r *rig, p *publisher) { p.send(r, 200*ms, 3*time.Second, 0, 0) }, 200 * ms, false, 0},
		{"video only", VP8, 0, func(r *rig, p *publisher) { p.send(r, 200*ms, 3*time.Second, 0, 0) }, 200 * ms, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, c.video, c.audio)
			c.send(r, &publisher{})
			r.run(4 * time.Second)
			r.addsUp()
			zero, ok := r.Zero()
			require.True(t, ok)
			require.InDelta(t, c.zero.Milliseconds(), zero.Sub(r.epoch).Milliseconds(), 33)
			if c.video != 0 {
				r.covered(Video, 170*ms)
				require.Equal(t, c.black, r.frames[Video][0].Filler)
			}
			if c.audio != 0 {
				r.covered(Audio, 20*ms)
			}
			require.Equal(t, c.requests, r.requests)
		})
	}
}

func TestSilentTrackIsFilled(t *testing.T) {
	for _, quiet := range []Kind{Video, Audio} {
		t.Run(quiet.String(), func(t *testing.T) {
			r := newRig(t, VP8, Opus)
			p := publisher{mute: silent(quiet, 3*time.Second, 8*time.Second)}
			p.send(r, 0, 12*time.Second, 0, 0)
			r.run(12 * time.Second)
			r.addsUp()
			r.covered(Video, 170*ms)
			r.covered(Audio, 20*ms)
			s := r.Stats()
			require.Greater(t, s.Video.Fillers+s.Audio.Fillers, uint64(130))
			require.Zero(t, s.Video.FramesDropped(), "silence is no loss")
			require.Zero(t, s.Audio.FramesDropped())
		})
	}
}

func TestStallIsCaughtUp(t *testing.T) {
	r := newRig(t, VP8, Opus)
	var p publisher
	p.send(r, 0, 3*time.Second, 0, 0)
	for i, e := range r.events { // the network holds 1 s back, then delivers all of it at once
		if e.at > time.Second && e.at < 2*time.Second {
			r.events[i].at = 2 * time.Second
		}
	}
	r.run(3 * time.Second)
	r.addsUp()
	r.covered(Video, 170*ms)
	r.covered(Audio, 20*ms)
	s := r.Stats()
	require.EqualValues(t, 90, s.Video.FramesOut, "no picture is dropped for being late")
	require.InDelta(t, 27, float64(s.Video.Stamped), 3)
	require.InDelta(t, 45, float64(s.Audio.Dropped[DropTooLate]), 3, "sound is: its time has gone")
	for k := range r.frames {
		last := len(r.frames[k]) - 1
		require.InDelta(t, float64(r.at[k][last]), float64(r.frames[k][last].PTS)*1e9/float64(r.frames[k][last].Codec.ClockRate()),
			float64(3*ms), "latency of %v has not grown", Kind(k))
	}
}

func TestSlowCamera(t *testing.T) {
	r := newRig(t, VP8, 0)
	var s videoSource
	for at := time.Duration(0); at < 5*time.Second; at += 200 * ms {
		r.arrive(at, Video, s.frame(videoTime(at), at == 0, false, 2000)...)
	}
	r.run(5 * time.Second)
	r.addsUp()
	r.covered(Video, 170*ms)
	require.Zero(t, r.Stats().Video.Stamped, "fillers stay behind real frames")
	require.InDelta(t, 50, float64(r.Stats().Video.Fillers), 5)
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

func TestSoundHoles(t *testing.T) {
	for _, c := range []struct {
		name    string
		missing []int
		fillers uint64
	}{
		{"none", nil, 0},
		{"one packet is left to concealment", []int{20}, 0},
		{"of two one is filled by Tick, one left to concealment", []int{20, 21}, 1},
		{"of four three", []int{20, 21, 22, 23}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, 0, Opus)
			var s audioSource
			for n := range 50 {
				p := s.packet(audioTime(time.Duration(n) * 20 * ms))
				if len(c.missing) == 0 || n < c.missing[0] || n > c.missing[len(c.missing)-1] {
					r.arrive(time.Duration(n)*20*ms, Audio, p)
				}
			}
			r.run(980 * ms)
			r.addsUp()
			s2 := r.Stats().Audio
			require.Equal(t, c.fillers, s2.Fillers)
			require.EqualValues(t, len(c.missing), s2.Lost)
			require.EqualValues(t, len(c.missing), s2.Dropped[DropMissing])
			require.EqualValues(t, 50, s2.FramesIn)
		})
	}
}

func TestDiscontinuousTransmissionIsNoLoss(t *testing.T) {
	r := newRig(t, 0, Opus)
	var s audioSource
	for at := time.Duration(0); at < 4*time.Second; at += 400 * ms { // one packet of comfort noise each 400 ms
		p := s.packet(audioTime(at))
		p.Payload = p.Payload[:1]
		r.arrive(at, Audio, p)
	}
	r.run(4 * time.Second)
	r.addsUp()
	r.covered(Audio, 20*ms)
	require.EqualValues(t, 10, r.Stats().Audio.FramesOut)
	require.Zero(t, r.Stats().Audio.Lost)
}

func TestPathBecomesLonger(t *testing.T) {
	r := newRig(t, VP8, Opus)
	var p publisher
	p.send(r, 0, 5*time.Second, 20*ms, 20*ms)
	for i := range r.events { // from 2 s on, everything takes 300 ms more
		if r.events[i].at > 2*time.Second {
			r.events[i].at += 300 * ms
		}
	}
	r.run(5 * time.Second)
	r.addsUp()
	r.covered(Audio, 25*ms)
	late := r.Stats().Audio.Dropped[DropTooLate]
	require.Greater(t, late, uint64(10))
	require.Less(t, late, uint64(150), "and is steady again after two windows")
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
