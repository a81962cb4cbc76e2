package offer

import (
	"net/http"
	"slices"

	"github.com/pion/sdp/v3"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// Purpose tells the offers of publishers, of viewers and of the echo apart.
type Purpose struct {
	directions []string // that the client may offer
	advice     string   // when it offers another
	video      func(offered []media.Format) *media.Format
	codecs     string     // said when there is none in common
	simulcast  bool       // is taken
	redundancy redundancy // of sound (RFC 2198)
	correction bool       // of pictures is sent (FlexFEC-03)
	needs      string     // what an offer has to have, in a sentence; "": anything will do
}

// Publishing takes one of the codecs, in order of preference, or whichever the publisher has put first.
func Publishing(names []string) Purpose {
	return Purpose{
		[]string{"sendonly", "sendrecv"}, "offer a=sendonly: this address only takes media in (RFC 9725 §4.2)",
		func(offered []media.Format) *media.Format { return preferred(offered, names) }, TakenCodecs(names), true, redFirst, false, needsMedia,
	}
}

// Echoing takes the codec that the client has put first.
func Echoing() Purpose {
	return Purpose{
		[]string{"sendrecv"}, "offer a=sendrecv: the echo sends back what it gets",
		func(offered []media.Format) *media.Format { return preferred(offered, nil) }, TakenCodecs(nil), false, redFirst, false, "",
	}
}

// Watching takes the formats in which the stream's video can be sent as it is; any while it has none (nil).
func Watching(video *media.Format) Purpose {
	use := Purpose{
		[]string{"recvonly", "sendrecv"}, "offer a=recvonly: this address only gives media out (WHEP)",
		func(offered []media.Format) *media.Format { return preferred(offered, nil) }, "the stream is Opus audio; HLS and DASH play it everywhere", false, redTaken, true, "",
	}
	if video != nil {
		use.video = func(offered []media.Format) *media.Format { return best(offered, video.PlaysAs) }
		use.codecs = "viewers of this stream get " + video.Codec.Title + " video and Opus audio, which are not encoded for each of them; HLS and DASH play it everywhere"
	}
	return use
}

// Carrying takes data channels, and no media.
func Carrying() Purpose { return Purpose{needs: needsData} }

// preferred chooses the codec that stands first in names, or among what is offered when there are no names.
func preferred(offered []media.Format, names []string) *media.Format {
	if len(names) == 0 && len(offered) > 0 {
		names = []string{offered[0].Codec.Name}
	}
	for _, name := range names {
		chosen := best(offered, func(f media.Format) (int, bool) {
			rank, taken := f.Codec.Rank(f.Parameters)
			return rank, taken && f.Codec.Name == name
		})
		if chosen != nil {
			return chosen
		}
	}
	return nil
}

// sound takes the first of what is offered, with its redundancy if that is of use.
func (use Purpose) sound(offered []media.Format) *media.Format {
	chosen := best(offered, func(media.Format) (int, bool) { return 0, true })
	if chosen != nil && !use.redundancy.allows(chosen.RedFirst) {
		chosen.Red, chosen.RedFirst = "", false
	}
	return chosen
}

// checkDirections writes the direction into each section: it may stand for all (RFC 8866 §6.7), and sendrecv for none.
func (use Purpose) checkDirections(desc *sdp.SessionDescription) *refusal.Refusal {
	for _, m := range desc.MediaDescriptions {
		if IsData(m) {
			continue
		}
		direction := Direction(m.Attributes)
		if direction == "" {
			if direction = Direction(desc.Attributes); direction == "" {
				direction = "sendrecv"
			}
			m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute(direction))
		}
		if !slices.Contains(use.directions, direction) {
			return refusal.New(http.StatusBadRequest, "The %s section of the offer is a=%s: %s.", m.MediaName.Media, direction, use.advice)
		}
	}
	return nil
}

// ReceiveOnly takes from a viewer's offer whatever it might send: the answer is a=sendonly.
func ReceiveOnly(desc *sdp.SessionDescription) {
	for _, m := range desc.MediaDescriptions {
		if IsData(m) {
			continue
		}
		m.Attributes = slices.DeleteFunc(m.Attributes, func(a sdp.Attribute) bool {
			return a.Key == "sendrecv" || a.Key == "recvonly" || a.Key == "ssrc" || a.Key == "ssrc-group" || a.Key == "msid"
		})
		m.Attributes = append(m.Attributes, sdp.NewPropertyAttribute("recvonly"))
	}
}

// Direction is the first attribute that is a direction (RFC 8866 §6.7); "" when there is none.
func Direction(attributes []sdp.Attribute) string {
	for _, a := range attributes {
		switch a.Key {
		case "sendrecv", "sendonly", "recvonly", "inactive":
			return a.Key
		}
	}
	return ""
}
