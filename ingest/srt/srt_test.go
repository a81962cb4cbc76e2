package srt

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/datarhei/gosrt/packet"
	"github.com/stretchr/testify/require"
)

func TestStreamID(t *testing.T) {
	for id, want := range map[string][]string{
		"cam":                                {"cam", ""},
		"cam?key=a%2Bb/c==":                  {"cam", "a+b/c=="},
		"live/cam?token=abc":                 {"cam", "abc"},
		"publish:cam":                        {"cam", ""},
		"publish:cam:abc":                    {"cam", "abc"},
		"publish:live/cam:me:abc":            {"cam", "abc"},
		"publish:cam?key=abc":                {"cam", "abc"},
		"publish":                            {"", ""},
		"#!::r=cam,m=publish,u=me,s=abc":     {"cam", "abc"},
		"#!::m=publish,r=/live/cam,key=a+b/": {"cam", "a+b/"},
		"#!::r=cam":                          {"cam", ""},
		"#!::":                               {"", ""},
		"":                                   {"", ""},
	} {
		stream, key, err := parseStreamID(id)
		require.NoError(t, err)
		require.Equal(t, want, []string{stream, key}, id)
	}
	for _, id := range []string{"read:cam", "request:cam", "#!::r=cam,m=request"} {
		_, _, err := parseStreamID(id)
		require.ErrorIs(t, err, errPlay, id)
	}
}

func FuzzStreamID(f *testing.F) {
	f.Add("#!::r=cam,m=publish,u=me,s=abc")
	f.Add("publish:cam:me:abc?x")
	f.Fuzz(func(t *testing.T, id string) {
		stream, key, err := parseStreamID(id)
		if err != nil && stream+key != "" || strings.Contains(stream, "/") {
			t.Fatalf("%q and %q of %q", stream, key, id)
		}
	})
}

// program is MPEG-TS of ffmpeg, with numbers of the pictures and of sound.
func program(t testing.TB, options string) []byte {
	t.Helper()
	args := "-loglevel error -f lavfi -i testsrc2=size=64x48:rate=10 -f lavfi -i sine=sample_rate=48000 -t 1 " + options + " -f mpegts -"
	cmd := exec.Command("ffmpeg", strings.Fields(args)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg (install it with apt-get install ffmpeg): %s", &stderr)
	return stdout.Bytes()
}

const video = "-c:v libx264 -preset ultrafast -tune zerolatency -g 10 "

// read reads a whole program.
func read(stream io.Reader) (m *media, tracks []string, times map[uint64][]time.Duration, err error) {
	m, times = newMedia(stream), map[uint64][]time.Duration{}
	found, err := m.Tracks()
	for _, t := range found {
		tracks = append(tracks, t.Codec)
	}
	for err == nil {
		block, next := m.Next()
		if err = next; err == nil {
			times[block.Track] = append(times[block.Track], block.Time)
		}
	}
	return m, tracks, times, err
}

// Pictures come with their parameter sets, sound frame by frame, at times that follow on each other.
func TestMedia(t *testing.T) {
	for name, c := range map[string]struct {
		options string
		tracks  []string
		sounds  int
		frame   time.Duration
	}{
		"AAC":                   {video + "-c:a aac", []string{"V_MPEG4/ISO/AVC", "A_AAC"}, 48, 1024 * time.Second / 48000},
		"pictures out of order": {"-c:v libx264 -preset ultrafast -bf 2 -b_strategy 0 -c:a aac", []string{"V_MPEG4/ISO/AVC", "A_AAC"}, 48, 1024 * time.Second / 48000},
		"Opus":                  {video + "-c:a libopus", []string{"V_MPEG4/ISO/AVC", "A_OPUS"}, 51, 20 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			m, tracks, times, err := read(bytes.NewReader(program(t, c.options)))
			require.ErrorIs(t, err, io.EOF)
			require.Equal(t, c.tracks, tracks)
			require.Len(t, times[1], 10)
			require.InDelta(t, c.sounds, len(times[2]), 2)
			for i := 1; i < 10; i++ {
				require.Equal(t, 100*time.Millisecond, times[1][i]-times[1][i-1])
			}
			for i := 1; i < len(times[2]); i++ {
				require.InDelta(t, c.frame, times[2][i]-times[2][i-1], float64(time.Millisecond))
			}
			require.Zero(t, m.Damaged())
		})
	}
}

