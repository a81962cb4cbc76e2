package offer

import (
	"net/http"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// Payload types of what the server offers by itself, which browsers use too.
const (
	proposedVideo  = "96"
	proposedRepair = "97"
	proposedAudio  = "111"
)

// Propose is what the server offers to send of a stream whose media come in these formats; nil for a medium that it has not. The offer has no
// description yet: the connection makes it.
func Propose(video, audio *media.Format) *Offer {
	o := &Offer{}
	if video != nil {
		o.Video = &media.Format{Payload: proposedVideo, Repair: proposedRepair, Codec: video.Codec, Parameters: proposedParameters(*video)}
	}
	if audio != nil {
		o.Audio = &media.Format{Payload: proposedAudio, Parameters: "minptime=10;useinbandfec=1"}
	}
	return o
}

// proposedParameters are those by which a player knows whether it can take the stream; what else its sender has told of it is left out.
func proposedParameters(f media.Format) string {
	if f.Codec.Name != "h264" {
		for _, name := range []string{"profile-id", "profile"} {
			if value := Parameter(f.Parameters, name, ""); value != "" {
				return name + "=" + value
			}
		}
		return ""
	}
	return "level-asymmetry-allowed=1;packetization-mode=" + Parameter(f.Parameters, "packetization-mode", "0") +
		";profile-level-id=" + Parameter(f.Parameters, "profile-level-id", "42e01f")
}

// ParseAnswer checks a client's answer to what Propose has made, as Parse does an offer. It has to take all media: who wants less offers by
// itself.
func ParseAnswer(body []byte, proposed *Offer) (*Offer, *refusal.Refusal) {
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(TidyLines(string(body))); err != nil {
		return nil, refusal.New(http.StatusBadRequest, "The answer is not SDP that can be read (%v): send what createAnswer made, unchanged.", err)
	}
	if p := checkAnswered(desc, proposed); p != nil {
		return nil, p
	}
	tagged, p := bundle(desc)
	if p != nil {
		return nil, ofAnswer(p)
	}
	ufrag, pwd, p := unifyTransport(desc, tagged)
	if p != nil {
		return nil, ofAnswer(p)
	}
	if p := KeepCandidates(desc); p != nil {
		return nil, ofAnswer(p)
	}
	ReceiveOnly(desc)
	o := &Offer{Description: desc, Ufrag: ufrag, pwd: pwd}
	for _, m := range desc.MediaDescriptions {
		if p := o.take(m, proposed); p != nil {
			return nil, p
		}
	}
	return o, nil
}

// checkAnswered wants a section for each that was offered, and none switched off.
func checkAnswered(desc *sdp.SessionDescription, proposed *Offer) *refusal.Refusal {
	for _, m := range desc.MediaDescriptions {
		_, bundled := m.Attribute("bundle-only")
		if m.MediaName.Port.Value != 0 || bundled || m.MediaName.Media != string(media.KindAudio) && m.MediaName.Media != string(media.KindVideo) {
			continue
		}
		is := "Opus"
		if m.MediaName.Media == string(media.KindVideo) && proposed.Video != nil {
			is = proposed.Video.Codec.Title
		}
		return refusal.New(http.StatusUnprocessableEntity, "The answer refuses the %s, which is %s: offer what you can take, or play the stream over HLS or DASH.", m.MediaName.Media, is)
	}
	if p := (Purpose{}).checkKinds(desc); p != nil {
		return ofAnswer(p)
	}
	offered := 0
	for _, f := range []*media.Format{proposed.Video, proposed.Audio} {
		if f != nil {
			offered++
		}
	}
	if n := len(desc.MediaDescriptions); n != offered {
		return refusal.New(http.StatusBadRequest, "The answer has %d media sections and the offer %d: answer each.", n, offered)
	}
	return nil
}

// take notes what a section of the answer has taken.
func (o *Offer) take(m *sdp.MediaDescription, proposed *Offer) *refusal.Refusal {
	wanted, into := proposed.Audio, &o.Audio
	if m.MediaName.Media == string(media.KindVideo) {
		wanted, into = proposed.Video, &o.Video
	}
	formats := formatsOf(m)
	i := slices.IndexFunc(formats, func(f media.Format) bool {
		switch {
		case wanted == nil || f.Payload != wanted.Payload:
			return false
		case f.Codec == nil: // Opus
			return true
		}
		_, plays := wanted.PlaysAs(f)
		return plays
	})
	if i < 0 {
		return refusal.New(http.StatusUnprocessableEntity, "The %s section of the answer has none of the codecs that were offered: answer with one, under its payload type.", m.MediaName.Media)
	}
	formats[i].Red, formats[i].FEC = "", ""
	*into = &formats[i]
	keep(m, formats[i])
	return nil
}

// ofAnswer has a refusal that is about offers speak of the answer.
func ofAnswer(p *refusal.Refusal) *refusal.Refusal {
	p.Detail = strings.ReplaceAll(p.Detail, "offer", "answer")
	return p
}
