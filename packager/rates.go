package packager

// count adds a listed segment to the measured rates.
func (k *track) count(s Segment) {
	k.bytes += s.Size
	k.length += s.Duration
	if s.Duration*2 >= int64(s.Timescale) { // a stump says nothing about rates
		k.peak = max(k.peak, bitrate(s.Size, s.Duration, s.Timescale))
	}
}

// bandwidth is the peak rate that manifests declare: the encoder's bound with 5 % for boxes, or what was measured.
func (k *track) bandwidth() int64 { return max(int64(k.Bitrate)+int64(k.Bitrate)/20, k.peak) }

// declaredAverage is the mean rate that manifests declare: the encoder's, which keeps to it, or of copied pictures that so far.
func (k *track) declaredAverage() int64 {
	if k.Copied {
		return k.average()
	}
	return int64(k.Bitrate)
}

// average is the mean rate so far.
func (k *track) average() int64 {
	if k.length == 0 {
		return int64(k.Bitrate)
	}
	return bitrate(k.bytes, k.length, k.init.Timescale)
}

func bitrate(bytes, length int64, timescale uint32) int64 {
	return int64(float64(bytes) * 8 * float64(timescale) / float64(max(length, 1)))
}
