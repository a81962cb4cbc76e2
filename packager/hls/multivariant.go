package hls

import (
	"math"
	"strconv"
)

// MultivariantPlaylist is the list of renditions that players open first (rfc8216bis §4.4.6).
type MultivariantPlaylist struct {
	Audio    []Audio
	Variants []Variant // best first: players without an estimate start with the first
}

// Audio is an audio rendition of its own: EXT-X-MEDIA with TYPE=AUDIO (rfc8216bis §4.4.6.1).
type Audio struct {
	Group    string // GROUP-ID, which variants refer to
	Name     string // for people
	Language string // RFC 5646; "und" when it is not known
	Channels int
	URI      string // of its media playlist
	Default  bool   // DEFAULT and AUTOSELECT
}

// Variant is one choice of renditions: EXT-X-STREAM-INF (rfc8216bis §4.4.6.2).
type Variant struct {
	URI string // of its media playlist, one line
	// Bandwidth is the largest and AverageBandwidth the mean rate of any segment with its audio, bits a second. An average of
	// 0 is not written.
	Bandwidth, AverageBandwidth int64
	Codecs                      string  // RFC 6381, comma separated, audio included
	Width, Height               int     // pixels; 0 for audio only
	FrameRate                   float64 // Hz, written with three decimals; 0 for audio only
	Audio                       string  // GROUP-ID of its audio; empty when it has none apart
	Score                       int     // how much it is to be preferred to others of a lower one; of all variants or of none
}

// Append appends the playlist's text to dst and returns the extended buffer. The playlist must be valid (see
// [MultivariantPlaylist.Validate]). It has no EXT-X-VERSION, since none of its tags needs more than version 1.
func (p *MultivariantPlaylist) Append(dst []byte) []byte {
	dst = append(dst, "#EXTM3U\n#EXT-X-INDEPENDENT-SEGMENTS\n"...)
	for i := range p.Audio {
		dst = p.Audio[i].append(dst)
	}
	for i := range p.Variants {
		dst = p.Variants[i].append(dst)
	}
	return dst
}

func (a *Audio) append(dst []byte) []byte {
	dst = append(dst, "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="...)
	dst = appendQuoted(dst, a.Group)
	dst = append(dst, ",NAME="...)
	dst = appendQuoted(dst, a.Name)
	dst = append(dst, ",LANGUAGE="...)
	dst = appendQuoted(dst, a.Language)
	if a.Default {
		dst = append(dst, ",DEFAULT=YES,AUTOSELECT=YES"...)
	}
	if a.Channels > 0 {
		dst = append(dst, `,CHANNELS="`...)
		dst = strconv.AppendInt(dst, int64(a.Channels), 10)
		dst = append(dst, '"')
	}
	dst = append(dst, ",URI="...)
	return append(appendQuoted(dst, a.URI), '\n')
}

func (v *Variant) append(dst []byte) []byte {
	dst = append(dst, "#EXT-X-STREAM-INF:BANDWIDTH="...)
	dst = strconv.AppendInt(dst, v.Bandwidth, 10)
	if v.AverageBandwidth > 0 {
		dst = append(dst, ",AVERAGE-BANDWIDTH="...)
		dst = strconv.AppendInt(dst, v.AverageBandwidth, 10)
	}
	dst = append(dst, ",CODECS="...)
	dst = appendQuoted(dst, v.Codecs)
	dst = v.appendPicture(dst)
	if v.Audio != "" {
		dst = append(dst, ",AUDIO="...)
		dst = appendQuoted(dst, v.Audio)
	}
	if v.Score > 0 {
		dst = append(dst, ",SCORE="...)
		dst = strconv.AppendInt(dst, int64(v.Score), 10)
	}
	// Said, so that players do not offer captions that might be inside the video.
	dst = append(dst, ",CLOSED-CAPTIONS=NONE\n"...)
	dst = append(dst, v.URI...)
	return append(dst, '\n')
}

func (v *Variant) appendPicture(dst []byte) []byte {
	if v.Width > 0 {
		dst = append(dst, ",RESOLUTION="...)
		dst = strconv.AppendInt(dst, int64(v.Width), 10)
		dst = append(dst, 'x')
		dst = strconv.AppendInt(dst, int64(v.Height), 10)
	}
	if v.FrameRate > 0 {
		dst = append(dst, ",FRAME-RATE="...)
		thousandths := int64(math.Round(v.FrameRate * 1000))
		dst = strconv.AppendInt(dst, thousandths/1000, 10)
		dst = append(dst, '.')
		dst = appendPadded(dst, thousandths%1000, 3)
	}
	return dst
}
