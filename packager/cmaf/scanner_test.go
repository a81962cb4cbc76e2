package cmaf_test

import (
	"bytes"
	"errors"
	"io"
	"path/filepath"
	"slices"
	"testing"

	"github.com/Eyevinn/mp4ff/mp4"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/packager/cmaf"
)

func scan(b []byte, defaults cmaf.Defaults) ([]cmaf.Fragment, *cmaf.Scanner, error) {
	s := cmaf.NewScanner(defaults)
	f, err := s.Scan(bytes.NewReader(b), int64(len(b)), nil)
	return f, s, err
}

func TestScannerOnEncoder(t *testing.T) {
	dir := encode(t)
	for _, representation := range []string{"0", "1"} {
		initSegment := read(t, dir, "init-"+representation+".mp4")
		track, err := cmaf.ParseInit(initSegment)
		require.NoError(t, err)
		var next uint64
		for i, segment := range segments(t, dir, representation) {
			got, s, err := scan(segment, track.Defaults)
			require.NoError(t, err)
			require.Equal(t, independent(t, initSegment, segment), got, "representation %s, segment %d", representation, i+1)
			require.Equal(t, int64(len(segment)), s.Offset())
			require.True(t, got[0].Key)
			for _, f := range got {
				require.True(t, f.HasProducerTime)
				require.Equal(t, next, f.DecodeTime, "decode times go on without a hole")
				next = f.End()
			}
		}
	}
}

// independent reads a segment's fragments with another implementation.
func independent(t *testing.T, initSegment, segment []byte) []cmaf.Fragment {
	t.Helper()
	head, err := mp4.DecodeFile(bytes.NewReader(initSegment))
	require.NoError(t, err)
	trex := head.Init.Moov.Mvex.Trex
	body, err := mp4.DecodeFile(bytes.NewReader(segment))
	require.NoError(t, err)
	var all []cmaf.Fragment
	var offset int64
	prft := producerTimes(body)
	for _, s := range body.Segments {
		for _, f := range s.Fragments {
			end := int64(f.Mdat.StartPos + f.Mdat.Size())
			samples, err := f.GetFullSamples(trex)
			require.NoError(t, err)
			var duration uint64
			for _, sample := range samples {
				duration += uint64(sample.Dur)
			}
			all = append(all, cmaf.Fragment{
				Offset: offset, Size: end - offset, Moof: int64(f.Moof.StartPos) - offset, DecodeTime: f.Moof.Traf.Tfdt.BaseMediaDecodeTime(), Duration: duration,
				Sequence: f.Moof.Mfhd.SequenceNumber, Samples: len(samples), CompositionOffset: samples[0].CompositionTimeOffset,
				Key: samples[0].IsSync(), HasProducerTime: prft[len(all)],
			})
			offset = end
		}
	}
	return all
}

// producerTimes says of each moof whether the box before it is a prft.
func producerTimes(f *mp4.File) []bool {
	var all []bool
	for i, box := range f.Children {
		if box.Type() == "moof" {
			all = append(all, i > 0 && f.Children[i-1].Type() == "prft")
		}
	}
	return all
}

func TestScannerFollowsGrowth(t *testing.T) {
	file := slices.Concat(bx("styp", []byte("msdh....")), bx("prft", make([]byte, 24)), fragment(nil), fragment(nil), bx("prft", make([]byte, 24)), fragment(nil))
	want, _, err := scan(file, cmaf.Defaults{})
	require.NoError(t, err)
	require.Len(t, want, 3)
	for _, step := range []int{1, 7, 64} {
		s := cmaf.NewScanner(cmaf.Defaults{})
		var got []cmaf.Fragment
		for size := 0; size < len(file)+step; size += step {
			known := file[:min(size, len(file))]
			before := len(got)
			got, err = s.Scan(bytes.NewReader(known), int64(len(known)), got)
			require.NoError(t, err)
			if len(got) > before {
				require.Equal(t, got[len(got)-1].Offset+got[len(got)-1].Size, s.Offset())
			}
			require.LessOrEqual(t, s.Offset(), int64(len(known)))
		}
		require.Equal(t, want, got, "steps of %d bytes", step)
	}
	require.Equal(t, []bool{true, false, true}, []bool{want[0].HasProducerTime, want[1].HasProducerTime, want[2].HasProducerTime})
}

// Decode times count from the scanner's origin, before which none may be.
func TestScannerCountsFromItsOrigin(t *testing.T) {
	file := fragment(nil)
	s := cmaf.NewScannerFrom(cmaf.Defaults{}, 4000)
	for range 2 { // the next file is of the same track
		got, err := s.Scan(bytes.NewReader(file), int64(len(file)), nil)
		require.NoError(t, err)
		require.EqualValues(t, 1000, got[0].DecodeTime)
		require.EqualValues(t, 1200, got[0].End())
		s.Reset()
	}
	_, err := cmaf.NewScannerFrom(cmaf.Defaults{}, 5001).Scan(bytes.NewReader(file), int64(len(file)), nil)
	require.ErrorContains(t, err, "time is before the epoch's first")
}

