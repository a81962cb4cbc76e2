package bandwidth

import "time"

// A rate is measured over half a second.
const (
	rateBucket  = 50 * time.Millisecond
	rateBuckets = 10
	rateLeast   = 4 // buckets; before, it is unknown
)

// rate measures a bit rate of what is added in the order of time, or nearly.
type rate struct {
	bytes         [rateBuckets]int
	newest, first int64 // buckets since time 0
	begun         bool
}

func (r *rate) add(at time.Duration, bytes int) {
	bucket := int64(at / rateBucket)
	if !r.begun || bucket-r.newest > 2*rateBuckets || r.newest-bucket > 2*rateBuckets { // it has been still, or the clock has changed
		*r = rate{newest: bucket, first: bucket, begun: true}
	}
	for r.newest < bucket {
		r.newest++
		r.bytes[r.newest%rateBuckets] = 0
	}
	if r.newest-bucket < rateBuckets {
		r.bytes[bucket%rateBuckets] += bytes
	}
}

// bitrate is in bit/s; 0 while unknown.
func (r *rate) bitrate() float64 {
	span := min(r.newest-r.first, rateBuckets-1) // the newest is not full
	if span < rateLeast {
		return 0
	}
	sum := 0
	for i := r.newest - span; i < r.newest; i++ {
		sum += r.bytes[i%rateBuckets]
	}
	return float64(sum*8) / (time.Duration(span) * rateBucket).Seconds()
}
