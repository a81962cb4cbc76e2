package timeline

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzMediaFile(f *testing.F) {
	f.Add("180p-12.m4s")
	f.Add("180p-12.3.m4s")
	f.Add("180p-init.mp4")
	f.Add("../x-1.m4s")
	f.Fuzz(func(t *testing.T, name string) {
		m, ok := ParseMediaFile(name)
		if !ok {
			return
		}
		require.Equal(t, name, filepath.Base(name))
		switch {
		case m.MSN < 0:
			require.Equal(t, name, InitName(m.Rendition))
		case m.Part >= 0:
			require.Equal(t, name, PartName(m.Rendition, m.MSN, m.Part))
		default:
			require.Equal(t, name, SegmentName(m.Rendition, m.MSN))
		}
	})
}
