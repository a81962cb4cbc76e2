package media

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Kind is what a track carries.
type Kind string

// The kinds of a Track.
const (
	KindVideo Kind = "video"
	KindAudio Kind = "audio"
)

// Subscriber takes a track's packets as they are read.
type Subscriber interface {
	// Deliver gets every packet and sender report in the order of arrival. It runs in the publisher's read loop: it must
	// not block, must call neither Subscribe nor Unsubscribe, and retains the packet if it needs it afterwards.
	Deliver(p *Packet)
	// End is called once when the track has ended. Nothing is delivered after it.
	End()
}

// Track is one medium of a Publisher, known from the offer on: packets come once ICE and DTLS are through.
type Track struct {
	kind      Kind
	format    Format
	pool      *PacketPool
	keys      keyRequests
	keyFrames keyFrames // used by the one read loop
	sources   sources
	layers    *layers // of a simulcast, or nil
	recorded  bool    // comes from a recording

	reduced atomic.Pointer[func(whole Encoding) (reduced Encoding, offered bool)] // see MakeReduced; nil: nothing is made of the track

	mu    sync.Mutex
	subs  []Subscriber
	bound bool
	ended bool
	stats receiverStats
	gop   gopCache // stays empty for audio

	pictures    pictureLayers // of video
	spatial     spatialLayers
	descriptors Described     // reads them; nil: there are none
	describedIn atomic.Uint32 // number of the header extension; 0: none

	reported   SenderReport // the last one
	reportedAt time.Time    // zero: none has come
}

// NewTrack makes a track of this kind and format whose packets come from pool. It is read once Bind has told where from.
func NewTrack(kind Kind, f Format, pool *PacketPool) *Track {
	t := &Track{kind: kind, format: f, pool: pool}
	if kind == KindVideo {
		t.keyFrames.starts = f.Codec.KeyFrameStarts
		if f.Codec.Described != nil {
			t.descriptors = f.Codec.Described()
		}
	}
	t.stats.clockRate = t.ClockRate()
	return t
}

// Kind tells what the track carries.
func (t *Track) Kind() Kind { return t.kind }

// MimeType is the codec: video/VP8, video/VP9, video/H264, video/AV1 or audio/opus.
func (t *Track) MimeType() string { return t.format.Capability().MimeType }

// FormatParameters are those of the codec that have been agreed, as in a=fmtp: "name=value;…", with the sender's
// sprop-parameter-sets if it has offered any (RFC 6184 §8.1). Empty when there are none.
func (t *Track) FormatParameters() string { return t.format.Parameters }

// ClockRate is the rate of RTP time stamps in Hz.
func (t *Track) ClockRate() uint32 { return t.format.Capability().ClockRate }

// Channels is the number of audio channels; 0 for video.
func (t *Track) Channels() int { return int(t.format.Capability().Channels) }

// Format is what has been negotiated for the track.
func (t *Track) Format() Format { return t.format }

// NewPacket returns an empty packet, to be filled, pushed and released.
func (t *Track) NewPacket() *Packet { return t.pool.Get() }

// Tap attaches a bounded queue of up to capacity packets. The caller closes it.
func (t *Track) Tap(capacity int) *Tap {
	tap := newTap(t, capacity)
	t.Subscribe(tap)
	return tap
}

// Join attaches a queue as Tap does, which calls rouse instead of making Ready receive, and returns what somebody who joins now
// needs to begin with: the packets since the newest key frame, which the caller releases. There are none when that is too long
// ago; then a key frame is asked for. It may be longer ago of a publisher that makes none when it is asked.
func (t *Track) Join(capacity int, rouse func()) (tap *Tap, backlog []*Packet) {
	tap = newTap(t, capacity)
	tap.signal = rouse
	t.mu.Lock()
	if backlog = t.gop.retained(time.Now(), t.unasked()); backlog != nil {
		t.subs = append(t.subs, tap)
	}
	t.mu.Unlock()
	if backlog == nil {
		t.Subscribe(tap)
	}
	return tap, backlog
}

// Subscribe attaches s. On a track that has ended, s is ended at once. Once packets have come, a key frame is asked for.
func (t *Track) Subscribe(s Subscriber) {
	t.mu.Lock()
	ended, running := t.ended, t.stats.packets > 0
	if !ended {
		t.subs = append(t.subs, s)
	}
	t.mu.Unlock()
	switch {
	case ended:
		s.End()
	case running:
		t.RequestKeyFrame()
	}
}

// Unsubscribe detaches s. When it returns, nothing is being delivered to s any more, and End will not be called.
func (t *Track) Unsubscribe(s Subscriber) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.subs = slices.DeleteFunc(t.subs, func(other Subscriber) bool { return other == s })
}

// RequestKeyFrame asks the publisher for a key frame (RFC 4585 §6.3.1), at most twice a second however many ask, and again
// until one has come. It does nothing on audio and never blocks.
func (t *Track) RequestKeyFrame() {
	if t.kind == KindVideo {
		t.keys.request(time.Now())
	}
}

