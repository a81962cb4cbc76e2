package rtmp

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/stretchr/testify/require"
)

// sent makes the chunks of a message: all are shorter than maxOther, and so is the size of chunks that they begin with.
func sent(kind byte, stamp uint32, body ...[]byte) []byte {
	whole := join(body...)
	head := header(0, stamp, len(whole), kind)
	if stamp >= extended {
		head = join(header(0, extended, len(whole), kind), word(stamp))
	}
	return piece(0, 4, head, whole)
}

var (
	largeChunks = sent(typeChunkSize, 0, word(maxOther))
	avcC        = []byte{1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, 1, 0x67, 1, 0, 1, 0x68}
	avcC2       = []byte{1, 0x42, 0xc0, 0x0d, 0xff, 0xe1, 0, 1, 0x67, 1, 0, 1, 0x69}
	aacConfig   = []byte{0x11, 0x90}
)

func avcConfig(b []byte) []byte { return sent(typeVideo, 0, []byte{0x17, 0, 0, 0, 0}, b) }

func avcFrame(stamp uint32, offset byte, data string) []byte {
	return sent(typeVideo, stamp, []byte{0x27, 1, 0, 0, offset}, []byte(data))
}

func aacHead(b []byte) []byte { return sent(typeAudio, 0, []byte{0xaf, 0}, b) }

func aacFrame(stamp uint32, data string) []byte {
	return sent(typeAudio, stamp, []byte{0xaf, 1}, []byte(data))
}

func metadata(entries ...amf0.ObjectEntry) []byte {
	b, _ := amf0.Data{"@setDataFrame", "onMetaData", amf0.ECMAArray(entries)}.Marshal()
	return sent(typeData, 0, b)
}

func calls(name string) []byte {
	b, _ := amf0.Data{name, float64(4), nil, "cam"}.Marshal()
	return sent(typeCommand, 0, b)
}

// played is what a stream is read as.
type played struct {
	tracks []string
	frames []string
	times  []time.Duration
	renew  int
	err    error
	in     *media
}

func playMedia(stream []byte) (p played) {
	p.in = &media{in: newChunkReader(bytes.NewReader(stream)), out: &line{conn: sink{}}}
	p.in.in.media = true
	tracks, err := p.in.Tracks()
	for _, t := range tracks {
		p.tracks = append(p.tracks, t.Codec)
	}
	for err == nil {
		block, next := p.in.Next()
		if err = next; err != nil {
			break
		}
		if block.Private != nil {
			p.renew++
		}
		p.frames, p.times = append(p.frames, string(block.Data)), append(p.times, block.Time)
	}
	p.err = err
	return p
}

type sink struct{}

func (sink) Write(b []byte) (int, error)      { return len(b), nil }
func (sink) SetWriteDeadline(time.Time) error { return nil }

