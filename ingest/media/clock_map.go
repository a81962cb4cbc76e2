package media

import "time"

// ClockMap is one instant on a publisher's wall clock and on ours: its sender reports are moved to our clock by it, those of both
// tracks alike, so that sound and picture stay together.
type ClockMap struct {
	at  time.Time // zero: unknown
	ntp uint64
}

// Instant is when a packet with this time stamp of a sender report was sent, on our clock. The first report is taken to have arrived at
// once.
func (b *ClockMap) Instant(ntp uint64, arrival time.Time) time.Time {
	if b.at.IsZero() {
		b.at, b.ntp = arrival, ntp
	}
	const second = 1 << 32
	return b.at.Add(time.Duration(float64(int64(ntp-b.ntp)) / second * float64(time.Second)))
}

// NTPTime is seconds since 1900, 32.32 bits.
func NTPTime(t time.Time) uint64 {
	const from1900To1970 = 2_208_988_800
	return uint64(t.Unix()+from1900To1970)<<32 | uint64(t.Nanosecond())<<32/1e9
}
