package mp4

import (
	"bytes"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/mediatest"
)

var errHole = errors.New("a piece is lost")

func drain(t *testing.T, r *Reader) (all []got, err error) {
	t.Helper()
	for {
		s, err := r.Next()
		if err != nil {
			_, again := r.Next()
			require.Equal(t, err, again, "the error stays")
			return all, err
		}
		all = append(all, got{s.Track, int(s.Time.Microseconds()), string(s.Data)})
	}
}

func readAll(t *testing.T, data []byte) ([]got, error) {
	t.Helper()
	return drain(t, NewReader(bytes.NewReader(data)))
}

func TestReader(t *testing.T) {
	for _, source := range []io.Reader{bytes.NewReader(seed()), iotest.OneByteReader(bytes.NewReader(seed()))} {
		r := NewReader(source)
		tracks, err := r.Tracks()
		require.NoError(t, err)
		require.Equal(t, []Track{
			{ID: 1, Codec: "avc1", Private: []byte("avcC's data"), Video: true, Width: 640, Height: 360},
			{ID: 2, Codec: "Opus", Private: make([]byte, 11), Channels: 2},
		}, tracks)
		samples, err := drain(t, r)
		require.Equal(t, io.EOF, err)
		require.Equal(t, seedSamples(), samples)
		require.Zero(t, r.Damaged())
	}
}

// An edit list moves a track by what its encoder has put before it, or by what it begins later, but not by any time.
func TestEditLists(t *testing.T) {
	const aac = 21333 // µs of 1024 samples
	for name, test := range map[string]struct {
		edits []edit
		begin int // µs of the first sample
	}{
		"none":                          {nil, 0},
		"delay of the encoder":          {[]edit{{0, 1024, 1}}, -aac},
		"with its duration":             {[]edit{{60_000, 2048, 1}}, -2 * aac},
		"begins later":                  {[]edit{{500, -1, 1}, {0, 0, 1}}, 500_000},
		"later twice, and a delay":      {[]edit{{500, -1, 1}, {250, -1, 0}, {0, 1024, 1}}, 750_000 - aac},
		"only empty":                    {[]edit{{500, -1, 1}}, 0},
		"the first counts":              {[]edit{{10, 1024, 1}, {10, 4096, 1}}, -aac},
		"most that may be":              {[]edit{{10_000, -1, 1}, {0, 480_000, 1}}, 0},
		"too far into the media":        {[]edit{{0, 480_001, 1}}, 0},
		"too late":                      {[]edit{{10_001, -1, 1}, {0, 0, 1}}, 0},
		"too late together":             {[]edit{{6_000, -1, 1}, {6_000, -1, 1}, {0, 0, 1}}, 0},
		"at another rate":               {[]edit{{0, 1024, 2}}, 0},
		"a time that there is not":      {[]edit{{0, -2, 1}}, 0},
		"more than one can count, late": {[]edit{{1<<32 - 1, -1, 1}, {1<<32 - 1, -1, 1}, {0, 0, 1}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			samples, err := readAll(t, editedSound(test.edits...))
			require.Equal(t, io.EOF, err)
			require.Len(t, samples, 2)
			require.InDelta(t, test.begin, samples[0].at, 1)
			require.InDelta(t, test.begin+aac, samples[1].at, 1)
		})
	}
	damaged := bytes.Replace(editedSound(edit{0, 1024, 1}), []byte("elst\x00\x00\x00\x00\x00\x00\x00\x01"), []byte("elst\x00\x00\x00\x00\x7f\x00\x00\x01"), 1)
	samples, err := readAll(t, damaged)
	require.Equal(t, io.EOF, err)
	require.Zero(t, samples[0].at, "it is ignored")
}

// Of AAC the configuration is taken out of its descriptors, which may be damaged.
func TestConfigurationOfAAC(t *testing.T) {
	movie := func(entry []byte) *Reader {
		return NewReader(bytes.NewReader(box("moov", trak(2, "soun", 48000, entry), box("mvex", trex(2, 1024, 0)))))
	}
	tracks, err := movie(mp4a([]byte{0x11, 0x88})).Tracks()
	require.NoError(t, err)
	require.Equal(t, []Track{{ID: 2, Codec: "mp4a", Private: []byte{0x11, 0x88}, Channels: 2}}, tracks)
	entry := mp4a([]byte{0x11, 0x88})
	for n := len(entry) - 30; n < len(entry); n++ {
		damaged := bytes.Clone(entry)
		damaged[n] ^= 0xff
		_, _ = movie(damaged).Tracks() // which may be an error
	}
}

