package ivf

import (
	"encoding/binary"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// memory is a File.
type memory []byte

func (m *memory) ReadAt(b []byte, at int64) (int, error) {
	if at >= int64(len(*m)) {
		return 0, io.EOF
	}
	n := copy(b, (*m)[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(b []byte, at int64) (int, error) {
	if at+int64(len(b)) > int64(len(*m)) {
		return 0, io.ErrShortWrite
	}
	return copy((*m)[at:], b), nil
}

func (m *memory) Truncate(size int64) error {
	*m = (*m)[:size]
	return nil
}

func (m *memory) Write(b []byte) (int, error) {
	*m = append(*m, b...)
	return len(b), nil
}

func (m *memory) length() uint32 { return binary.LittleEndian.Uint32((*m)[lengthOffset:]) }

func TestWriteDuration(t *testing.T) {
	for _, c := range []struct {
		name string
		pts  []int64
		want uint32
	}{
		{"one frame", []int64{0}, 0},
		{"the last frame is as long as the one before", []int64{0, 3000, 6003}, 9006},
		{"one frame that is late", []int64{90000}, 90000},
		{"a file that begins late", []int64{90000, 93000}, 96000},
		{"time that steps back", []int64{3000, 2000}, 2000},
		{"beyond 32 bits", []int64{0, 1 << 32}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var written memory
			w := NewWriter(&written, header)
			for _, pts := range c.pts {
				require.NoError(t, w.WriteFrame(pts, []byte{1}))
			}
			require.NoError(t, w.WriteDuration(&written))
			require.Equal(t, c.want, written.length())
			binary.LittleEndian.PutUint32(written[lengthOffset:], 7)
			require.NoError(t, Repair(&written, int64(len(written))))
			require.Equal(t, c.want, written.length(), "after a repair")
		})
	}
	require.NoError(t, NewWriter(nil, header).WriteDuration(nil), "nothing has been written yet")
}

func TestRepairCutsTornFrame(t *testing.T) {
	var whole memory
	w := NewWriter(&whole, header)
	var sizes []int
	for i := range int64(4) {
		require.NoError(t, w.WriteFrame(i*3000, make([]byte, 50)))
		sizes = append(sizes, len(whole))
	}
	for n := sizes[0]; n <= sizes[3]; n++ {
		frames := 1
		for frames < 4 && sizes[frames] <= n {
			frames++
		}
		torn := append(memory(nil), whole[:n]...)
		require.NoError(t, Repair(&torn, int64(n)))
		require.Len(t, torn, sizes[frames-1], "of %d bytes", n)
		want := uint32(frames) * 3000
		if frames == 1 {
			want = 0
		}
		require.Equal(t, want, torn.length(), "of %d bytes", n)
	}
	headless := append(memory(nil), whole[:31]...)
	require.ErrorIs(t, Repair(&headless, 31), ErrInvalid)
}

// ffprobe takes the duration from the header, and finds nothing wrong with what is left of a torn file.
func TestFFprobeReadsRepaired(t *testing.T) {
	name := filepath.Join(t.TempDir(), "torn.ivf")
	file, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	require.NoError(t, err)
	defer file.Close()
	w := NewWriter(file, header)
	for i := range int64(60) {
		require.NoError(t, w.WriteFrame(i*3000, []byte{0x11, 2, 3}))
	}
	_, err = file.Write([]byte{200, 0, 0, 0, 1})
	require.NoError(t, err)
	info, err := file.Stat()
	require.NoError(t, err)
	require.NoError(t, Repair(file, info.Size()))
	out, err := exec.Command("ffprobe", "-v", "warning", "-count_packets", "-show_entries", "stream=codec_name,width,height,time_base,nb_read_packets:format=duration", "-of", "csv=p=0", name).CombinedOutput()
	require.NoError(t, err, "ffprobe (install it with apt-get install ffmpeg): %s", out)
	require.Equal(t, "vp8,640,360,1/90000,60\n2.000000", strings.TrimSpace(string(out)))
}

func FuzzRepair(f *testing.F) {
	var b memory
	w := NewWriter(&b, header)
	for i := range 3 {
		if err := w.WriteFrame(int64(i), make([]byte, i*10)); err != nil {
			f.Fatal(err)
		}
	}
	f.Add([]byte(b))
	f.Add([]byte(b[:60]))
	f.Fuzz(func(t *testing.T, file []byte) {
		m := append(memory(nil), file...)
		if Repair(&m, int64(len(m))) != nil {
			return
		}
		size := len(m)
		require.NoError(t, Repair(&m, int64(size)))
		require.Len(t, m, size, "nothing is left to cut")
	})
}
