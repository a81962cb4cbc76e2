package forward

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/timeline"
)

// read reads what is listed by now.
func (s *stage) read(r *reader) (units []unit, err error) {
	err = r.advance(s.newest, func(u unit) error {
		units = append(units, u)
		return nil
	})
	return units, err
}

// requireOrder wants the first unit to be a key frame of pictures, and decode times never to go back.
func requireOrder(t *testing.T, units []unit) {
	t.Helper()
	require.NotEmpty(t, units)
	for i, u := range units[1:] {
		require.GreaterOrEqual(t, u.at, units[i].at)
	}
}

func pictures(units []unit) (all []unit) {
	for _, u := range units {
		if u.format.video {
			all = append(all, u)
		}
	}
	return all
}

// Of the renditions the largest of H.264 is read from the newest key frame on, with its sound, in the order of decoding, to the end.
func TestReader(t *testing.T) {
	s := newStage(t, "180p", "large", "hevc", "audio")
	r := newReader(s.source().Open)
	require.False(t, r.start(s.newest), "there is nothing yet")
	s.add(3)
	require.True(t, r.start(s.newest))
	video, audio := r.formatsAt(s.newest)
	require.Equal(t, []int{96, 64}, []int{video.width, video.height})
	require.Equal(t, []byte{0x11, 0x88}, audio.record[:2], "AAC-LC, 48 kHz, mono")
	s.add(1)
	units, err := s.read(r)
	require.NoError(t, err)
	requireOrder(t, units)
	require.True(t, units[0].key && units[0].format.video)
	require.Equal(t, 2*time.Second, units[0].at)
	require.Len(t, pictures(units), 20)

	s.encode("180p", "audio") // a smaller ladder
	s.add(2)
	units, err = s.read(r)
	require.NoError(t, err)
	requireOrder(t, units)
	require.Equal(t, 64, pictures(units)[len(pictures(units))-1].format.width)
	s.end()
	more, err := s.read(r)
	require.ErrorIs(t, err, io.EOF)
	require.Len(t, pictures(append(units, more...)), 20)
	require.Zero(t, r.dropped)
}

// Whoever is too slow goes on at the newest key frame; what was left out is counted.
func TestReaderFallsBehind(t *testing.T) {
	s := newStage(t, "180p", "audio")
	s.add(2)
	r := newReader(s.source().Open)
	require.True(t, r.start(s.newest))
	_, err := s.read(r)
	require.NoError(t, err)
	s.add(20)
	units, err := s.read(r)
	require.NoError(t, err)
	require.NotZero(t, r.dropped)
	requireOrder(t, units)
	require.True(t, pictures(units)[0].key)
	require.GreaterOrEqual(t, units[0].at, 20*time.Second)
}

// A part that is a gap, or whose file is gone, is left out, and pictures go on with a key frame.
func TestReaderPassesOverHoles(t *testing.T) {
	s := newStage(t, "180p", "audio")
	s.add(1)
	r := newReader(s.source().Open)
	require.True(t, r.start(s.newest))
	s.add(3)
	require.NoError(t, os.Remove(filepath.Join(s.dir, s.newest.Epoch, timeline.SegmentName("180p", s.tracks[0].MSN()-2))))
	units, err := s.read(r)
	require.NoError(t, err)
	require.EqualValues(t, 1, r.dropped)
	require.Len(t, pictures(units), 30)
	requireOrder(t, units)
}

// Gaps of any length at the end, such as of a publisher that is away, are passed over, and the end is reached.
func TestReaderPassesOverGaps(t *testing.T) {
	s := newStage(t, "180p", "audio")
	s.add(1)
	r := newReader(s.source().Open)
	require.True(t, r.start(s.newest))
	s.add(1)
	now := *s.newest
	now.Ended, now.Playlists = true, nil
	for _, of := range s.newest.Playlists {
		p := *of
		p.Growing, p.Ended = nil, false
		last := p.Segments[len(p.Segments)-1]
		for range 12 {
			last.MSN, last.Gap, last.Parts = last.MSN+1, true, nil
			p.Segments = append(p.Segments[:len(p.Segments):len(p.Segments)], last)
		}
		now.Playlists = append(now.Playlists, &p)
	}
	s.newest = &now
	units, err := s.read(r)
	require.ErrorIs(t, err, io.EOF)
	if len(pictures(units)) != 10 {
		t.Fatalf("%d pictures were read, and 10 are after the newest key frame", len(pictures(units)))
	}
}

// A stream of sound alone, and one of pictures alone, are read too.
func TestReaderOfOneMedium(t *testing.T) {
	for _, id := range []string{"audio", "180p"} {
		s := newStage(t, id)
		s.add(1)
		r := newReader(s.source().Open)
		require.True(t, r.start(s.newest))
		s.add(1)
		units, err := s.read(r)
		require.NoError(t, err)
		s.end()
		more, err := s.read(r)
		require.ErrorIs(t, err, io.EOF)
		require.Greater(t, len(units)+len(more), 19)
	}
}

// Sound that is switched on later, and pictures, are taken up.
func TestReaderTakesUpWhatComesLater(t *testing.T) {
	for _, first := range []string{"180p", "audio"} {
		s := newStage(t, first)
		s.add(1)
		r := newReader(s.source().Open)
		require.True(t, r.start(s.newest))
		s.add(1)
		_, err := s.read(r)
		require.NoError(t, err)
		s.encode("180p", "audio")
		s.add(3)
		units, err := s.read(r)
		require.NoError(t, err)
		video := pictures(units)
		require.NotEmpty(t, video, "there were %s", first)
		require.Greater(t, len(units), len(video), "there were %s", first)
	}
}

// However often the encoder is started again, no more is remembered than what is read.
func TestReaderForgetsFormats(t *testing.T) {
	s := newStage(t, "180p")
	s.add(1)
	r := newReader(s.source().Open)
	require.True(t, r.start(s.newest))
	for range maxFormats + 4 {
		s.second = 0
		s.encode("180p")
		s.add(1)
		units, err := s.read(r)
		require.NoError(t, err)
		require.True(t, len(units) >= 10, "the pictures of each")
		require.LessOrEqual(t, len(r.formats), maxFormats)
	}
}

// What the other side refuses to take ends the reading.
func TestReaderStopsWithTheTarget(t *testing.T) {
	s := newStage(t, "180p")
	s.add(1)
	r := newReader(s.source().Open)
	require.True(t, r.start(s.newest))
	s.add(2)
	full := errors.New("full")
	require.ErrorIs(t, r.advance(s.newest, func(unit) error { return full }), full)
}

// A stream of which nothing can be begun with by the time that the target answers is tried again, unless it has ended.
func TestNothingLeft(t *testing.T) {
	require.ErrorIs(t, nothingLeft(&timeline.Snapshot{Ready: true}), errNothing)
	require.NoError(t, nothingLeft(&timeline.Snapshot{Ready: true, Ended: true}))
}
