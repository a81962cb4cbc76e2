package h264

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/Eyevinn/mp4ff/avc"
	"github.com/stretchr/testify/require"
)

func TestAppendSample(t *testing.T) {
	for _, c := range []struct{ name, stream, want string }{
		{"nothing", "", ""},
		{"no start code", "\x65\x88", "\x00\x00\x00\x02\x65\x88"},
		{"start codes of three and four bytes", "\x00\x00\x00\x01\x67\x42\x00\x00\x01\x65\x88", "\x00\x00\x00\x02\x67\x42\x00\x00\x00\x02\x65\x88"},
		{"zeros after a unit", "\x00\x00\x01\x67\x42\x00\x00\x00\x00\x00\x01\x65\x88\x00\x00", "\x00\x00\x00\x02\x67\x42\x00\x00\x00\x02\x65\x88"},
		{"empty units", "\x00\x00\x01\x00\x00\x01\x65\x00\x00\x01", "\x00\x00\x00\x01\x65"},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, "before"+c.want, string(AppendSample([]byte("before"), []byte(c.stream))))
		})
	}
}

// configs are key frames in Annex B, with the parameter sets that they make a configuration of.
func configs() map[string]struct {
	keyFrame []byte
	sps, pps [][]byte
} {
	type config = struct {
		keyFrame []byte
		sps, pps [][]byte
	}
	all := map[string]config{}
	for name, change := range map[string]func(*SPS){
		"Baseline": func(*SPS) {},
		"High":     func(s *SPS) { s.Profile = ProfileHigh },
		"4:2:2 of 10 bits": func(s *SPS) {
			s.Profile, s.ChromaFormat, s.BitDepthLuma, s.BitDepthChroma = 122, 2, 10, 9
		},
	} {
		first, second := AppendSPS(nil, sps(change)), AppendSPS(nil, sps(func(s *SPS) { change(s); s.ID = 1 }))
		picture := AppendPPS(nil, plainPPS)
		c := config{sps: [][]byte{first, second}, pps: [][]byte{picture}}
		for _, nal := range [][]byte{first, picture, second, first, {0x65, 0x88}} { // one is there twice
			c.keyFrame = append(AppendStartCode(c.keyFrame), nal...)
		}
		all[name] = c
	}
	return all
}

func TestConfig(t *testing.T) {
	for name, c := range configs() {
		t.Run(name, func(t *testing.T) {
			config, err := NewConfig(c.keyFrame)
			require.NoError(t, err)
			require.Equal(t, [2][][]byte{c.sps, c.pps}, [2][][]byte{config.SPS, config.PPS})
			record, err := config.Append(nil)
			require.NoError(t, err)
			parsed, err := ParseConfig(record)
			require.NoError(t, err)
			require.Equal(t, config, parsed)

			stream, err := parsed.AppendAnnexB(nil, AppendSample(nil, []byte("\x00\x00\x01\x06\x05\x00\x00\x01\x65\x88\x00\x00\x01\x65\x44")))
			require.NoError(t, err)
			var nals [][]byte
			for nal := range Units(stream) {
				nals = append(nals, nal)
			}
			require.Equal(t, [][]byte{{0x06, 0x05}, c.sps[0], c.sps[1], c.pps[0], {0x65, 0x88}, {0x65, 0x44}}, nals)
		})
	}
}

func TestConfigCutShort(t *testing.T) {
	for name, c := range configs() {
		config, err := NewConfig(c.keyFrame)
		require.NoError(t, err)
		config.Profile = ProfileBaseline // nothing comes after the parameter sets
		record, err := config.Append(nil)
		require.NoError(t, err)
		for n := range record {
			_, err := ParseConfig(record[:n])
			require.ErrorIs(t, err, ErrTruncated, "%s, %d bytes", name, n)
		}
		record[0] = 2
		_, err = ParseConfig(record)
		require.ErrorIs(t, err, ErrInvalid, name)
	}
	c := Config{LengthSize: 2}
	for _, sample := range []string{"\x00", "\x00\x02\x41", "\x00\x01\x41\x01"} {
		_, err := c.AppendAnnexB(nil, []byte(sample))
		require.ErrorIs(t, err, ErrTruncated)
	}
}

