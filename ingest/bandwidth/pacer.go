package bandwidth

import "time"

// How fast packets leave.
const (
	paceFactor = 1.7                   // times the estimate: the slowest link on the way is kept busy, and its queue short
	paceBurst  = 10 * time.Millisecond // of it may leave at once
	paceLeast  = 6000                  // bytes that may
	strictFor  = 5 * time.Second       // after packets have waited in a queue
	lowered    = time.Second           // ago packets wait, as far as is known
)

// pacer keeps what is sent from coming in bursts that a slow network cannot hold.
type pacer struct {
	rate   float64 // bytes a second; 0: there is room for all
	needed float64 // bit/s that the media has now
	debt   float64 // bytes that have left too early
	at     time.Duration
}

// set follows the estimate.
func (p *pacer) set(e *estimator, now time.Duration) {
	waits := e.stoodAt > 0 && now-e.stoodAt < strictFor || e.decreased > 0 && now-e.decreased < lowered
	switch {
	case !e.known:
		p.rate = 0
	case waits || e.bitrate < FarOverBy*p.needed:
		p.rate = e.bitrate / 8 // so that a queue gets shorter, and what is not paced, sound, does not wait in it
	default:
		p.rate = paceFactor * e.bitrate / 8
	}
}

func (p *pacer) settle(now time.Duration) {
	p.debt = max(p.debt-p.rate*(now-p.at).Seconds(), 0)
	p.at = now
}

func (p *pacer) add(bytes int, now time.Duration) {
	p.settle(now)
	p.debt += float64(bytes)
}

func (p *pacer) wait(now time.Duration) time.Duration {
	if p.rate == 0 {
		return 0
	}
	p.settle(now)
	over := p.debt - max(p.rate*paceBurst.Seconds(), paceLeast)
	if over <= 0 {
		return 0
	}
	return max(time.Duration(over/p.rate*float64(time.Second)), time.Millisecond)
}