// What is not taken is refused with what to send instead.
func TestMediaRefused(t *testing.T) {
	for want, options := range map[string]string{
		"MPEG video: set the encoder to H.264":          "-c:v mpeg2video -c:a aac",
		"MPEG audio (MP2, MP3): set the encoder to AAC": video + "-c:a mp2",
	} {
		_, _, _, err := read(bytes.NewReader(program(t, options)))
		require.ErrorContains(t, err, want)
	}
	_, _, _, err := read(strings.NewReader("this is no MPEG-TS"))
	require.Error(t, err)
}

// Time stamps begin again after 26.5 hours.
func TestTimeStampsWrap(t *testing.T) {
	m := &media{}
	require.Zero(t, m.at(wrap-clockRate))
	require.Equal(t, 2*time.Second, m.at(clockRate))
	require.Equal(t, time.Second, m.at(0), "and back, as pictures and sound do")
}

// Units that never end, and ever new PIDs, are given up.
func TestPacketsAreBounded(t *testing.T) {
	of := func(pid uint16, start byte) []byte {
		return append([]byte{syncByte, start | byte(pid>>8), byte(pid), 0x10}, make([]byte, packetBytes-4)...)
	}
	endless := &packets{in: io.MultiReader(strings.NewReader("junk"), bytes.NewReader(of(256, 0x40)), bytes.NewReader(bytes.Repeat(of(256, 0), maxUnits/packetBytes+1)))}
	_, err := io.Copy(io.Discard, endless)
	require.ErrorContains(t, err, "do not end")
	_, err = io.Copy(io.Discard, &packets{in: bytes.NewReader(bytes.Repeat(of(256, 0x40), maxUnits/packetBytes+1))})
	require.NoError(t, err)
	var many []byte
	for pid := range uint16(maxProgram + 1) {
		many = append(many, of(pid, 0x40)...)
	}
	_, err = io.Copy(io.Discard, &packets{in: bytes.NewReader(many)})
	require.ErrorContains(t, err, "PIDs")
}

// A handshake that gosrt panics of is none.
func TestHandshakeCutShort(t *testing.T) {
	data := append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 49)...)
	data[19], data[23] = 5, 1                   // version 5, with extensions
	copy(data[36:], []byte{255, 255, 255, 255}) // conclusion
	p, err := packet.NewPacketFromData(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}, data)
	require.NoError(t, err)
	request, err := contained(slog.New(slog.DiscardHandler), func() (*int, error) { return new(int), p.UnmarshalCIF(&packet.CIFHandshake{}) })
	require.NoError(t, err)
	require.Nil(t, request)
}

// Whatever comes is read within bounds, or refused.
func FuzzMedia(f *testing.F) {
	f.Add(program(f, video+"-c:a aac -t 0.2")) // two pictures: mutants of ten lead nowhere else and take four times as long
	f.Fuzz(func(t *testing.T, stream []byte) {
		m, _, _, err := read(bytes.NewReader(stream))
		if err == nil || m.Held() > 2*maxUnits {
			t.Fatalf("%d bytes are held: %v", m.Held(), err)
		}
	})
}

// Handshakes are contained; all else gosrt reads in goroutines of its own, where nobody could contain a panic.
func FuzzPackets(f *testing.F) {
	f.Add(append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}, make([]byte, 48)...))
	f.Add(append([]byte{0x80, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 8)...))
	f.Add(append([]byte{0xff, 0xff, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 24)...))
	from := &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := packet.NewPacketFromData(from, data)
		if err != nil {
			return
		}
		_, _ = contained(slog.New(slog.DiscardHandler), func() (any, error) { return nil, p.UnmarshalCIF(&packet.CIFHandshake{}) })
		for _, cif := range []packet.CIF{&packet.CIFACK{}, &packet.CIFNAK{}, &packet.CIFHandshakeExtension{}, &packet.CIFKeyMaterialExtension{}} {
			_ = p.UnmarshalCIF(cif)
		}
		p.Decommission()
	})
}
