package offer

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/pion/sdp/v3"
	"github.com/sluice-live/sluice/ingest/media"
	"github.com/sluice-live/sluice/ingest/refusal"
)

// firstPulled is the first payload type of what is offered to receive, from which they are counted up (RFC 3551 §3).
const firstPulled = 96

// pulledH264 are the parameters of H.264 that are offered to receive: the packetization mode, and the profile with a level that says nothing, since
// it may be another one in each direction (RFC 6184 §8.2.2). Whatever a publisher has offered is among them, or plays as one of them.
var pulledH264 = []string{"1 42e01f", "1 4d001f", "1 64001f", "1 6e001f", "1 7a001f", "1 f4001f", "0 42e01f", "0 4d001f", "0 64001f"}

// Pullable are the formats in which a stream of another server can come, with all that is taken of publishers.
func Pullable() []media.Format {
	var formats []media.Format
	payload := firstPulled
	next := func() string {
		payload++
		return strconv.Itoa(payload - 1)
	}
	for _, c := range videoCodecs() {
		all := []string{""}
		switch c.Name {
		case "vp9":
			all = []string{"profile-id=0"}
		case "av1":
			all = []string{"level-idx=5;profile=0;tier=0"}
		case "h264":
			all = nil
			for _, p := range pulledH264 {
				all = append(all, "level-asymmetry-allowed=1;packetization-mode="+p[:1]+";profile-level-id="+p[2:])
			}
		}
		for _, parameters := range all {
			formats = append(formats, media.Format{Payload: next(), Repair: next(), Codec: c, Parameters: parameters})
		}
	}
	return append(formats, media.Format{Payload: next(), Parameters: "minptime=10;useinbandfec=1;stereo=1"})
}

// ParsePulled checks the answer of another server to an offer to receive these formats, as Parse does an offer. A medium that it has not is switched
// off in it.
func ParsePulled(body []byte, offered []media.Format) (*Offer, *refusal.Refusal) {
	desc := &sdp.SessionDescription{}
	if err := desc.UnmarshalString(TidyLines(string(body))); err != nil {
		return nil, refusal.New(http.StatusBadGateway, "The origin's answer is not SDP that can be read (%v).", err)
	}
	if n := len(desc.MediaDescriptions); n == 0 || n > maxSections {
		return nil, refusal.New(http.StatusBadGateway, "The origin's answer has %d media sections.", n)
	}
	off := takeRejected(desc)
	o, p := readPulled(desc, offered)
	if p != nil {
		p.Status, p.Detail = http.StatusBadGateway, "The origin's answer cannot be taken: "+ofAnswer(p).Detail
		return nil, p
	}
	o.rejected = off
	o.Complete(desc) // the connection wants a section for each that it has offered
	return o, nil
}

func readPulled(desc *sdp.SessionDescription, offered []media.Format) (*Offer, *refusal.Refusal) {
	if p := (Purpose{needs: needsMedia}).checkKinds(desc); p != nil {
		return nil, p
	}
	tagged, p := bundle(desc)
	if p != nil {
		return nil, p
	}
	o := &Offer{Description: desc}
	if o.Ufrag, o.pwd, p = unifyTransport(desc, tagged); p != nil {
		return nil, p
	}
	for _, check := range []func(*sdp.SessionDescription) *refusal.Refusal{checkStreams, KeepCandidates} {
		if p := check(desc); p != nil {
			return nil, p
		}
	}
	for _, m := range desc.MediaDescriptions {
		if IsData(m) {
			o.Data = true
			continue
		}
		if p := o.takePulled(m, offered); p != nil {
			return nil, p
		}
	}
	return o, nil
}

// takePulled notes the first of the formats in a section of the answer that was offered.
func (o *Offer) takePulled(m *sdp.MediaDescription, offered []media.Format) *refusal.Refusal {
	formats := formatsOf(m)
	i := slices.IndexFunc(formats, func(f media.Format) bool {
		return slices.ContainsFunc(offered, func(of media.Format) bool {
			same := of.Payload == f.Payload && (of.Codec == nil) == (f.Codec == nil)
			return same && (f.Codec == nil || of.Codec.Name == f.Codec.Name)
		})
	})
	if i < 0 {
		return refusal.New(http.StatusBadGateway, "its %s section has no codec that was offered.", m.MediaName.Media)
	}
	formats[i].Red, formats[i].FEC = "", ""
	formats[i].Parameters = offered[slices.IndexFunc(offered, func(of media.Format) bool { return of.Payload == formats[i].Payload })].Parameters
	if m.MediaName.Media == string(media.KindVideo) {
		o.Video = &formats[i]
	} else {
		o.Audio = &formats[i]
	}
	keep(m, formats[i])
	return nil
}
