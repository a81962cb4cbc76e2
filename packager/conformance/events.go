package conformance

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/Eyevinn/mp4ff/mp4"

	"github.com/sluice-live/sluice/packager/cmaf"
	"github.com/sluice-live/sluice/packager/dash"
)

const (
	eventsAnnounced   = "ISO/IEC 23009-1 §5.10.3 events are announced"
	eventsInFragments = "ISO/IEC 23000-19 §7.4.5 events are within their fragments"
)

// message is an event message box with the fragment that it is in front of.
type message struct {
	*mp4.EmsgBox
	fragment cmaf.Fragment
}

// messages are the events of a segment that was scanned before.
func messages(b []byte, fragments []cmaf.Fragment) (found []message, err error) {
	for at := 0; at+8 <= len(b); {
		size := int(binary.BigEndian.Uint32(b[at:]))
		if size < 8 || size > len(b)-at {
			break
		}
		if string(b[at+4:at+8]) == "emsg" {
			box, err := mp4.DecodeBox(uint64(at), bytes.NewReader(b[at:at+size]))
			if err != nil {
				return nil, err
			}
			in := slices.IndexFunc(fragments, func(f cmaf.Fragment) bool { return int64(at) < f.Offset+f.Size })
			if in < 0 {
				return nil, fmt.Errorf("emsg at %d: no fragment follows", at)
			}
			found = append(found, message{box.(*mp4.EmsgBox), fragments[in]})
		}
		at += size
	}
	return found, nil
}

// checkEvents: an event is of the track's time scale, at a time of its fragment; ID3 is told in the brands.
func checkEvents(r *run) string {
	for _, s := range r.segments {
		events, err := messages(s.bytes, s.fragments)
		if err != nil {
			return fmt.Sprintf("segment %d: %v", s.index, err)
		}
		for _, e := range events {
			switch {
			case e.Version != 1 || e.TimeScale != r.init.Timescale:
				return fmt.Sprintf("segment %d: version %d, time scale %d, the track has %d", s.index, e.Version, e.TimeScale, r.init.Timescale)
			case e.PresentationTime < e.fragment.DecodeTime || e.PresentationTime >= e.fragment.End():
				return fmt.Sprintf("segment %d: event at %d in a fragment from %d to %d", s.index, e.PresentationTime, e.fragment.DecodeTime, e.fragment.End())
			case e.SchemeIDURI == cmaf.SchemeID3 && !r.init.ID3():
				return fmt.Sprintf("segment %d has ID3, and the brands are %q", s.index, r.init.Brands)
			}
		}
	}
	return ""
}

// checkAnnounced: the adaptation set names the scheme and the value of each event; others are passed over by players.
func checkAnnounced(d *presentation, fault func(*Visit, string)) {
	d.eachSlot(func(s stream, _ slot, url string) {
		head, ok := d.track(s)
		body, fetched := d.body(url)
		if !ok || !fetched || !bytes.Contains(body, []byte("emsg")) {
			return
		}
		fragments, err := scan(head, body)
		if err != nil {
			return // is another rule's
		}
		events, err := messages(body, fragments)
		if err != nil {
			fault(d.byPath[url][0], err.Error())
		}
		for _, e := range events {
			if !slices.Contains(s.set.InbandEvents, dash.Descriptor{Scheme: e.SchemeIDURI, Value: e.Value}) {
				fault(d.byPath[url][0], fmt.Sprintf("%s %q, announced are %v", e.SchemeIDURI, e.Value, s.set.InbandEvents))
				return
			}
		}
	})
}
