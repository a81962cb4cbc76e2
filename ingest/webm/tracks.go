package webm

import (
	"errors"
	"fmt"
)

// entry is a TrackEntry in the making.
type entry struct {
	Track
	kind uint64 // TrackType
}

// readInfo reads the TimestampScale (RFC 9559 §5.1.2.9).
func (r *Reader) readInfo(info element) error {
	r.scaled = true
	return r.readChildren(info, func(e element) (err error) {
		if e.id != idScale {
			return r.skip(e.size)
		}
		scale, err := r.readNumber(e, defaultScale)
		if err != nil {
			return err
		}
		if scale < 1 || scale > maxScale {
			return fmt.Errorf("read timestamp scale: %d ns is not in 1 to %d", scale, maxScale)
		}
		r.scale = scale
		return nil
	})
}

func (r *Reader) readTracks(tracks element) error {
	err := r.readChildren(tracks, func(e element) error {
		if e.id != idEntry {
			return r.skip(e.size)
		}
		return r.readEntry(e)
	})
	if err != nil {
		return err
	}
	if len(r.tracks) == 0 {
		return errors.New("read tracks: none has audio or video")
	}
	r.listed = true
	return nil
}

func (r *Reader) readEntry(parent element) error {
	if r.entries == maxTracks {
		return fmt.Errorf("read tracks: there are more than %d", maxTracks)
	}
	r.entries++
	var t entry
	if err := r.readChildren(parent, func(e element) error { return r.readField(&t, e) }); err != nil {
		return err
	}
	if t.kind != typeVideo && t.kind != typeAudio {
		return nil
	}
	if err := r.check(t); err != nil {
		return err
	}
	t.Video = t.kind == typeVideo
	if !t.Video && t.Channels == 0 {
		t.Channels = 1
	}
	r.tracks = append(r.tracks, t.Track)
	return nil
}

// check tells what is wrong with a track with audio or video (RFC 9559 §5.1.4.1).
func (r *Reader) check(t entry) error {
	switch {
	case t.Number == 0:
		return errors.New("read tracks: one has no number")
	case r.known(t.Number):
		return fmt.Errorf("read tracks: two have the number %d", t.Number)
	case t.Codec == "":
		return fmt.Errorf("read track %d: it has no codec", t.Number)
	}
	return nil
}

// known reports whether a track has been found.
func (r *Reader) known(number uint64) bool {
	for i := range r.tracks {
		if r.tracks[i].Number == number {
			return true
		}
	}
	return false
}

func (r *Reader) readField(t *entry, e element) (err error) {
	switch e.id {
	case idNumber:
		t.Number, err = r.readNumber(e, 0)
	case idType:
		t.kind, err = r.readNumber(e, 0)
	case idCodec:
		t.Codec, err = r.readString(e)
	case idPrivate:
		t.Private, err = r.readBytes(e, maxPrivate)
	case idVideo:
		err = r.readChildren(e, func(e element) error { return r.readPixels(t, e) })
	case idAudio:
		err = r.readChildren(e, func(e element) error { return r.readChannels(t, e) })
	case idEncodings:
		t.Encoded = true
		err = r.skip(e.size)
	default:
		err = r.skip(e.size)
	}
	return err
}

func (r *Reader) readPixels(t *entry, e element) (err error) {
	switch e.id {
	case idWidth:
		t.Width, err = r.readSmall(e, 0)
	case idHeight:
		t.Height, err = r.readSmall(e, 0)
	default:
		err = r.skip(e.size)
	}
	return err
}

func (r *Reader) readChannels(t *entry, e element) (err error) {
	if e.id != idChannels {
		return r.skip(e.size)
	}
	t.Channels, err = r.readSmall(e, 1)
	return err
}
