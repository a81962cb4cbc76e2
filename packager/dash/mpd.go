package dash

import "time"

// Values of MPD@type.
const (
	Dynamic = "dynamic" // segments become available as time goes by
	Static  = "static"  // all are
)

// ProfileLive is the profile of templated segments, live and on demand (ISO/IEC 23009-1 §8.4).
const ProfileLive = "urn:mpeg:dash:profile:isoff-live:2011"

// ProfileLowLatency says that the manifest follows DASH-IF's low-latency modes too.
const ProfileLowLatency = ProfileLive + ",http://www.dashif.org/guidelines/low-latency-live-v5"

// MPD is a manifest (ISO/IEC 23009-1 §5.3.1). Attributes whose field is zero are not written, except where said.
type MPD struct {
	Profiles                   string    `xml:"profiles,attr"` // comma separated; empty means ProfileLive
	Type                       string    `xml:"type,attr"`     // empty means Static
	AvailabilityStartTime      time.Time `xml:"availabilityStartTime,attr"`
	PublishTime                time.Time `xml:"publishTime,attr"`
	MediaPresentationDuration  Duration  `xml:"mediaPresentationDuration,attr"`
	MinimumUpdatePeriod        Duration  `xml:"minimumUpdatePeriod,attr"`
	MinBufferTime              Duration  `xml:"minBufferTime,attr"` // always written
	TimeShiftBufferDepth       Duration  `xml:"timeShiftBufferDepth,attr"`
	SuggestedPresentationDelay Duration  `xml:"suggestedPresentationDelay,attr"`
	MaxSegmentDuration         Duration  `xml:"maxSegmentDuration,attr"`

	Location   string              `xml:"Location"` // where to ask for the next version (§5.3.1.2); empty: where this one was
	Service    *ServiceDescription `xml:"ServiceDescription"`
	Periods    []Period            `xml:"Period"`
	UTCTimings []Descriptor        `xml:"UTCTiming"`
}

// Period is a stretch of the presentation with one set of tracks (§5.3.2).
type Period struct {
	ID             string          `xml:"id,attr"`
	Start          Duration        `xml:"start,attr"` // on the MPD's timeline; always written
	Duration       Duration        `xml:"duration,attr"`
	EventStreams   []EventStream   `xml:"EventStream"`
	AdaptationSets []AdaptationSet `xml:"AdaptationSet"`
}

// EventStream announces events of one kind (§5.10.2).
type EventStream struct {
	Descriptor
	Timescale              uint32  `xml:"timescale,attr"`              // ticks a second; always written
	PresentationTimeOffset uint64  `xml:"presentationTimeOffset,attr"` // ticks: the Time of an Event at the Period's start
	Events                 []Event `xml:"Event"`
}

// Event is a stretch of time that means what its stream's scheme says (§5.10.2.3). All is always written.
type Event struct {
	Time     uint64 `xml:"presentationTime,attr"` // ticks
	Duration uint64 `xml:"duration,attr"`         // ticks
	ID       uint64 `xml:"id,attr"`               // the same event has the same in every version of the manifest
}

// AdaptationSet holds the interchangeable encodings of one track (§5.3.3).
type AdaptationSet struct {
	ID               int                     `xml:"id,attr"`          // always written
	ContentType      string                  `xml:"contentType,attr"` // video or audio
	MimeType         string                  `xml:"mimeType,attr"`
	Lang             string                  `xml:"lang,attr"` // RFC 5646
	SegmentAlignment bool                    `xml:"segmentAlignment,attr"`
	StartWithSAP     int                     `xml:"startWithSAP,attr"`
	MaxWidth         int                     `xml:"maxWidth,attr"`          // pixels
	MaxHeight        int                     `xml:"maxHeight,attr"`         // pixels
	Priority         int                     `xml:"selectionPriority,attr"` // the highest is what players begin with; 0: not written, which means 1
	FrameRate        string                  `xml:"frameRate,attr"`         // Hz, such as 30 or 30000/1001, when all have the same
	InbandEvents     []Descriptor            `xml:"InbandEventStream"`      // kinds of events that its segments carry (§5.10.3)
	References       []ProducerReferenceTime `xml:"ProducerReferenceTime"`
	Roles            []Descriptor            `xml:"Role"`
	Template         *SegmentTemplate        `xml:"SegmentTemplate"` // of all its representations
	Representations  []Representation        `xml:"Representation"`
}