// Where the samples of a track begin may be told in several ways (ISO/IEC 14496-12 §8.8.7.1).
func TestOffsets(t *testing.T) {
	moof := func(tfhd, trun []byte) []byte {
		return box("moof", box("mfhd", u32(0), u32(1)), box("traf", tfhd, trun))
	}
	plain := box("tfhd", u32(defaultBaseIsMoof), u32(2))
	sizes := join(u32(1), u32(2))
	with := func(flags uint32, more ...[]byte) []byte {
		return box("trun", u32(flags|hasSize), u32(2), join(more...), sizes)
	}
	size := uint32(len(moof(plain, with(hasDataOffset, u32(0))))) + 8
	absolute := func(at uint64) []byte { return box("tfhd", u32(1), u32(2), u64(at)) }
	for name, c := range map[string]struct {
		head    []byte
		damaged uint64
	}{
		"from the moof":        {moof(plain, with(hasDataOffset, u32(size))), 0},
		"from the file":        {moof(absolute(uint64(len(start()))), with(hasDataOffset, u32(size+8))), 0},
		"without an offset":    {moof(absolute(uint64(len(start()))+uint64(size)+4), with(0)), 0},
		"before the media":     {moof(plain, with(hasDataOffset, u32(0))), 2},
		"negative":             {moof(plain, with(hasDataOffset, u32(1<<31))), 2},
		"behind the media":     {moof(plain, with(hasDataOffset, u32(size+2))), 1},
		"nothing where it was": {moof(plain, box("trun", u32(hasDataOffset), u32(2), u32(size))), 2},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(join(start(), c.head, box("mdat", []byte("abb")))))
			samples, err := drain(t, r)
			require.Equal(t, io.EOF, err)
			require.Equal(t, c.damaged, r.Damaged())
			if c.damaged == 0 {
				require.Equal(t, []got{{2, 0, "a"}, {2, 20000, "bb"}}, samples)
			}
		})
	}
}

// A fragment that does not say when it begins follows on the one before; sizes and durations may be the same for all samples.
func TestDefaults(t *testing.T) {
	moof := func(offset uint32) []byte {
		return box("moof", box("mfhd", u32(0), u32(1)), box("traf", box("tfhd", u32(0x10|defaultBaseIsMoof), u32(1), u32(3)),
			box("trun", u32(hasDataOffset|hasComposition), u32(2), u32(offset), u32(0), u32(2000))))
	}
	next := moof(uint32(len(moof(0)) + 8))
	samples, err := readAll(t, join(start(), fragment(run{1, 9000, []string{"a"}}), next, box("mdat", []byte("bbbccc"))))
	require.Equal(t, io.EOF, err)
	require.Equal(t, []got{{1, 100000, "a"}, {1, 133333, "bbb"}, {1, 188888, "ccc"}}, samples)
}

// A live upload must begin before its first fragment is there.
func TestTracksDoesNotWait(t *testing.T) {
	source, upload := io.Pipe()
	go func() { _, _ = upload.Write(start()) }()
	tracks, err := NewReader(source).Tracks()
	require.NoError(t, err)
	require.Len(t, tracks, 2)
}

func TestTruncated(t *testing.T) {
	whole := seed()
	for n := range whole {
		r := NewReader(bytes.NewReader(whole[:n]))
		_, err := r.Tracks()
		require.Equal(t, n >= len(start()), err == nil, "%d bytes: %v", n, err)
		samples, err := drain(t, r)
		require.Equal(t, seedSamples()[:len(samples)], append([]got{}, samples...))
		if err != io.EOF {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
		}
		r = NewReader(io.MultiReader(bytes.NewReader(whole[:n]), iotest.ErrReader(errHole)))
		_, err = drain(t, r)
		require.ErrorIs(t, err, errHole)
	}
}

// Whatever is lost of the first fragment, the second is read.
func TestResume(t *testing.T) {
	whole := seed()
	second := len(whole) - len(fragment(run{1, 6000, []string{"more"}}, run{2, 2880, []string{"s3"}}))
	for from := len(start()); from <= second; from += 3 {
		for to := from; to <= second; to += 5 {
			r := NewReader(io.MultiReader(bytes.NewReader(whole[:from]), &hole{}, bytes.NewReader(whole[to:])))
			before, err := drain(t, r)
			require.ErrorIs(t, err, errHole)
			require.Equal(t, seedSamples()[:len(before)], append([]got{}, before...))
			r.Resume()
			after, err := drain(t, r)
			require.Equal(t, io.EOF, err)
			require.GreaterOrEqual(t, len(after), 2, "%d to %d", from, to)
			require.Equal(t, seedSamples()[len(seedSamples())-2:], after[len(after)-2:])
		}
	}
}

// hole returns an error once.
type hole struct{ told bool }

func (h *hole) Read([]byte) (int, error) {
	if h.told {
		return 0, io.EOF
	}
	h.told = true
	return 0, errHole
}

