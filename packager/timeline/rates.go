package timeline

// rates are measured over the listed segments of a track.
type rates struct {
	bytes, length int64 // length in ticks
	peak          int64 // bit/s of the most demanding segment
}

func (r *rates) count(s Segment) {
	r.bytes += s.Size
	r.length += s.Duration
	if s.Duration*2 >= int64(s.Timescale) { // a stump says nothing about rates
		r.peak = max(r.peak, Bitrate(s.Size, s.Duration, s.Timescale))
	}
}

// bandwidth is the peak rate that manifests declare: the encoder's bound with 5 % for boxes, or what was measured.
func (k *Track) bandwidth() int64 { return max(int64(k.Bitrate)+int64(k.Bitrate)/20, k.rates.peak) }

// declaredAverage is the mean rate that manifests declare: the encoder's, which keeps to it, or of copied video that so far.
func (k *Track) declaredAverage() int64 {
	if k.Copied {
		return k.average()
	}
	return int64(k.Bitrate)
}

// average is the mean rate so far.
func (k *Track) average() int64 {
	if k.rates.length == 0 {
		return int64(k.Bitrate)
	}
	return Bitrate(k.rates.bytes, k.rates.length, k.init.Timescale)
}

// Bitrate is the mean rate, in bit/s, of so many bytes over a length in ticks.
func Bitrate(bytes, length int64, timescale uint32) int64 {
	return int64(float64(bytes) * 8 * float64(timescale) / float64(max(length, 1)))
}