// Representation is one encoding (§5.3.5).
type Representation struct {
	ID                string           `xml:"id,attr"`
	MimeType          string           `xml:"mimeType,attr"`
	Codecs            string           `xml:"codecs,attr"`    // RFC 6381
	Bandwidth         int64            `xml:"bandwidth,attr"` // bits a second; always written
	Width             int              `xml:"width,attr"`     // pixels
	Height            int              `xml:"height,attr"`    // pixels
	SAR               string           `xml:"sar,attr"`       // shape of a pixel, such as 1:1
	FrameRate         string           `xml:"frameRate,attr"` // Hz, such as 30 or 30000/1001
	AudioSamplingRate int              `xml:"audioSamplingRate,attr"`
	AudioChannels     []Descriptor     `xml:"AudioChannelConfiguration"`
	Resync            *Resync          `xml:"Resync"`
	Template          *SegmentTemplate `xml:"SegmentTemplate"` // in place of the AdaptationSet's
}

// SegmentTemplate names segments by number (§5.3.9.4), each lasting Duration or what Timeline says.
type SegmentTemplate struct {
	Timescale              uint32 `xml:"timescale,attr"` // ticks a second; always written
	PresentationTimeOffset uint64 `xml:"presentationTimeOffset,attr"`
	Duration               uint64 `xml:"duration,attr"`    // ticks
	StartNumber            uint64 `xml:"startNumber,attr"` // always written
	EndNumber              uint64 `xml:"endNumber,attr"`   // of the last segment; 0: as the Period's duration says
	Media                  string `xml:"media,attr"`
	Initialization         string `xml:"initialization,attr"`
	// AvailabilityTimeOffset is how much earlier than whole a segment can be asked for. With Incomplete it then comes chunk by
	// chunk: availabilityTimeComplete="false" (§5.3.9.5).
	AvailabilityTimeOffset Seconds `xml:"availabilityTimeOffset,attr"`
	Incomplete             bool    `xml:"-"`
	Timeline               []S     `xml:"SegmentTimeline>S"` // by time; see AppendSegment
}

// S is a run of segments of one duration that follow each other (§5.3.9.6).
type S struct {
	T uint64 `xml:"t,attr"` // start of the first, ticks; written where it does not follow from the run before
	D uint64 `xml:"d,attr"` // duration of each, ticks
	R int64  `xml:"r,attr"` // how many follow the first
}

// End is where the run ends, ticks.
func (s S) End() uint64 { return s.T + s.D*uint64(s.R+1) }

// AppendSegment adds the segment that starts at t and lasts d, in ticks, and returns the timeline.
func AppendSegment(timeline []S, t, d uint64) []S {
	if n := len(timeline); n > 0 && timeline[n-1].D == d && timeline[n-1].End() == t {
		timeline[n-1].R++
		return timeline
	}
	return append(timeline, S{T: t, D: d})
}

// Descriptor is an element that means something by its scheme (§5.8.2).
type Descriptor struct {
	Scheme string `xml:"schemeIdUri,attr"`
	Value  string `xml:"value,attr"`
}

// Schemes of descriptors.
const (
	SchemeEvent    = "urn:mpeg:dash:event:2012"                 // EventStream: with the value 1, the manifest is to be loaded again (§5.10.4)
	SchemeISO      = "urn:mpeg:dash:utc:http-iso:2014"          // UTCTiming: the value's URL answers with ISO 8601
	SchemeXSDate   = "urn:mpeg:dash:utc:http-xsdate:2014"       // UTCTiming: the value's URL answers with xs:dateTime
	SchemeRole     = "urn:mpeg:dash:role:2011"                  // Role: main and others
	SchemeChannels = "urn:mpeg:mpegB:cicp:ChannelConfiguration" // AudioChannelConfiguration: ISO/IEC 23091-3 number
)

// Representation finds a representation by its id in the last period that has it.
func (m *MPD) Representation(id string) (Representation, bool) {
	for p := len(m.Periods) - 1; p >= 0; p-- {
		for _, set := range m.Periods[p].AdaptationSets {
			for _, r := range set.Representations {
				if r.ID == id {
					return r, true
				}
			}
		}
	}
	return Representation{}, false
}