func TestScannerReadsFragments(t *testing.T) {
	tests := []struct {
		name     string
		defaults cmaf.Defaults
		edit     func(*parts)
		want     cmaf.Fragment
	}{
		{"as the encoder writes it", cmaf.Defaults{}, nil,
			cmaf.Fragment{DecodeTime: 5000, Duration: 200, Sequence: 7, Samples: 2, Key: true}},
		{"tfdt of 32 bits", cmaf.Defaults{}, func(p *parts) { p.tfdt = bx("tfdt", words(0, 6000)) },
			cmaf.Fragment{DecodeTime: 6000, Duration: 200, Sequence: 7, Samples: 2, Key: true}},
		{"everything from trex", cmaf.Defaults{TrackID: 1, Duration: 50, Size: 15, Flags: 0x10000}, func(p *parts) {
			p.tfhd = bx("tfhd", words(0x020000, 1))
			p.trun = [][]byte{bx("trun", words(1, 2, 0))}
		}, cmaf.Fragment{DecodeTime: 5000, Duration: 100, Sequence: 7, Samples: 2}},
		{"everything per sample", cmaf.Defaults{}, func(p *parts) {
			p.trun = [][]byte{bx("trun", words(0x01000f01, 2, 0, 11, 10, 0, 0xffffffff, 22, 20, 0x10000, 5))}
		}, cmaf.Fragment{DecodeTime: 5000, Duration: 33, Sequence: 7, Samples: 2, Key: true, CompositionOffset: -1}},
		{"a key frame that is not the first", cmaf.Defaults{}, func(p *parts) {
			p.trun = [][]byte{bx("trun", words(0x000601, 2, 0, 10, 0x10000, 20, 0))}
		}, cmaf.Fragment{DecodeTime: 5000, Duration: 200, Sequence: 7, Samples: 2}},
		{"two runs", cmaf.Defaults{}, func(p *parts) { p.trun = [][]byte{run(1, 10), bx("trun", words(0x200, 1, 20))} },
			cmaf.Fragment{DecodeTime: 5000, Duration: 200, Sequence: 7, Samples: 2, Key: true}},
		{"unknown boxes", cmaf.Defaults{}, func(p *parts) { p.extra = bx("free", make([]byte, 9)) },
			cmaf.Fragment{DecodeTime: 5000, Duration: 200, Sequence: 7, Samples: 2, Key: true}},
		{"no samples", cmaf.Defaults{}, func(p *parts) { p.trun = nil },
			cmaf.Fragment{DecodeTime: 5000, Sequence: 7}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := fragment(tt.edit)
			got, _, err := scan(file, tt.defaults)
			require.NoError(t, err)
			tt.want.Size = int64(len(file))
			require.Equal(t, []cmaf.Fragment{tt.want}, got)
		})
	}
}

func TestScannerRefuses(t *testing.T) {
	edited := func(edit func(*parts)) []byte { return fragment(edit) }
	tests := []struct {
		name string
		file []byte
		want string
	}{
		{"a size below the header", words(7, 0x6d6f6f66), `box "moof" at 0: size does not fit: 7 bytes`},
		{"a box to the end of the file", words(0, 0x6d646174), `box "mdat" at 0: size does not fit: 0 bytes`},
		{"a moof beyond the bound", words(cmaf.MaxMoof+1, 0x6d6f6f66), `box "moof" at 0: size does not fit: 262145 bytes`},
		{"another box beyond the bound", words(cmaf.MaxOther+1, 0x66726565), `box "free" at 0: size does not fit: 65537 bytes`},
		{"an mdat beyond all", words(1, 0x6d646174, 0xffffffff, 0), `box "mdat" at 0: size does not fit: -4294967296 bytes`},
		{"an mdat of its own", bx("mdat"), `box "mdat" at 0: no moof before it`},
		{"a moof of its own", slices.Concat(moof(nil), bx("styp")), `box "styp" at 108: follows a moof that has no mdat`},
		{"samples beyond the mdat", slices.Concat(moof(nil), bx("mdat", make([]byte, 29))), `box "mdat" at 108: samples outside of it`},
		{"samples before the mdat", edited(func(p *parts) { p.trun = [][]byte{bx("trun", words(0x201, 1, 4, 1))} }), `box "mdat" at 100: samples outside of it`},
		{"no traf", slices.Concat(bx("moof"), bx("mdat")), `box "moof" at 0: not exactly one traf`},
		{"two trafs", edited(func(p *parts) { p.extra = bx("traf") }), `box "moof" at 0: box "traf" at 108: not exactly one traf`},
		{"no tfdt", edited(func(p *parts) { p.tfdt = nil }), `box "moof" at 0: box "traf" at 24: no tfdt`},
		{"no tfhd", edited(func(p *parts) { p.tfhd = nil }), `box "moof" at 0: box "traf" at 24: box "trun" at 52: no tfhd before it`},
		{"a base offset", edited(func(p *parts) { p.tfhd = bx("tfhd", words(0x000001, 1, 0, 0)) }), `box "moof" at 0: box "traf" at 24: box "tfhd" at 32: default-base-is-moof is not set`},
		{"a short tfhd", edited(func(p *parts) { p.tfhd = bx("tfhd", words(0x020038, 1)) }), `box "moof" at 0: box "traf" at 24: box "tfhd" at 32: shorter than its fields`},
		{"a time beyond 2^53", edited(func(p *parts) { p.tfdt = bx("tfdt", words(0x01000000, 0x200000, 1)) }), `box "moof" at 0: box "traf" at 24: box "tfdt" at 56: time is beyond 2^53`},
		{"more samples than its bytes", edited(func(p *parts) { p.trun = [][]byte{run(3, 10, 20)} }), `box "moof" at 0: box "traf" at 24: box "trun" at 76: shorter than its fields`},
		{"too many samples", edited(func(p *parts) { p.trun = [][]byte{bx("trun", words(1, 0xffffffff, 100))} }), `box "moof" at 0: box "traf" at 24: box "trun" at 76: too many samples`},
		{"no data offset", edited(func(p *parts) { p.trun = [][]byte{bx("trun", words(0, 1))} }), `box "moof" at 0: box "traf" at 24: box "trun" at 76: no data offset`},
		{"a box longer than its parent", edited(func(p *parts) { p.mfhd = append(words(400), "mfhd"...) }), `box "moof" at 0: box "mfhd" at 8: size does not fit`},
		{"bytes left over", edited(func(p *parts) { p.extra = []byte{1, 2} }), `box "moof" at 0: box at 108: shorter than its fields`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, s, err := scan(tt.file, cmaf.Defaults{})
			require.EqualError(t, err, tt.want)
			require.Empty(t, got)
			require.Zero(t, s.Offset())
		})
	}
	_, _, err := scan(fragment(nil), cmaf.Defaults{TrackID: 2})
	require.ErrorContains(t, err, "another track")
}

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errors.New("disk on fire") }