func TestErrors(t *testing.T) {
	movie := func(parts ...[]byte) []byte { return join(box("ftyp"), box("moov", parts...)) }
	video := trak(1, "vide", 90000, avc1())
	mvex := box("mvex", trex(1, 3000, 0))
	claim := func(kind string, size uint32) []byte { return join(u32(size), []byte(kind)) }
	traf := func(parts ...[]byte) []byte {
		return join(start(), box("moof", box("mfhd", u32(0), u32(1)), box("traf", parts...)))
	}
	tfhd := box("tfhd", u32(defaultBaseIsMoof), u32(1))
	many := make([][]byte, maxTracks+1)
	for i := range many {
		many[i] = trak(uint32(i+1), "vide", 90000, avc1())
	}
	cases := []struct {
		name string
		data []byte
		want string
	}{
		{"media first", join(box("ftyp"), box("mdat", zeros(9))), "not in fragments"},
		{"not in fragments", movie(video), "not in fragments"},
		{"a fragment first", fragment(run{1, 0, []string{"a"}}), "there are no tracks before it"},
		{"another recording", join(seed(), start()), "a second recording begins"},
		{"no tracks", movie(mvex), "none has audio or video"},
		{"other tracks", movie(mvex, trak(1, "text", 1000, box("wvtt", zeros(99)))), "none has audio or video"},
		{"twice the same", movie(mvex, video, video), "two have the number 1"},
		{"many tracks", movie(append(many, mvex)...), "more than 8"},
		{"no scale", movie(mvex, trak(1, "vide", 0, avc1())), "no time scale"},
		{"no codec", movie(mvex, trak(1, "vide", 1, nil)), "no codec"},
		{"a large configuration", movie(mvex, trak(1, "vide", 1, avc1(box("av1C", zeros(maxPrivate+1))))), "more than 65536"},
		{"a large moov", join(box("ftyp"), claim("moov", maxMovie+9)), "more than 1048576"},
		{"a large moof", join(start(), claim("moof", maxHead+9)), "more than 1048576"},
		{"a large fragment", join(start(), fragment(run{1, 0, []string{"a"}})[:len(fragment(run{1, 0, []string{"a"}}))-9], claim("mdat", maxFragment+9)), "more than 8388608"},
		{"a large other box", join(start(), claim("free", maxSkipped+9)), "more than 67108864"},
		{"a huge box", join(start(), u32(1), []byte("free"), u64(1<<63)), "more than 67108864"},
		{"a box without end", join(start(), claim("mdat", 0)), "no end"},
		{"a box smaller than its head", join(start(), claim("free", 7)), "its head alone has 8"},
		{"a box larger than its parent", movie(claim("trak", 99)), "there are 8"},
		{"bytes that are left", movie(mvex, video, zeros(3)), "3 bytes are left"},
		{"a run of too many samples", traf(tfhd, box("trun", u32(hasSize), u32(1<<31))), "trun"},
		{"a run that is too short", traf(tfhd, box("trun", u32(hasSize), u32(3), u32(1))), "trun"},
		{"runs of too many samples", traf(tfhd, bytes.Repeat(box("trun", u32(0), u32(1000)), 21)), "more than 20000 samples"},
		{"late", traf(tfhd, box("tfdt", u32(1<<24), u64(1<<62)), box("trun", u32(0), u32(1))), "too large"},
		{"a short tfhd", traf(box("tfhd", u32(0))), "tfhd"},
		{"a short hdlr", movie(mvex, box("trak", box("mdia", box("hdlr", zeros(3))))), "less than 12"},
		{"a short stsd", movie(mvex, box("trak", box("mdia", box("minf", box("stbl", box("stsd", zeros(3))))))), "less than 8"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			_, err := readAll(t, c.data)
			require.ErrorContains(t, err, "mp4: ")
			require.ErrorContains(t, err, c.want)
		})
	}
}

// A size that is only claimed takes no memory.
func TestMemory(t *testing.T) {
	f := fragment(run{1, 0, []string{"a"}})
	r := NewReader(bytes.NewReader(join(start(), f[:len(f)-9], u32(maxFragment), []byte("mdat"), zeros(99))))
	_, err := r.Next()
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.LessOrEqual(t, r.Held(), minBuffer)
}

// record makes two seconds of 10 pictures a second and sound, in fragments.
func record(t *testing.T, options ...string) []byte {
	t.Helper()
	args := append(strings.Fields("-loglevel error -f lavfi -i testsrc2=size=64x48:rate=10 -f lavfi -i sine=sample_rate=48000 -t 2 -c:v libx264 -preset ultrafast -tune zerolatency -g 10"), options...)
	cmd := exec.Command("ffmpeg", append(args, "-f", "mp4", "-")...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Run(), "ffmpeg (install it with apt-get install ffmpeg): %s", &stderr)
	return stdout.Bytes()
}

