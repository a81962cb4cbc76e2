package rtmp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/sluice-live/sluice/ingest/webm"
)

// Numbers of the two tracks that there may be.
const (
	videoTrack = 1
	audioTrack = 2
)

// How long both tracks are waited for, by the time stamps of what has come.
const (
	waitForAny      = time.Second     // when the client has not said what it sends
	waitForPromised = 5 * time.Second // when it has said that both come
	maxPending      = 4 << 20         // bytes that are kept meanwhile
	blockBytes      = 256             // that a frame takes beside its own
)

// media reads what a client publishes. It is an upload.Container.
type media struct {
	in  *chunkReader
	out *line

	tracks   [2]*webm.Track // video, audio; nil: not known yet
	promised [2]bool        // by metadata
	told     bool           // there was metadata that says what comes
	pending  []webm.Block   // that have come before all tracks were known
	waiting  int            // bytes of these
	known    bool           // all tracks are
	renewed  []byte         // another configuration of video, for the next frame
	damaged  uint64

	begun bool
	last  uint32        // time stamp of the message before
	time  time.Duration // the same, without wrapping
	first time.Duration // of the first frame
}

// Tracks waits until it is known what comes: configurations of video and audio, or one of them alone.
func (m *media) Tracks() ([]webm.Track, error) {
	for !m.complete() {
		block, err := m.read()
		if err != nil {
			return nil, err
		}
		if block.Data != nil {
			block.Data = bytes.Clone(block.Data)
			if len(m.pending) == 0 {
				m.first = block.Time
			}
			m.pending, m.waiting = append(m.pending, block), m.waiting+sizeOf(block)
		}
	}
	m.known = true
	var tracks []webm.Track
	for _, t := range m.tracks {
		if t != nil {
			tracks = append(tracks, *t)
		}
	}
	return tracks, nil
}

// complete reports whether all tracks are known.
func (m *media) complete() bool {
	video, audio := m.tracks[0] != nil, m.tracks[1] != nil
	if video && audio {
		return true
	}
	if !video && !audio {
		return false
	}
	if m.told && (video || !m.promised[0]) && (audio || !m.promised[1]) {
		return true
	}
	patience := waitForAny
	if m.promised[0] && m.promised[1] {
		patience = waitForPromised
	}
	return m.waiting > maxPending || len(m.pending) > 0 && m.time-m.first > patience
}

// sizeOf is about how many bytes a frame that is kept takes.
func sizeOf(b webm.Block) int { return len(b.Data) + blockBytes }

// Next returns the next frame.
func (m *media) Next() (webm.Block, error) {
	if len(m.pending) > 0 {
		block := m.pending[0]
		m.pending[0] = webm.Block{} // which the slice beneath keeps
		m.pending, m.waiting = m.pending[1:], m.waiting-sizeOf(block)
		return block, nil
	}
	for {
		block, err := m.read()
		if err != nil || block.Data != nil {
			return block, err
		}
	}
}

// Resume has nothing to do: there are no holes in a connection.
func (m *media) Resume() {}

// Damaged counts messages that could not be read.
func (m *media) Damaged() uint64 { return m.damaged }

// Held is how many bytes are kept.
func (m *media) Held() int { return m.in.held + m.waiting }

// read reads a message, and returns the frame in it, if there is one.
func (m *media) read() (webm.Block, error) {
	msg, err := m.in.next()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF) && m.known: // the connection has been lost in the middle of a message
		return webm.Block{}, io.EOF
	case err != nil:
		return webm.Block{}, err
	}
	switch msg.kind {
	case typeVideo:
		t, err := parseVideo(msg.body)
		return m.take(msg, t, err, videoTrack)
	case typeAudio:
		t, err := parseAudio(msg.body)
		return m.take(msg, t, err, audioTrack)
	case typeUserControl:
		return webm.Block{}, m.out.answerPing(msg.body)
	case typeData:
		m.hear(msg.body)
	}
	if c, ok := commandOf(msg); ok && c.isLast() {
		return webm.Block{}, io.EOF
	}
	return webm.Block{}, nil
}

