package depay

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

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
	require.Equal(t, int(s.Audio.FramesIn-s.Audio.Dropped[DropBeforeZero]), len(r.received[Audio]), "but a recording has it")
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
	require.Greater(t, late, uint64(0))
	require.LessOrEqual(t, late, uint64(12), "sound is heard again after a fifth of a second")
	require.Equal(t, 250, len(r.received[Audio]), "a recording has all of it")
}

// TestSoundInBursts delivers what a publisher or this machine held back for as long as the whole fill age and more, again
// and again: although some of it always is in time.
func TestSoundInBursts(t *testing.T) {
	for _, reported := range []bool{false, true} {
		for _, every := range []time.Duration{160 * ms, 240 * ms, 300 * ms, 400 * ms} {
			r := newRig(t, VP8, Opus)
			var p publisher
			p.send(r, 0, 20*time.Second, 20*ms, 20*ms)
			for i, e := range r.events {
				r.events[i].at = (e.at + every - 1) / every * every
			}
			if reported {
				p.reports(r, time.Second, 20*time.Second)
			}
			r.run(20 * time.Second)
			r.addsUp()
			r.covered(Audio, 25*ms)
			late := r.Stats().Audio.Dropped[DropTooLate]
			t.Logf("bursts each %v: %d of 1000 packets came too late", every, late)
			require.Less(t, late, uint64(100))
			require.GreaterOrEqual(t, len(r.received[Audio]), 950, "a recording has nearly all")
		}
	}
}