func TestScannerReportsReadErrors(t *testing.T) {
	s := cmaf.NewScanner(cmaf.Defaults{})
	_, err := s.Scan(broken{}, 100, nil)
	require.ErrorContains(t, err, "disk on fire")
	_, err = s.Scan(bytes.NewReader([]byte("short")), 100, nil)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestScannerKeepsWhatWasWhole(t *testing.T) {
	file := append(fragment(nil), bx("mdat")...)
	s := cmaf.NewScanner(cmaf.Defaults{})
	got, err := s.Scan(bytes.NewReader(file), int64(len(file)), nil)
	require.Error(t, err)
	require.Len(t, got, 1)
	require.Equal(t, got[0].Size, s.Offset(), "a cut here leaves a valid file")
	s.Reset()
	got, err = s.Scan(bytes.NewReader(file[:s.Offset()+got[0].Size]), got[0].Size, nil)
	require.NoError(t, err)
	require.Len(t, got, 1)
}

func FuzzScanner(f *testing.F) {
	f.Add(fragment(nil), 50)
	f.Add(slices.Concat(bx("styp"), bx("prft"), fragment(nil), moof(nil)), 9)
	dir := encode(f)
	f.Add(read(f, filepath.Join(dir, "seg-1-00001.m4s")), 1000)
	f.Add(words(1, 0x6d646174, 0x7fffffff, 0xffffffff), 16)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		whole, s, err := scan(b, cmaf.Defaults{})
		at := int64(0)
		for _, f := range whole {
			require.Equal(t, at, f.Offset)
			at += f.Size
		}
		require.Equal(t, at, s.Offset())
		require.LessOrEqual(t, at, int64(len(b)))
		// What is found does not depend on how the file grew.
		s = cmaf.NewScanner(cmaf.Defaults{})
		first, err1 := s.Scan(bytes.NewReader(b), int64(min(max(cut, 0), len(b))), nil)
		if err1 == nil {
			var err2 error
			first, err2 = s.Scan(bytes.NewReader(b), int64(len(b)), first)
			require.Equal(t, err == nil, err2 == nil)
		}
		if err1 == nil || err != nil {
			require.Equal(t, whole, first)
		}
	})
}

func BenchmarkScanner(b *testing.B) {
	dir := encode(b)
	track, err := cmaf.ParseInit(read(b, dir, "init-0.mp4"))
	require.NoError(b, err)
	file := read(b, dir, "seg-0-00001.m4s")
	r := bytes.NewReader(file)
	s := cmaf.NewScanner(track.Defaults)
	found, err := s.Scan(r, r.Size(), nil)
	require.NoError(b, err)
	ends := make([]int64, len(found))
	for i, f := range found {
		ends[i] = f.Offset + f.Size
	}
	b.ReportAllocs()
	for b.Loop() {
		s.Reset()
		for _, end := range ends { // one call per write of the encoder
			if found, err = s.Scan(r, end, found[:0]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(ends)), "ns/fragment")
}
