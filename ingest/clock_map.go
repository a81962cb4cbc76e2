package ingest

import "time"

// clockMap is one instant on a publisher's wall clock and on ours: its sender reports are moved to our clock by it, those of both
// tracks alike, so that sound and picture stay together.
type clockMap struct {
	at  time.Time // zero: unknown
	ntp uint64
}

func (b *clockMap) instant(ntp uint64, arrival time.Time) time.Time {
	if b.at.IsZero() {
		b.at, b.ntp = arrival, ntp
	}
	const second = 1 << 32
	return b.at.Add(time.Duration(float64(int64(ntp-b.ntp)) / second * float64(time.Second)))
}

// ntpTime is seconds since 1900, 32.32 bits.
func ntpTime(t time.Time) uint64 {
	const from1900To1970 = 2_208_988_800
	return uint64(t.Unix()+from1900To1970)<<32 | uint64(t.Nanosecond())<<32/1e9
}