func TestMedia(t *testing.T) {
	ms := time.Millisecond
	codecs := func(video, audio float64) []byte {
		return metadata(amf0.ObjectEntry{Key: "videocodecid", Value: video}, amf0.ObjectEntry{Key: "audiocodecid", Value: audio})
	}
	opusHead, opusFrame := sent(typeAudio, 0, []byte("\x90OpusOpusHead")), sent(typeAudio, 20, []byte("\x91Opuso1"))
	for name, c := range map[string]struct {
		stream []byte
		tracks []string
		frames []string
		times  []time.Duration
	}{
		"both":        {join(avcConfig(avcC), aacHead(aacConfig), avcFrame(0, 0, "v1"), aacFrame(5, "a1"), avcFrame(40, 80, "v2")), []string{codecH264, codecAAC}, []string{"v1", "a1", "v2"}, []time.Duration{0, 5 * ms, 40 * ms}},
		"audio first": {join(aacHead(aacConfig), aacFrame(0, "a1"), aacFrame(20, "a2"), avcConfig(avcC), avcFrame(40, 0, "v1")), []string{codecH264, codecAAC}, []string{"a1", "a2", "v1"}, []time.Duration{0, 20 * ms, 40 * ms}},
		"no audio, as it says": {
			join(metadata(amf0.ObjectEntry{Key: "videocodecid", Value: float64(7)}), avcConfig(avcC), avcFrame(0, 0, "v1"), aacHead(aacConfig), aacFrame(5, "too late")),
			[]string{codecH264}, []string{"v1"}, []time.Duration{0},
		},
		"no audio, as it turns out": {
			join(avcConfig(avcC), avcFrame(0, 0, "v1"), avcFrame(1001, 0, "v2"), aacHead(aacConfig), aacFrame(1002, "too late")), []string{codecH264}, []string{"v1", "v2"}, []time.Duration{0, 1001 * ms},
		},
		"no video": {
			join(metadata(amf0.ObjectEntry{Key: "hasVideo", Value: false}, amf0.ObjectEntry{Key: "hasAudio", Value: true}), aacHead(aacConfig), aacFrame(0, "a1")), []string{codecAAC}, []string{"a1"}, []time.Duration{0},
		},
		"video later than audio, as promised": {
			join(codecs(7, 10), aacHead(aacConfig), aacFrame(0, "a1"), aacFrame(3000, "a2"), avcConfig(avcC), avcFrame(3000, 0, "v1")), []string{codecH264, codecAAC}, []string{"a1", "a2", "v1"}, []time.Duration{0, 3 * time.Second, 3 * time.Second},
		},
		"time stamps that wrap": {
			join(avcConfig(avcC), aacHead(aacConfig), avcFrame(1<<32-20, 0, "v1"), aacFrame(10, "a1"), avcFrame(1<<32-5, 0, "v2")), []string{codecH264, codecAAC}, []string{"v1", "a1", "v2"}, []time.Duration{0, 30 * ms, 15 * ms},
		},
		"a picture before its configuration": {join(aacHead(aacConfig), avcFrame(0, 0, "v1"), avcConfig(avcC), avcFrame(40, 0, "v2")), []string{codecH264, codecAAC}, []string{"v2"}, []time.Duration{0}},
		"Enhanced H.264 and Opus": {
			join(sent(typeVideo, 0, []byte("\x90avc1"), avcC), opusHead, sent(typeVideo, 10, []byte("\x91avc1\x00\x00\x05v1")), opusFrame, sent(typeVideo, 30, []byte("\xa3avc1v2"))),
			[]string{codecH264, codecOpus}, []string{"v1", "o1", "v2"}, []time.Duration{0, 10 * ms, 20 * ms},
		},
		"AV1, modified":          {join(sent(typeVideo, 0, []byte("\x90av01\x81")), opusHead, sent(typeVideo, 0, []byte("\x97\x02\x00\x00\x01\x01av01v1"))), []string{codecAV1, codecOpus}, []string{"v1"}, []time.Duration{0}},
		"VP9":                    {join(opusHead, sent(typeVideo, 0, []byte("\x91vp09v1"))), []string{codecVP9, codecOpus}, []string{"v1"}, []time.Duration{0}},
		"an empty configuration": {join(avcConfig(nil), aacHead(nil), avcConfig(avcC), aacHead(aacConfig), avcFrame(0, 0, "v1")), []string{codecH264, codecAAC}, []string{"v1"}, []time.Duration{0}},
		"ends":                   {join(avcConfig(avcC), aacHead(aacConfig), avcFrame(0, 0, "v1"), calls("FCPublish"), calls("deleteStream"), avcFrame(40, 0, "v2")), []string{codecH264, codecAAC}, []string{"v1"}, []time.Duration{0}},
		"cut off":                {join(avcConfig(avcC), aacHead(aacConfig), avcFrame(0, 0, "v1"), avcFrame(40, 0, "v2")[:15]), []string{codecH264, codecAAC}, []string{"v1"}, []time.Duration{0}},
	} {
		t.Run(name, func(t *testing.T) {
			p := playMedia(join(largeChunks, c.stream))
			require.ErrorIs(t, p.err, io.EOF)
			require.Equal(t, c.tracks, p.tracks)
			require.Equal(t, c.frames, p.frames)
			require.Equal(t, c.times, p.times)
			require.Zero(t, p.in.Damaged())
		})
	}
}

// Another configuration holds from the next picture on; the same one again says nothing.
func TestMediaRenewed(t *testing.T) {
	p := playMedia(join(largeChunks, avcConfig(avcC), aacHead(aacConfig), avcFrame(0, 0, "v1"), avcConfig(avcC), avcFrame(40, 0, "v2"), avcConfig(avcC2), aacFrame(60, "a"), avcFrame(80, 0, "v3"), avcFrame(120, 0, "v4")))
	require.ErrorIs(t, p.err, io.EOF)
	require.Equal(t, []string{"v1", "v2", "a", "v3", "v4"}, p.frames)
	require.Equal(t, 1, p.renew)
}

