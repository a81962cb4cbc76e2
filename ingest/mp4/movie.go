package mp4

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/Eyevinn/mp4ff/mp4"
)

// entry is a track in the making, and afterwards what fragments need to know of it.
type entry struct {
	Track
	handler  string // vide or soun
	scale    uint32 // ticks in a second
	defaults *mp4.TrexBox
	next     uint64 // ticks, when the next fragment begins unless it says so
	edits    []mp4.ElstEntry
	skipped  int64         // ticks of the media that come before its beginning
	delay    time.Duration // of its beginning

	begun     bool
	first     int64 // ticks from the decoding of its first sample to its showing
	reordered bool  // it is not sent in the order that it is shown in
}

var errWhole = errors.New("the MP4 is not in fragments: record with MediaRecorder, or with ffmpeg's -movflags +frag_keyframe+empty_moov+default_base_moof")

// readMovie reads the tracks (ISO/IEC 14496-12 §8.2, §8.8.1).
func (r *Reader) readMovie(data []byte) error {
	var all []*entry
	defaults := map[uint32]*mp4.TrexBox{}
	fragmented, scale := false, uint32(0)
	err := walk("moov", data, func(kind string, data []byte) error {
		switch kind {
		case "trak":
			if len(all) == maxTracks {
				return fmt.Errorf("read tracks: there are more than %d", maxTracks)
			}
			t := &entry{}
			all = append(all, t)
			return walk(kind, data, t.readBox)
		case "mvhd":
			scale = movieScale(data)
		case "mvex":
			fragmented = true
			return walk(kind, data, func(kind string, data []byte) error {
				if kind != "trex" {
					return nil
				}
				box, err := decode[*mp4.TrexBox](kind, data, mp4.DecodeTrexSR)
				if err == nil && len(defaults) < maxTracks {
					defaults[box.TrackID] = box
				}
				return err
			})
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case !fragmented:
		return errWhole
	}
	for _, t := range all {
		if err := r.addTrack(t, defaults[t.ID]); err != nil {
			return err
		}
		t.applyEdits(scale)
	}
	if len(r.tracks) == 0 {
		return errors.New("read tracks: none has audio or video")
	}
	r.listed = true
	return nil
}

func (r *Reader) addTrack(t *entry, defaults *mp4.TrexBox) error {
	t.Video = t.handler == "vide"
	switch {
	case !t.Video && t.handler != "soun":
		return nil
	case t.scale == 0 || t.Codec == "":
		return fmt.Errorf("read track %d: it has no time scale or no codec", t.ID)
	case r.track(t.ID) != nil:
		return fmt.Errorf("read tracks: two have the number %d", t.ID)
	}
	if t.defaults = defaults; defaults == nil {
		t.defaults = &mp4.TrexBox{TrackID: t.ID}
	}
	r.entries, r.tracks = append(r.entries, t), append(r.tracks, t.Track)
	return nil
}

// track finds a track by its number.
func (r *Reader) track(id uint32) *entry {
	for _, t := range r.entries {
		if t.ID == id {
			return t
		}
	}
	return nil
}

// readBox reads a box in a trak.
func (t *entry) readBox(kind string, data []byte) error {
	switch kind {
	case "mdia", "minf", "stbl":
		return walk(kind, data, t.readBox)
	case "edts":
		return walk(kind, data, t.readEdits)
	case "tkhd":
		box, err := decode[*mp4.TkhdBox](kind, data, mp4.DecodeTkhdSR)
		if err == nil {
			t.ID = box.TrackID
		}
		return err
	case "mdhd":
		box, err := decode[*mp4.MdhdBox](kind, data, mp4.DecodeMdhdSR)
		if err == nil {
			t.scale = box.Timescale
		}
		return err
	case "hdlr":
		if len(data) < 12 {
			return fmt.Errorf("read box %q of %d bytes: less than 12", kind, len(data))
		}
		t.handler = string(data[8:12])
	case "stsd":
		if len(data) < 8 {
			return fmt.Errorf("read box %q of %d bytes: less than 8", kind, len(data))
		}
		return walk(kind, data[8:], t.readEntry)
	}
	return nil
}

// Bytes of a sample entry before its boxes (ISO/IEC 14496-12 §12.1.3, §12.2.3).
const (
	visualEntry = 78
	audioEntry  = 28
)

// readEntry reads the first sample entry.
func (t *entry) readEntry(kind string, data []byte) error {
	if t.Codec != "" {
		return nil
	}
	t.Codec = kind
	switch {
	case t.handler == "vide" && len(data) >= visualEntry:
		t.Width, t.Height = int(binary.BigEndian.Uint16(data[24:])), int(binary.BigEndian.Uint16(data[26:]))
		return walk(kind, data[visualEntry:], t.readCodec)
	case t.handler == "soun" && len(data) >= audioEntry:
		t.Channels = int(binary.BigEndian.Uint16(data[16:]))
		if data[8]|data[9] != 0 { // a QuickTime sound description, which is longer
			return nil
		}
		return walk(kind, data[audioEntry:], t.readCodec)
	}
	return nil
}

func (t *entry) readCodec(kind string, data []byte) error {
	switch kind {
	case "esds":
		box, err := decode[*mp4.EsdsBox](kind, data, mp4.DecodeEsdsSR)
		if err != nil {
			return err
		}
		if d := box.DecConfigDescriptor; d != nil && d.DecSpecificInfo != nil && len(d.DecSpecificInfo.DecConfig) <= maxPrivate {
			t.Private = bytes.Clone(d.DecSpecificInfo.DecConfig)
		}
	case "avcC", "av1C", "vpcC", "dOps":
		if len(data) > maxPrivate {
			return fmt.Errorf("read box %q of %d bytes: more than %d", kind, len(data), maxPrivate)
		}
		t.Private = bytes.Clone(data)
	}
	return nil
}
