package service

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/broadcast"
)

// streamOfFaces is a broadcast that ends, or gives its transform up.
type streamOfFaces struct {
	ended  bool
	status broadcast.Status
}

func (s *streamOfFaces) Ended() bool               { return s.ended }
func (s *streamOfFaces) Status() *broadcast.Status { return &s.status }

func TestFacesAreSearchedForInSoManyStreams(t *testing.T) {
	s := searches{most: 2, held: map[searched]bool{}}
	a, b, c := &streamOfFaces{}, &streamOfFaces{}, &streamOfFaces{}
	require.True(t, s.take(a))
	require.True(t, s.take(a), "again")
	require.True(t, s.take(b))
	require.False(t, s.take(c))
	s.giveBack(a)
	require.True(t, s.take(c))
	require.False(t, s.take(a))
	b.ended = true
	require.True(t, s.take(a), "in place of one that has ended")
	require.False(t, s.take(b))
	c.status.WhyNoneMade = "ffmpeg has failed"
	require.True(t, s.take(b), "in place of one that has given up")
}
