package ingest

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzAVC(f *testing.F) {
	record := []byte{1, 66, 0xc0, 30, 0xff, 0xe1, 0, 2, 0x67, 66, 1, 0, 1, 0x68}
	f.Add(record, []byte{0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41})
	f.Add(record[:7], []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, record, picture []byte) {
		p, err := parseAVC(record)
		if err != nil {
			return
		}
		require.NotEmpty(t, p.format())
		if out, err := p.annexB(picture); err == nil {
			require.LessOrEqual(t, len(out), 5*len(picture)+len(record)+4*len(p.units))
		}
	})
}