// What comes before all tracks are known is counted with what it takes itself, however short, and forgotten when it is passed on.
func TestMediaWaits(t *testing.T) {
	const count = maxPending/blockBytes + 1
	in := &media{in: newChunkReader(bytes.NewReader(join(largeChunks, avcConfig(avcC), bytes.Repeat(avcFrame(0, 0, "v"), count)))), out: &line{conn: sink{}}}
	tracks, err := in.Tracks()
	require.NoError(t, err)
	require.Len(t, tracks, 1)
	require.GreaterOrEqual(t, in.Held(), maxPending)
	first := &in.pending[0]
	_, err = in.Next()
	require.NoError(t, err)
	require.Nil(t, first.Data)
}

// What is not taken is refused with what to send instead, and what is damaged is passed over.
func TestMediaRefused(t *testing.T) {
	both := join(largeChunks, avcConfig(avcC), aacHead(aacConfig))
	for name, c := range map[string]struct {
		stream []byte
		want   string
	}{
		"HEVC":                      {join(largeChunks, sent(typeVideo, 0, []byte("\x90hvc1"))), "HEVC (H.265): set the encoder to H.264 without B-frames"},
		"HEVC of old encoders":      {join(largeChunks, sent(typeVideo, 0, []byte{0x1c, 0, 0, 0, 0})), "HEVC (H.265): set"},
		"MP3":                       {join(largeChunks, sent(typeAudio, 0, []byte{0x2f, 1})), "MP3: set the encoder to AAC"},
		"multitrack":                {join(largeChunks, sent(typeVideo, 0, []byte("\x96\x00avc1"))), "multitrack"},
		"a codec that nobody knows": {join(largeChunks, sent(typeVideo, 0, []byte("\x90xyz1"))), `"xyz1"`},
		"another codec":             {join(both, sent(typeVideo, 0, []byte("\x90av01"))), "has changed from"},
		"AAC of another format":     {join(both, aacHead([]byte{0x12, 0x10})), "format of its AAC"},
	} {
		t.Run(name, func(t *testing.T) { require.ErrorContains(t, playMedia(c.stream).err, c.want) })
	}
	p := playMedia(join(both, sent(typeVideo, 0, []byte{0x17}), sent(typeAudio, 0, []byte{0xaf}), sent(typeAudio, 0, []byte{0x90, 'O'}), sent(typeVideo, 0, []byte{0x97, 9}), sent(typeVideo, 0, []byte{0x57, 0}), avcFrame(0, 0, "v")))
	require.Equal(t, []string{"v"}, p.frames)
	require.EqualValues(t, 4, p.in.Damaged())
}

// Whatever comes is read within bounds, or refused.
func FuzzMedia(f *testing.F) {
	f.Add(join(largeChunks, avcConfig(avcC), aacHead(aacConfig), avcFrame(0, 0, "v1"), aacFrame(5, "a1"), calls("deleteStream")))
	f.Add(join(largeChunks, metadata(amf0.ObjectEntry{Key: "videocodecid", Value: "avc1"}), sent(typeVideo, 0, []byte("\x97\xff\x00\x00\x00\x01av01v1"))))
	f.Fuzz(func(t *testing.T, stream []byte) {
		p := playMedia(stream)
		if p.err == nil {
			t.Fatal("it has no end")
		}
		if held := p.in.Held(); held > maxHeld+2*maxPending {
			t.Fatalf("%d bytes are held", held)
		}
		for _, frame := range p.frames {
			if frame == "" {
				t.Fatal("an empty frame")
			}
		}
	})
}

// What a client says before it publishes is answered or refused, whatever it is.
func FuzzGreet(f *testing.F) {
	connect, _ := amf0.Data{"connect", float64(1), amf0.Object{{Key: "app", Value: "live"}}}.Marshal()
	publish, _ := amf0.Data{"publish", float64(5), nil, "cam?key=abc", "live"}.Marshal()
	f.Add(join(sent(typeCommand, 0, connect), sent(typeCommand, 0, publish)))
	f.Fuzz(func(t *testing.T, commands []byte) {
		in := newChunkReader(bytes.NewReader(join([]byte{3}, make([]byte, 2*1536), commands)))
		stream, _, err := greet(in, &line{conn: sink{}})
		if err != nil && stream != "" {
			t.Fatal("a stream, and an error")
		}
	})
}
