package transcode

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestJournal(t *testing.T) {
	for _, c := range []struct {
		name   string
		lines  int
		result error
		want   []string
	}{
		{"quiet", 0, nil, []string{"ffmpeg -i pipe:3", "ended\n"}},
		{"says something", 3, errors.New("exit status 1"), []string{"line\n", "ended: exit status 1\n"}},
		{"says too much", 100_000, nil, []string{"lines more, at their end: line | line"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "ffmpeg.log")
			j, err := newJournal(name, []string{"ffmpeg", "-i", "pipe:3"})
			require.NoError(t, err)
			var last tail
			for range c.lines {
				j.add([]byte("line"))
				last.add([]byte("line"))
			}
			j.close(&last, c.result)
			kept, err := os.ReadFile(name)
			require.NoError(t, err)
			require.Less(t, len(kept), maxJournal+2*tailLines*maxLine)
			for _, want := range c.want {
				require.Contains(t, string(kept), want)
			}
			require.True(t, strings.HasPrefix(string(kept), "2"), "every line begins with the time")
		})
	}
}

func TestNoJournal(t *testing.T) {
	j, err := newJournal("", nil)
	require.NoError(t, err)
	j.add([]byte("line"))
	j.close(nil, nil)
	_, err = newJournal(filepath.Join(t.TempDir(), "missing", "ffmpeg.log"), nil)
	require.ErrorContains(t, err, "keep what ffmpeg says")
}