// NewRecordedTrack makes a track that comes from a recording.
func NewRecordedTrack(kind Kind, f Format, pool *PacketPool) *Track {
	t := NewTrack(kind, f, pool)
	t.recorded = true
	return t
}

// unasked reports whether the publisher makes key frames when it likes only, as far as that is known.
func (t *Track) unasked() bool { return t.recorded || t.keys.silent.Load() }

// Recorded reports whether the track comes from a recording, whose maker cannot be asked for a key frame.
func (t *Track) Recorded() bool { return t.recorded }

// Stats returns the counters of the track.
func (t *Track) Stats() TrackStats {
	st := t.counters()
	if t.layers != nil {
		t.layers.count(&st)
	}
	return st
}

func (t *Track) counters() TrackStats {
	t.mu.Lock()
	defer t.mu.Unlock()
	st := t.stats.snapshot(time.Now())
	st.Kind, st.KeyFrameRequests, st.GroupsGivenUp = t.kind, t.keys.count(), t.gop.givenUp
	if t.kind == KindAudio {
		st.KeyFrames, st.FPS = 0, 0
	}
	return st
}

// Bind makes send the way to ask for key frames, of a track that is read from one source only. It returns false when the track has its
// source already.
func (t *Track) Bind(send func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.bound || t.ended {
		return false
	}
	t.bound = true
	t.keys.setSend(send)
	return true
}

// Push hands an RTP packet to all subscribers.
func (t *Track) Push(p *Packet) {
	p.KeyFrame = t.kind == KindAudio || t.keyFrames.begins(&p.RTP)
	if p.KeyFrame {
		t.keys.satisfy(p.Arrival)
	} else {
		t.keys.flush(p.Arrival)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	newest := t.stats.add(p)
	if t.kind == KindVideo {
		t.look(p, newest)
		t.gop.add(p, newest, t.unasked())
	}
	for _, s := range t.subs {
		s.Deliver(p)
	}
}

// look finds out which layers a packet is of, and how large the pictures are. The caller holds mu.
func (t *Track) look(p *Packet, newest bool) {
	codec := t.format.Codec
	layer, known := t.read(p)
	p.Layer = t.pictures.of(&p.RTP, layer, known)
	if newest && (codec.SpatialSizes != nil || p.Descriptor != nil) {
		t.spatial.add(p.Layer.Spatial.ID, len(p.RTP.Payload), p.Arrival)
	}
	if !p.KeyFrame {
		return
	}
	if codec.Size != nil {
		t.stats.width, t.stats.height = codec.Size(p.RTP.Payload)
	}
	if codec.SpatialSizes != nil {
		codec.SpatialSizes(p.RTP.Payload, &t.spatial.sizes)
	}
	if p.Descriptor != nil {
		t.descriptors.Sizes(&t.spatial.sizes)
	}
}

// read finds out by its descriptor, or else by its payload, which layers a packet is of.
func (t *Track) read(p *Packet) (layer PictureLayer, known bool) {
	if id := uint8(t.describedIn.Load()); id > 0 && t.descriptors != nil {
		if p.Descriptor = p.RTP.GetExtension(id); p.Descriptor != nil {
			return t.descriptors.Read(p.Descriptor)
		}
	}
	if t.format.Codec.Layers == nil {
		return layer, false
	}
	return t.format.Codec.Layers(p.RTP.Payload)
}

// DescribedIn tells in which header extension packets have descriptors; 0: in none.
func (t *Track) DescribedIn(extension uint8) {
	t.describedIn.Store(uint32(extension))
	if t.layers != nil {
		t.layers.describedIn(extension)
	}
}

// PushReport hands a sender report to all subscribers, in its place among the packets.
func (t *Track) PushReport(r SenderReport) {
	p := t.pool.Get()
	defer p.Release()
	p.Arrival, p.report = time.Now(), r
	p.Report = &p.report
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reported, t.reportedAt = r, p.Arrival
	for _, s := range t.subs {
		s.Deliver(p)
	}
}

// LastReport returns the last sender report and when it came; the zero time if none has.
func (t *Track) LastReport() (SenderReport, time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.reported, t.reportedAt
}

// LastPacket is when the newest packet came; the zero time if none has.
func (t *Track) LastPacket() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stats.last
}

// CountMalformed counts a packet that could not be read.
func (t *Track) CountMalformed() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stats.malformed++
}

// End ends all subscribers. No packet is delivered afterwards.
func (t *Track) End() {
	if t.layers != nil {
		t.layers.end()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended {
		return
	}
	t.ended = true
	t.gop.clear()
	for _, s := range t.subs {
		s.End()
	}
	t.subs = nil
}

// TrackOf returns the first track of a kind; nil when there is none.
func TrackOf(tracks []*Track, kind Kind) *Track {
	for _, t := range tracks {
		if t.kind == kind {
			return t
		}
	}
	return nil
}
