package cmaf_test

import (
	"encoding/binary"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
)

func TestParseInitOnEncoder(t *testing.T) {
	dir := encode(t)
	for _, tt := range []struct {
		file string
		want cmaf.Init
	}{
		{"init-0.mp4", cmaf.Init{TrackID: 1, Timescale: 15360, Codec: "avc1.42C00B", Video: true, Width: 160, Height: 90}},
		{"init-1.mp4", cmaf.Init{TrackID: 1, Timescale: 48000, Codec: "mp4a.40.2", SampleRate: 48000, Channels: 2}},
	} {
		t.Run(tt.file, func(t *testing.T) {
			b := read(t, dir, tt.file)
			got, err := cmaf.ParseInit(b)
			require.NoError(t, err)
			tt.want.Brands = []string{"iso6", "iso6", "cmfc", "mp41"}
			tt.want.Defaults.TrackID = 1
			require.Equal(t, tt.want, got)
			require.True(t, got.CMAF())
			requireAsFFprobe(t, filepath.Join(dir, tt.file), got)
		})
	}
}

// requireAsFFprobe compares with what another implementation reads.
func requireAsFFprobe(t *testing.T, name string, got cmaf.Init) {
	t.Helper()
	out, err := exec.Command("ffprobe", "-v", "error", "-show_entries", "stream=codec_tag_string,time_base,width,height,sample_rate,channels", "-of",
		"default=noprint_wrappers=1", name).Output()
	require.NoError(t, err)
	read := map[string]string{}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		read[key] = value
	}
	entry, _, _ := strings.Cut(got.Codec, ".")
	want := map[string]string{"codec_tag_string": entry, "time_base": fmt.Sprint("1/", got.Timescale)}
	if got.Video {
		want["width"], want["height"] = strconv.Itoa(got.Width), strconv.Itoa(got.Height)
	} else {
		want["sample_rate"], want["channels"] = strconv.Itoa(got.SampleRate), strconv.Itoa(got.Channels)
	}
	require.Equal(t, want, read)
}

// initSegment makes an init segment with the given sample entries.
func initSegment(entries ...[]byte) []byte {
	stsd := bx("stsd", words(0, uint32(len(entries))), slices.Concat(entries...))
	mdia := bx("mdia", bx("mdhd", words(0, 0, 0, 48000, 0, 0)), bx("minf", bx("stbl", stsd)))
	return slices.Concat(bx("ftyp", []byte("iso6"), words(512), []byte("iso6cmf2")),
		bx("moov", bx("trak", bx("tkhd", words(0, 0, 0, 3), make([]byte, 68)), mdia), bx("mvex", bx("trex", words(0, 3, 1, 1024, 9, 0x10000)))))
}

func mp4a(esds ...byte) []byte {
	fixed := make([]byte, 28)
	fixed[17] = 6
	binary.BigEndian.PutUint32(fixed[24:], 44100<<16)
	return bx("mp4a", fixed, bx("esds", words(0), esds))
}

// avc1 is a sample entry whose avcC begins with those bytes: version, profile, constraints and level. Lengths of four bytes follow, and no
// parameter sets.
func avc1(kind string, avcC ...byte) []byte {
	return visual(kind, "avcC", append(avcC, 0xff, 0xe0, 0)...)
}

// visual is a sample entry of pictures with the box that says how they are coded.
func visual(kind, box string, config ...byte) []byte {
	fixed := make([]byte, 78)
	fixed[24], fixed[25], fixed[27] = 5, 0, 200
	return bx(kind, fixed, bx(box, config))
}

func esds(object byte, config ...byte) []byte {
	decoder := slices.Concat([]byte{4, byte(15 + len(config)), object}, make([]byte, 12), []byte{5, byte(len(config))}, config)
	return slices.Concat([]byte{3, byte(3 + len(decoder)), 0, 0, 0}, decoder)
}

func TestParseInit(t *testing.T) {
	tests := []struct {
		name    string
		entries [][]byte
		codec   string
	}{
		{"AVC", [][]byte{avc1("avc1", 1, 0x4d, 0x40, 0x1f)}, "avc1.4D401F"},
		{"AVC with parameter sets in the stream", [][]byte{avc1("avc3", 1, 100, 0, 40)}, "avc3.640028"},
		{"HEVC", [][]byte{visual("hvc1", "hvcC", hvcC(0x01, 0x60, 0x90, 93)...)}, "hvc1.1.6.L93.90"},
		{"HEVC of 10 bits, high tier, without constraints", [][]byte{visual("hvc1", "hvcC", hvcC(0x22, 0x20, 0, 123)...)}, "hvc1.2.4.H123.0"},
		{"HEVC with parameter sets in the stream", [][]byte{visual("hev1", "hvcC", hvcC(0x01, 0x60, 0xb0, 63)...)}, "hev1.1.6.L63.B0"},
		{"VP9", [][]byte{visual("vp09", "vpcC", 1, 0, 0, 0, 0, 31, 0x82, 2, 2, 2, 0, 0)}, "vp09.00.31.08"},
		{"VP9 of 10 bits", [][]byte{visual("vp09", "vpcC", 1, 0, 0, 0, 2, 41, 0xa3, 9, 16, 9, 0, 0)}, "vp09.02.41.10"},
		{"AV1", [][]byte{visual("av01", "av1C", 0x81, 0x05, 0x0c, 0)}, "av01.0.05M.08"},
		{"AV1 of 10 bits, high tier", [][]byte{visual("av01", "av1C", 0x81, 0x2d, 0xc0, 0)}, "av01.1.13H.10"},
		{"AV1 of 12 bits", [][]byte{visual("av01", "av1C", 0x81, 0x40, 0x60, 0)}, "av01.2.00M.12"},
		{"AAC-LC", [][]byte{mp4a(esds(0x40, 0x11, 0x90)...)}, "mp4a.40.2"},
		{"HE-AAC", [][]byte{mp4a(esds(0x40, 0x2b, 0x92)...)}, "mp4a.40.5"},
		{"USAC, an escaped object type", [][]byte{mp4a(esds(0x40, 0xf9, 0x40)...)}, "mp4a.40.42"},
		{"long descriptor lengths", [][]byte{mp4a(append([]byte{3, 0x80, 0x80, 0x80, 29, 0, 0, 0xe0, 0, 0, 1, 'u', 0, 0},
			append([]byte{4, 0x80, 17, 0x40}, append(make([]byte, 12), 5, 2, 0x11, 0x90)...)...)...)}, "mp4a.40.2"},
		{"an unknown entry first", [][]byte{bx("wvtt", make([]byte, 8)), avc1("avc1", 1, 0x42, 0xc0, 0x1e)}, "avc1.42C01E"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := cmaf.ParseInit(initSegment(tt.entries...))
			require.NoError(t, err)
			require.Equal(t, tt.codec, got.Codec)
			require.Equal(t, cmaf.Defaults{TrackID: 3, Duration: 1024, Size: 9, Flags: 0x10000}, got.Defaults)
			if got.Video {
				require.Equal(t, []int{1280, 200}, []int{got.Width, got.Height})
			} else {
				require.Equal(t, []int{44100, 6}, []int{got.SampleRate, got.Channels})
			}
		})
	}
}

