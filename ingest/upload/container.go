package upload

import (
	"bufio"
	"io"

	"github.com/sluice-live/sluice/ingest/mp4"
	"github.com/sluice-live/sluice/ingest/webm"
)

// Container is media that is read as it comes; its tracks and frames have the names of WebM.
type Container interface {
	// Tracks are all that there are, once they are known.
	Tracks() ([]webm.Track, error)
	// Next waits for the next frame; io.EOF is the regular end.
	Next() (webm.Block, error)
	// Resume goes on after a hole in the bytes.
	Resume()
	// Damaged counts the frames that were passed over.
	Damaged() uint64
	// Held is how many bytes it keeps.
	Held() int
}

// openContainer finds out by its bytes what a recording is: MP4 if it begins with a box that MP4 begins with (ISO/IEC 14496-12 §4.3), else
// WebM, whose reader says what is wrong.
func openContainer(bytes io.Reader) Container {
	const head = 8 // size and type of a box
	buffered := bufio.NewReader(bytes)
	b, _ := buffered.Peek(head) // the error comes again
	if len(b) == head {
		switch string(b[4:]) {
		case "ftyp", "styp", "moov", "moof", "mdat", "free", "skip", "wide", "sidx":
			return &mp4Recording{mp4.NewReader(buffered)}
		}
	}
	return webm.NewReader(buffered)
}

// mp4Recording gives the tracks of MP4 the names of WebM.
type mp4Recording struct{ *mp4.Reader }

// codecName is that of RFC 9559 §27.4 for a sample entry.
func codecName(entry string) string {
	switch entry {
	case "avc1", "avc3":
		return "V_MPEG4/ISO/AVC"
	case "hvc1", "hev1":
		return "V_MPEGH/ISO/HEVC"
	case "vp08":
		return "V_VP8"
	case "vp09":
		return "V_VP9"
	case "av01":
		return "V_AV1"
	case "Opus":
		return "A_OPUS"
	case "mp4a":
		return "A_AAC"
	}
	return entry
}

func (m *mp4Recording) Tracks() ([]webm.Track, error) {
	found, err := m.Reader.Tracks()
	var tracks []webm.Track
	for _, t := range found {
		track := webm.Track{
			Number: uint64(t.ID), Codec: codecName(t.Codec), Private: t.Private, Video: t.Video, Channels: t.Channels, Width: t.Width, Height: t.Height,
			Encoded: t.Codec == "encv" || t.Codec == "enca",
		}
		tracks = append(tracks, track)
	}
	return tracks, err
}

func (m *mp4Recording) Next() (webm.Block, error) {
	s, err := m.Reader.Next()
	return webm.Block{Track: uint64(s.Track), Time: s.Time, Data: s.Data}, err
}
