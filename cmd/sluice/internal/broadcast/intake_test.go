package broadcast

import (
	"errors"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/rtp/codecs"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/depay"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/transcode"
)

// longGroup is a publisher of H.264 that sends one key frame, whatever it is asked for.
type longGroup struct {
	frames     []depay.Frame
	packetizer rtp.Packetizer
	began      time.Time
	sent       int
}

func newLongGroup(t *testing.T) *longGroup {
	return &longGroup{
		frames:     codedPictures(t, depay.H264, "320x180", 3, "0"),
		packetizer: rtp.NewPacketizer(1200, 96, 1, &codecs.H264Payloader{}, rtp.NewFixedSequencer(1), 90_000),
		began:      time.Now(),
	}
}

// send sends the next pictures.
func (g *longGroup) send(to *Broadcast, pictures int) {
	for range pictures {
		for _, p := range g.packetizer.Packetize(g.frames[g.sent].Data, 3000) {
			to.intake.push(depay.Video, &media.Packet{RTP: *p, Arrival: g.began.Add(time.Duration(g.sent) * time.Second / 30)})
		}
		g.sent++
	}
}

// encoding is a broadcast of H.264 whose first run encodes what a publisher sends.
func encoding(t *testing.T) (*Broadcast, *longGroup) {
	t.Helper()
	b := newTestBroadcast(t)
	b.options.Ladder = transcode.Ladder{{Name: "90p", Width: 160, Height: 90, FPS: 30, Bitrate: 200_000}}
	b.ladder, b.video = newLadder(b.options.Ladder), depay.H264
	b.startRun()
	require.True(t, b.run.works())
	return b, newLongGroup(t)
}

// TestRunBeginsInTheMiddle has ffmpeg fail in the middle of a group of pictures. None is lost: the next run has those from before, and the
// source recording those that came in between.
func TestRunBeginsInTheMiddle(t *testing.T) {
	b, publisher := encoding(t)
	first, received := b.run, 0
	b.intake.received = func(depay.Frame, time.Time) { received++ }
	publisher.send(b, 30)
	require.NoError(t, b.runEnded(errors.New("signal: killed"))) // which it has not: it ends with what it has been given
	require.Nil(t, b.run)
	publisher.send(b, 10)

	require.NoError(t, b.tickRun(time.Now().Add(time.Second)))
	second := b.run
	require.True(t, second.works())
	require.Same(t, first.intake, second.intake)
	require.Nil(t, second.earlier, "ffmpeg has them")
	publisher.send(b, 50)
	b.intake.Tick(publisher.began.Add(4 * time.Second)) // the newest picture has ended
	require.Equal(t, 90, received)
	video := b.intake.Stats().Video
	require.EqualValues(t, 90, video.FramesOut)
	require.Zero(t, video.FramesDropped())

	require.GreaterOrEqual(t, second.job.Stats().Video.In, uint64(50))
	b.finish(nil, false)
}

// TestPassOnFromTheMiddle has a run that may pass video on begin at once with a key frame that has just come. Later in its group it waits for
// another, but not for long: then it encodes, and the publisher is not blamed.
func TestPassOnFromTheMiddle(t *testing.T) {
	for name, test := range map[string]struct {
		pictures  int
		within    time.Duration
		passesOn  bool
		waitsLong bool
	}{
		"just begun":         {pictures: 4, within: freshWithin, passesOn: true},
		"long ago":           {pictures: 30, within: freshWithin, waitsLong: true},
		"and not been shown": {pictures: 30, within: unseenWithin, passesOn: true},
	} {
		t.Run(name, func(t *testing.T) {
			b, publisher := encoding(t)
			publisher.send(b, test.pictures)
			b.endRun(nil)
			r, err := newRun(b.runOptions())
			require.NoError(t, err)
			b.run = r
			r.waitForEntry(test.within)
			require.Equal(t, test.waitsLong, r.waits)
			publisher.send(b, 10)
			r.tick(r.began.Add(answerWithin + 1))
			require.False(t, r.waits)
			require.Equal(t, test.passesOn, r.passthrough)
			require.Empty(t, b.passthrough.refusal)
			b.finish(nil, false)
		})
	}
}