// take takes what a message of media has. One that is damaged is passed over.
func (m *media) take(msg message, t tag, damaged error, number uint64) (webm.Block, error) {
	if damaged != nil || t.part == nothing {
		if damaged != nil {
			m.damaged++
		}
		return webm.Block{}, nil
	}
	if err := m.accept(t, number); err != nil {
		return webm.Block{}, err
	}
	track := m.tracks[number-1]
	if t.part == configuration || len(t.data) == 0 || track == nil {
		return webm.Block{}, nil
	}
	// Messages come in the order of decoding, and at its times they are passed on: at those of showing, sound would wait for later pictures.
	block := webm.Block{Track: number, Time: m.at(msg.time), Data: t.data}
	if number == videoTrack {
		block.Private, m.renewed = m.renewed, nil
	}
	return block, nil
}

// accept makes a track of the first message of its kind from which its codec is known, and heeds another configuration. It refuses what is not taken.
func (m *media) accept(t tag, number uint64) error {
	track := m.tracks[number-1]
	switch t.codec {
	case codecH264, codecAV1, codecVP9:
		if number != videoTrack {
			return errTag
		}
	case codecAAC, codecOpus:
	default:
		return refuse(number, t.codec)
	}
	configured := t.part == configuration || t.codec == codecVP9 || t.codec == codecAV1 || t.codec == codecOpus
	switch {
	case track == nil && configured && !m.known:
		m.tracks[number-1] = &webm.Track{Number: number, Codec: t.codec, Video: number == videoTrack, Private: configurationOf(t)}
		return nil
	case track == nil: // a track that has come too late, or frames before their configuration
		return nil
	case track.Codec != t.codec:
		return fmt.Errorf("the encoder has changed from %s to %s: let it connect again", track.Codec, t.codec)
	case t.part != configuration || bytes.Equal(track.Private, configurationOf(t)):
		return nil
	case number == audioTrack && t.codec == codecAAC:
		return errors.New("the encoder has changed the format of its AAC: let it connect again")
	}
	track.Private = configurationOf(t)
	m.renewed = track.Private
	return nil
}

// configurationOf is the CodecPrivate that a track has, of which only H.264 and AAC need one.
func configurationOf(t tag) []byte {
	if t.part != configuration || t.codec != codecH264 && t.codec != codecAAC {
		return nil
	}
	return bytes.Clone(t.data)
}

// refuse says what to send instead of a codec.
func refuse(number uint64, codec string) error {
	if number == audioTrack {
		return fmt.Errorf("its sound is %s: set the encoder to AAC", codec)
	}
	return fmt.Errorf("its video is %s: set the encoder to H.264 without B-frames", codec)
}

// at is the time of a message. Time stamps wrap after 49.7 days.
func (m *media) at(stamp uint32) time.Duration {
	if !m.begun {
		m.begun, m.last = true, stamp
	}
	m.time += time.Duration(int32(stamp-m.last)) * time.Millisecond
	m.last = stamp
	return m.time
}

// hear takes from metadata which tracks come.
func (m *media) hear(body []byte) {
	values, err := amf0.Unmarshal(body)
	if err != nil {
		return
	}
	for i, value := range values {
		if name, _ := value.(string); name != "onMetaData" || i+1 >= len(values) {
			continue
		}
		if o, ok := objectOf(values[i+1]); ok {
			m.promised = [2]bool{promises(o, "videocodecid", "hasVideo"), promises(o, "audiocodecid", "hasAudio")}
			m.told = m.promised[0] || m.promised[1]
		}
	}
}

// promises reports whether metadata has a codec, or says that there is such a track.
func promises(o amf0.Object, codec, has string) bool {
	if there, isBool := boolOf(o, has); isBool {
		return there
	}
	value, there := o.Get(codec)
	if number, isNumber := value.(float64); isNumber {
		return number > 0
	}
	return there
}

func boolOf(o amf0.Object, name string) (value, ok bool) {
	v, _ := o.Get(name)
	value, ok = v.(bool)
	return value, ok
}