// hvcC is a decoder configuration of HEVC without parameter sets (ISO/IEC 14496-15 §8.3.3.1.2): profile space, tier and profile, the first
// byte of the compatibility flags, that of the constraints, and the level.
func hvcC(profile, compatible, constraints, level byte) []byte {
	return []byte{1, profile, compatible, 0, 0, 0, constraints, 0, 0, 0, 0, 0, level, 0xf0, 0, 0xfc, 0xfd, 0xf8, 0xf8, 0, 0, 0x0f, 0}
}

func TestParseInitRefuses(t *testing.T) {
	aac := mp4a(esds(0x40, 0x11, 0x90)...)
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"nothing", nil, "not exactly one track"},
		{"too much", make([]byte, cmaf.MaxInit+1), "init segment of 65537 bytes: more than 65536"},
		{"two tracks", append(initSegment(aac), initSegment(aac)...), "not exactly one track"},
		{"no codec", initSegment(), "no sample entry of a known codec"},
		{"no time scale", bx("moov", bx("trak")), "no time scale"},
		{"a short avcC", initSegment(visual("avc1", "avcC", 1, 2, 3)), "decode avcC pos 290: data too short"},
		{"a short vpcC", initSegment(visual("vp09", "vpcC", 1, 0, 0, 0, 0, 31)), "decode vpcC pos 290: box too short"},
		{"a short av1C", initSegment(visual("av01", "av1C", 0x81, 0x05)), "decode av1C pos 290: av1C: data size 2 is too small"},
		{"VP9 without a vpcC", initSegment(visual("vp09", "avcX", 1, 2, 3, 4)), "no sample entry of a known codec"},
		{"a short visual entry", initSegment(bx("avc1")), "decode avc1 pos 204: read too far"},
		{"a short audio entry", initSegment(bx("mp4a")), "decode stsd pos 188: non-matching children box sizes"},
		{"AAC without a configuration", initSegment(mp4a(esds(0x40)...)), "no audio configuration"},
		{"two movies in one file", append(initSegment(aac), bx("moov")...), "not exactly one track"},
		{"MP3", initSegment(mp4a(esds(0x6b, 0, 0)...)), "not MPEG-4 audio: object type 0x6b"},
		{"an esds of other descriptors", initSegment(mp4a(6, 1, 2)), "got tag 6 instead of ESDescriptorTag"},
		{"a truncated moov", initSegment(aac)[:100], "size does not fit"},
		{"a short stsd", bx("moov", bx("trak", bx("mdia", bx("minf", bx("stbl", bx("stsd")))))), "decode stsd pos 40: non-matching children box sizes"},
		{"a crooked ftyp", bx("ftyp", []byte("iso6")), "shorter than its fields"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := cmaf.ParseInit(tt.file)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func FuzzParseInit(f *testing.F) {
	dir := encode(f)
	f.Add(read(f, dir, "init-0.mp4"))
	f.Add(read(f, dir, "init-1.mp4"))
	f.Add(initSegment(mp4a(esds(0x40, 0xf9, 0x40)...)))
	f.Add(initSegment(visual("vp09", "vpcC", 1, 0, 0, 0, 0, 31, 0x82, 2, 2, 2, 0, 0)))
	f.Add(initSegment(visual("hvc1", "hvcC", hvcC(0x01, 0x60, 0x90, 93)...)))
	f.Add(initSegment(visual("av01", "av1C", 0x81, 0x05, 0x0c, 0)))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := cmaf.ParseInit(b)
		if err == nil {
			require.NotZero(t, got.Timescale)
			require.NotEmpty(t, got.Codec)
		}
	})
}

func BenchmarkParseInit(b *testing.B) {
	file := initSegment(avc1("avc1", 1, 0x4d, 0x40, 0x1f))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cmaf.ParseInit(file); err != nil {
			b.Fatal(err)
		}
	}
}