// TestCarriesOn lists which runs go on with the intake of the one before.
func TestCarriesOn(t *testing.T) {
	group := gop{frames: []depay.Frame{{Key: true}}}
	sets := [][]byte{{0x67}}
	h264 := runOptions{video: depay.H264, audio: depay.Opus, parameterSets: sets}
	intakeOf := func(change func(*intake)) *intake {
		in := &intake{video: depay.H264, audio: depay.Opus, parameterSets: sets, gop: group}
		change(in)
		return in
	}
	for name, test := range map[string]struct {
		intake   *intake
		failures int
		options  runOptions
		want     bool
	}{
		"the same tracks":           {intakeOf(func(*intake) {}), 1, h264, true},
		"ffmpeg has failed of them": {intakeOf(func(*intake) {}), 2, h264, false},
		"the first run":             {nil, 0, h264, false},
		"no picture has come":       {intakeOf(func(in *intake) { in.gop = gop{} }), 0, h264, false},
		"another codec":             {intakeOf(func(in *intake) { in.video = depay.VP8 }), 0, h264, false},
		"no sound before":           {intakeOf(func(in *intake) { in.audio = 0 }), 0, h264, false},
		"layers before":             {intakeOf(func(in *intake) { in.layers = 1 }), 0, h264, false},
		"layers from now on":        {intakeOf(func(*intake) {}), 0, runOptions{video: depay.H264, audio: depay.Opus, parameterSets: sets, simulcast: &media.Track{}}, false},
		"other parameter sets":      {intakeOf(func(*intake) {}), 0, runOptions{video: depay.H264, audio: depay.Opus}, false},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, test.want, (&Broadcast{intake: test.intake, failures: test.failures}).carriesOn(test.options))
		})
	}
}

// TestGOP keeps what a decoder needs that comes later, within bounds.
func TestGOP(t *testing.T) {
	key, picture := depay.Frame{Codec: depay.H264, Key: true, Data: make([]byte, 100)}, depay.Frame{Codec: depay.H264, Data: make([]byte, 10)}
	black, repeat := key, picture
	black.Filler, repeat.Filler = true, true
	large, late := picture, picture
	large.Data = make([]byte, maxGOPBytes-99)
	late.PTS = int64(freshWithin/time.Millisecond) * ticksPerMS
	many := make([]depay.Frame, 0, transcode.MaxEarlier)
	many = append(many, key)
	for range transcode.MaxEarlier - 1 {
		many = append(many, picture)
	}
	for name, test := range map[string]struct {
		added   []depay.Frame
		want    int
		givenUp uint64
		fresh   bool
	}{
		"before a key frame":  {[]depay.Frame{picture}, 0, 0, false},
		"since the newest":    {[]depay.Frame{key, picture, picture, key, picture}, 2, 0, true},
		"with repeats":        {[]depay.Frame{key, repeat, picture, repeat}, 2, 0, true},
		"black":               {[]depay.Frame{key, picture, black}, 1, 0, false},
		"not new any more":    {[]depay.Frame{key, late}, 2, 0, false},
		"as many as may be":   {many, transcode.MaxEarlier, 0, true},
		"too many":            {append(many, picture, picture), 0, 1, false},
		"too large":           {[]depay.Frame{key, large, picture}, 0, 1, false},
		"another after those": {append(many, picture, key), 1, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			var g gop
			for _, f := range test.added {
				g.add(f)
			}
			require.Len(t, g.frames, test.want)
			require.Equal(t, test.givenUp, g.givenUp)
			require.Equal(t, test.fresh, g.begunWithin(freshWithin))
		})
	}
}

// TestNextKeyFrame waits longer for the next key frame of a publisher that has them often.
func TestNextKeyFrame(t *testing.T) {
	key := func(at time.Duration, filler bool) depay.Frame {
		return depay.Frame{Codec: depay.H264, Key: true, Filler: filler, PTS: at.Milliseconds() * ticksPerMS}
	}
	for name, test := range map[string]struct {
		keys []depay.Frame
		want time.Duration
	}{
		"none":               {nil, answerWithin},
		"one":                {[]depay.Frame{key(0, false)}, answerWithin},
		"often":              {[]depay.Frame{key(0, false), key(9*time.Second, false), key(11*time.Second, false)}, keyFrameWithin},
		"seldom":             {[]depay.Frame{key(0, false), key(time.Second, false), key(9*time.Second, false)}, answerWithin},
		"after a slate":      {[]depay.Frame{key(0, true), key(time.Second, false)}, answerWithin},
		"a slate after that": {[]depay.Frame{key(0, false), key(time.Second, true)}, answerWithin},
	} {
		t.Run(name, func(t *testing.T) {
			var g gop
			for _, f := range test.keys {
				g.add(f)
			}
			require.Equal(t, test.want, g.nextWithin())
		})
	}
}

func BenchmarkGOP(b *testing.B) {
	var g gop
	data := []byte{1}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		g.add(depay.Frame{Codec: depay.H264, Key: i%250 == 0, Data: data})
	}
}
