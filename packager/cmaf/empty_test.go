package cmaf

import (
	"bytes"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"
)

func TestEmptySegment(t *testing.T) {
	b := EmptySegment(1, 1<<40)
	file, err := mp4.DecodeFile(bytes.NewReader(b))
	require.NoError(t, err)
	require.Len(t, file.Segments, 1)
	require.Equal(t, "msdh", file.Segments[0].Styp.MajorBrand())
	require.Len(t, file.Segments[0].Fragments, 1)
	traf := file.Segments[0].Fragments[0].Moof.Traf
	require.EqualValues(t, 1, traf.Tfhd.TrackID)
	require.True(t, traf.Tfhd.DefaultBaseIfMoof())
	require.EqualValues(t, 1<<40, traf.Tfdt.BaseMediaDecodeTime())
	require.Empty(t, traf.Truns)

	var again bytes.Buffer
	require.NoError(t, file.Encode(&again))
	require.Equal(t, b, again.Bytes())
}
