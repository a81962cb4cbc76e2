package client

import (
	"fmt"
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"

	"github.com/sluice-live/sluice/depay"
)

// playMeter makes frames of what comes, counts them and hands them to the recording. Its methods may be called by any
// goroutine.
type playMeter struct {
	mu        sync.Mutex
	began     time.Time
	video     depay.Codec
	depay     *depay.Depacketizer // nil before begin
	recording *playRecording      // nil: none
	err       error               // of the recording

	requestKeyFrame func()

	frames, sound, bytes int64
	firstKey             time.Duration // since began; 0: none has come
	before               playCounts    // at the last line
}

// playCounts are totals at an instant.
type playCounts struct {
	at                   time.Time
	frames, sound, bytes int64
	packets, lost        uint64
}

func newPlayMeter(recording *playRecording, requestKeyFrame func()) *playMeter {
	m := &playMeter{began: time.Now(), recording: recording, requestKeyFrame: requestKeyFrame}
	m.before.at = m.began
	return m
}

// begin implements playSink.
func (m *playMeter) begin(video depay.Codec) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.recording.begin(video); err != nil {
		return err
	}
	var err error
	m.video = video
	m.depay, err = depay.New(depay.Options{Video: video, Audio: depay.Opus, Emit: m.emit, RequestKeyFrame: m.requestKeyFrame})
	return err
}

// packet implements playSink.
func (m *playMeter) packet(kind depay.Kind, p *rtp.Packet) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.bytes += int64(len(p.Payload))
	m.depay.Push(kind, p, time.Now())
}

// report implements playSink.
func (m *playMeter) report(kind depay.Kind, r *rtcp.SenderReport) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.depay.SenderReport(kind, r.NTPTime, r.RTPTime, time.Now())
}

// emit takes the frames in order; mu is held.
func (m *playMeter) emit(f depay.Frame) {
	switch {
	case f.Filler:
		return
	case f.Codec == depay.Opus:
		m.sound++
	default:
		m.frames++
		if f.Key && m.firstKey == 0 {
			m.firstKey = time.Since(m.began)
		}
	}
	if m.recording != nil && m.err == nil {
		m.err = m.recording.write(f)
	}
}

// line tells the rates since the last line, and the error that has ended the recording.
func (m *playMeter) line(now time.Time) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	total, before := m.total(now), m.before
	m.before = total
	seconds := max(now.Sub(before.at).Seconds(), 0.001)
	s := fmt.Sprintf("%v %.0f fps  %.0f kbit/s  sound %.0f packets/s  lost %d", m.video, float64(total.frames-before.frames)/seconds,
		float64(total.bytes-before.bytes)*8/1000/seconds, float64(total.sound-before.sound)/seconds, total.lost-min(before.lost, total.lost))
	if m.firstKey > 0 {
		s += fmt.Sprintf("  first key frame after %.2fs", m.firstKey.Seconds())
	}
	return s, m.err
}

func (m *playMeter) total(now time.Time) playCounts {
	if m.depay == nil {
		return playCounts{at: now}
	}
	stats := m.depay.Stats()
	return playCounts{
		at: now, frames: m.frames, sound: m.sound, bytes: m.bytes,
		packets: stats.Video.Packets + stats.Audio.Packets, lost: stats.Video.Lost + stats.Audio.Lost,
	}
}

// finish takes the last frames out, closes the recording, and returns the totals.
func (m *playMeter) finish() (playCounts, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if m.depay != nil {
		m.depay.Detach(now)
	}
	if err := m.recording.Close(); m.err == nil {
		m.err = err
	}
	return m.total(now), m.err
}
