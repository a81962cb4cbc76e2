package egress

import (
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"
	"github.com/sluice-live/sluice/depay/vp9"
	"github.com/sluice-live/sluice/ingest/internal/mediatest"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/stretchr/testify/require"
)

// recorded reads what Chromium has sent as VP9 with the scalability mode L3T3_KEY, each packet behind its length.
func recorded(t *testing.T) (packets []*rtp.Packet) {
	t.Helper()
	file, err := os.ReadFile("testdata/vp9-l3t3-key.rtp")
	require.NoError(t, err)
	for len(file) > 0 {
		n := binary.BigEndian.Uint16(file)
		p := &rtp.Packet{}
		require.NoError(t, p.Unmarshal(file[2:2+n]))
		packets, file = append(packets, p), file[2+n:]
	}
	return packets
}

// decoded returns the sizes of the pictures that a decoder shows of what has been sent, the same ones once. It fails where the decoder complains.
func decoded(t *testing.T, decoder string, sent []rtp.Packet) (sizes []string, pictures int) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "sent.ivf")
	little := binary.LittleEndian
	written := append([]byte("DKIF\x00\x00\x20\x00VP90\xc0\x03\xd0\x02"), 0x90, 0x5f, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // IVF: 960x720, in 1/90000 s
	var refs vp9.References
	var frames [][]byte // of a picture, one for each spatial layer
	for _, p := range sent {
		var d vp9.Descriptor
		n, err := d.Unmarshal(p.Payload)
		require.NoError(t, err)
		if d.Begin {
			frames = append(frames, nil)
		}
		frames[len(frames)-1] = append(frames[len(frames)-1], p.Payload[n:]...)
		if p.Marker {
			picture := superframe(t, &refs, frames)
			written = little.AppendUint64(little.AppendUint32(written, uint32(len(picture))), uint64(p.Timestamp-sent[0].Timestamp))
			written, frames = append(written, picture...), nil
		}
	}
	require.NoError(t, os.WriteFile(file, written, 0o600))
	ffmpeg := exec.CommandContext(t.Context(), "ffmpeg", "-nostdin", "-loglevel", "level+info", "-c:v", decoder, "-f", "ivf", "-i", file, "-vf", "showinfo", "-f", "null", "-")
	out, err := ffmpeg.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "[error]")
	for _, shown := range regexp.MustCompile(` n: *\d.* s:(\d+x\d+)`).FindAllStringSubmatch(string(out), -1) {
		sizes = append(sizes, shown[1])
	}
	pictures = len(sizes)
	return slices.Compact(sizes), pictures
}

// superframe makes a picture of frames, of which the last is shown.
func superframe(t *testing.T, refs *vp9.References, frames [][]byte) (picture []byte) {
	t.Helper()
	var sizes []int
	for i, frame := range frames {
		h, err := vp9.ParseHeader(frame)
		require.NoError(t, err)
		size, known := refs.Size(h)
		require.True(t, known)
		before := len(picture)
		if i < len(frames)-1 {
			h.Show = false
			picture, err = vp9.AppendHidden(picture, frame, size)
			require.NoError(t, err)
		} else {
			picture = append(picture, frame...)
		}
		refs.Follow(h)
		sizes = append(sizes, len(picture)-before)
	}
	if len(frames) > 1 {
		picture = vp9.AppendIndex(picture, sizes)
	}
	return picture
}

// What is left of a real picture in spatial layers, after any of them has been left out, is decoded by two decoders without a complaint, in the size
// of the highest layer that is sent; so is what changes in between.
func TestSpatialLayersAreDecoded(t *testing.T) {
	packets := recorded(t)
	for _, tt := range []struct {
		name        string
		first, then extent // wanted; then from half of the packets on
		sizes       []string
	}{
		{"all", whole, whole, []string{"960x720"}},
		{"two", extent{1, allTemporal}, extent{1, allTemporal}, []string{"480x360"}},
		{"one", extent{0, allTemporal}, extent{0, allTemporal}, []string{"240x180"}},
		{"one, with fewer pictures", extent{0, 1}, extent{0, 0}, []string{"240x180"}},
		{"down", whole, extent{0, allTemporal}, []string{"960x720", "240x180"}},
		{"up", extent{0, allTemporal}, extent{1, allTemporal}, []string{"240x180", "480x360"}},
		{"up to all", extent{0, 1}, whole, []string{"240x180", "960x720"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, w := sentAs(t, webrtc.MimeTypeVP9, 8)
			track := media.NewTrack(media.KindVideo, mediatest.Format(webrtc.MimeTypeVP9), media.NewPacketPool())
			o.attach(track, time.Now())
			o.thinner.want(tt.first)
			for i, packet := range packets {
				if i == len(packets)/4 {
					o.thinner.want(tt.then)
				}
				p := track.NewPacket()
				p.Fill(packet.Header, time.Now(), packet.Payload)
				track.Push(p)
				p.Release()
				o.sendAll()
			}
			for _, decoder := range []string{"vp9", "libvpx-vp9"} {
				sizes, pictures := decoded(t, decoder, w.packets)
				require.Equal(t, tt.sizes, sizes, decoder)
				require.Greater(t, pictures, 10)
			}
			o.detach()
			o.sent.release()
		})
	}
}