func TestFFmpeg(t *testing.T) {
	for name, c := range map[string]struct {
		options string
		codec   string
		sounds  int
		apart   float64 // ms by which the time between two may be off
	}{
		"Opus":                  {"-c:a libopus -movflags +frag_keyframe+empty_moov+default_base_moof", "Opus", 101, 3},
		"AAC":                   {"-c:a aac -movflags +frag_keyframe+empty_moov+default_base_moof", "mp4a", 95, 3},
		"offsets from the file": {"-c:a libopus -movflags +frag_keyframe+empty_moov", "Opus", 101, 3},
		"short fragments":       {"-c:a libopus -movflags +frag_keyframe+empty_moov+default_base_moof -frag_duration 200000", "Opus", 101, 3},
		"B-frames":              {"-preset medium -bf 2 -b_strategy 0 -c:a libopus -movflags +frag_keyframe+empty_moov+default_base_moof", "Opus", 101, 3},
		"B-frames one by one":   {"-preset medium -bf 2 -b_strategy 0 -c:a libopus -movflags +frag_every_frame+empty_moov+default_base_moof", "Opus", 101, 21},
		"CMAF":                  {"-c:a libopus -movflags +cmaf+frag_keyframe+delay_moov", "Opus", 101, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := NewReader(bytes.NewReader(record(t, strings.Fields(c.options)...)))
			tracks, err := r.Tracks()
			require.NoError(t, err)
			require.Len(t, tracks, 2)
			require.Equal(t, "avc1", tracks[0].Codec)
			require.NotEmpty(t, tracks[0].Private)
			require.Equal(t, []int{64, 48}, []int{tracks[0].Width, tracks[0].Height})
			require.Equal(t, c.codec, tracks[1].Codec)
			times := map[uint32][]time.Duration{}
			for {
				s, err := r.Next()
				if err == io.EOF {
					break
				}
				require.NoError(t, err)
				times[s.Track] = append(times[s.Track], s.Time)
			}
			require.Zero(t, r.Damaged())
			require.Len(t, times[1], 20)
			begin := times[1][0] // which has a delay without an edit list where there are B-frames
			require.Equal(t, strings.Contains(name, "B-frames"), begin > 0)
			require.InDelta(t, begin.Milliseconds(), times[2][1].Milliseconds(), 30)
			for i, at := range times[1] {
				require.InDelta(t, i*100, (at - begin).Milliseconds(), 30, "picture %d", i)
			}
			require.InDelta(t, c.sounds, len(times[2]), 2)
			for i := 2; i < len(times[2]); i++ { // ffmpeg may begin with a longer one, and one of those alone may have the time of the next
				require.InDelta(t, 20, (times[2][i] - times[2][i-1]).Milliseconds(), c.apart)
			}
		})
	}
}

func FuzzReader(f *testing.F) {
	f.Add(seed(), uint16(0))
	f.Add(seed(), uint16(len(start())+20))
	f.Add(join(start(), fragment(run{1, 1 << 40, []string{"a"}})), uint16(9))
	f.Add(join(start(), u32(1), []byte("free"), u64(1<<50)), uint16(3))
	f.Add(editedSound(edit{500, -1, 1}, edit{0, 1024, 1}), uint16(0))
	f.Add(join(box("moov", trak(2, "soun", 48000, mp4a([]byte{0x11, 0x88})), box("mvex", trex(2, 1024, 0))), fragment(run{2, 0, []string{"aac"}})), uint16(0))
	f.Fuzz(func(t *testing.T, file []byte, cut uint16) {
		at := min(int(cut), len(file))
		r := NewReader(io.MultiReader(bytes.NewReader(file[:at]), &hole{}, bytes.NewReader(file[at:])))
		_, _ = r.Tracks()
		for range 3 {
			samples := 0
			for {
				s, err := r.Next()
				if err != nil {
					break
				}
				if samples++; len(s.Data) == 0 || len(s.Data) > len(file) || samples > 8*len(file) {
					t.Fatalf("%d samples of %d bytes, this one has %d", samples, len(file), len(s.Data))
				}
			}
			r.Resume()
		}
		if r.Held() > maxFragment || len(r.tracks) > maxTracks || len(r.places) > maxSamples {
			t.Fatal("a limit is passed")
		}
	})
}

func BenchmarkNext(b *testing.B) {
	const picture = 6 << 10
	one := fragment(run{1, 0, []string{strings.Repeat("x", picture)}})
	r := NewReader(io.MultiReader(bytes.NewReader(start()), &mediatest.Endless{Piece: one}))
	b.ReportAllocs()
	b.SetBytes(picture)
	for b.Loop() {
		if _, err := r.Next(); err != nil {
			b.Fatal(err)
		}
	}
}