// mp4ff has the same opinion of parameter sets and of the record that is made of them.
func TestMP4FFAgrees(t *testing.T) {
	for name, c := range configs() {
		t.Run(name, func(t *testing.T) {
			known, err := avc.ParseSPSNALUnit(c.sps[0], true)
			require.NoError(t, err)
			s, err := ParseSPS(c.sps[0])
			require.NoError(t, err)
			require.EqualValues(t, [3]uint32{known.Profile, known.ProfileCompatibility, known.Level}, [3]uint32{uint32(s.Profile), uint32(s.Constraints), uint32(s.Level)})
			require.Equal(t, [2]uint{known.Width, known.Height}, [2]uint{uint(s.Width), uint(s.Height)})
			require.Equal(t, known.ChromaFormatIDC, s.ChromaFormat)
			require.Equal(t, [2]uint{known.BitDepthLumaMinus8, known.BitDepthChromaMinus8}, [2]uint{uint(s.BitDepthLuma) - 8, uint(s.BitDepthChroma) - 8})
			require.EqualValues(t, known.Log2MaxFrameNumMinus4, s.FrameNumBits-4)
			require.EqualValues(t, known.Log2MaxPicOrderCntLsbMinus4, s.POCBits-4)
			require.Equal(t, known.FrameMbsOnlyFlag, s.Progressive)
			require.Equal(t, strings.ToLower(avc.CodecString("avc1", known)), s.Codec()) // RFC 6381 §3.3: in either case

			pictures, err := avc.ParsePPSNALUnit(c.pps[0], map[uint32]*avc.SPS{0: known})
			require.NoError(t, err)
			p, err := ParsePPS(c.pps[0])
			require.NoError(t, err)
			require.EqualValues(t, [2]uint32{pictures.PicParameterSetID, pictures.SeqParameterSetID}, [2]uint32{uint32(p.ID), uint32(p.SPS)})
			require.EqualValues(t, pictures.NumRefIdxI0DefaultActiveMinus1, p.RefIndices-1)
			require.EqualValues(t, pictures.PicInitQpMinus26, p.InitQP-26)
			require.Equal(t, pictures.DeblockingFilterControlPresentFlag, p.Deblocking)

			config, err := NewConfig(c.keyFrame)
			require.NoError(t, err)
			record, err := config.Append(nil)
			require.NoError(t, err)
			read, err := avc.DecodeAVCDecConfRec(record)
			require.NoError(t, err)
			require.Equal(t, [2][][]byte{read.SPSnalus, read.PPSnalus}, [2][][]byte{config.SPS, config.PPS})
			require.Equal(t, [3]byte{read.AVCProfileIndication, read.ProfileCompatibility, read.AVCLevelIndication},
				[3]byte{config.Profile, config.Constraints, config.Level})
			if s.Profile >= ProfileHigh {
				require.Equal(t, [3]byte{read.ChromaFormat, read.BitDepthLumaMinus1, read.BitDepthChromaMinus1},
					[3]byte{s.ChromaFormat, s.BitDepthLuma - 8, s.BitDepthChroma - 8})
			}
			var written bytes.Buffer
			require.NoError(t, read.Encode(&written))
			require.Equal(t, record, written.Bytes())
		})
	}
}

// What is stored of a byte stream are its NAL units, none of which has a start code inside or is empty.
func FuzzAppendSample(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x67\x64\x00\x1f\xac\x00\x00\x00\x01\x68\xee\x00\x00\x01\x65\x88\x00"))
	f.Add([]byte("\x65\x00\x00\x03\x00\x00\x00\x01"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		stored := AppendSample(nil, stream)
		require.LessOrEqual(t, len(stored), 2*len(stream)+4)
		for len(stored) > 0 {
			n := binary.BigEndian.Uint32(stored)
			unit := stored[4 : 4+n]
			require.NotEmpty(t, unit)
			require.NotContains(t, string(unit), "\x00\x00\x01")
			require.Contains(t, string(stream), string(unit))
			stored = stored[4+n:]
		}
	})
}

func FuzzConfig(f *testing.F) {
	record := []byte{1, 66, 0xc0, 30, 0xff, 0xe1, 0, 2, 0x67, 66, 1, 0, 1, 0x68}
	f.Add(record, []byte{0, 0, 0, 2, 0x65, 1, 0, 0, 0, 1, 0x41})
	f.Add(record[:7], []byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, record, sample []byte) {
		if key, err := NewConfig(record); err == nil {
			_, _ = key.Append(nil)
		}
		c, err := ParseConfig(record)
		if err != nil {
			return
		}
		if out, err := c.AppendAnnexB(nil, sample); err == nil {
			require.LessOrEqual(t, len(out), 5*len(sample)+len(record)+4*(len(c.SPS)+len(c.PPS)))
		}
	})
}

func BenchmarkAppendSample(b *testing.B) {
	unit := append([]byte("\x00\x00\x00\x01\x65"), bytes.Repeat([]byte{0xaa}, 10_000)...)
	buf := make([]byte, 0, 1<<15)
	b.SetBytes(int64(len(unit)))
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendSample(buf[:0], unit)
	}
}
