package metrics

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/ingest/room"
)

func describeOfSessions(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("sluice_session_"+name, help, []string{"kind", "direction"}, nil)
}

// Sessions are told of by their kind: a label for each session would have as many values as there ever are sessions. The API tells of each.
var (
	descSessionBitrate    = describeOfSessions("bitrate", "What flows in the sessions of a kind, in bit/s; direction is received or sent by the server.")
	descSessionJitter     = describeOfSessions("jitter_seconds", "Jitter of arrival, the largest.")
	descSessionPackets    = describeOfSessions("packets_total", "RTP packets, of sessions up to their last scrape.")
	descSessionLost       = describeOfSessions("lost_packets_total", "RTP packets that have not come.")
	descSessionNACKs      = describeOfSessions("nacks_total", "Packets asked for again by who gets them.")
	descSessionPLIs       = describeOfSessions("key_frame_requests_total", "Key frames asked for by who gets them.")
	descSessionRedundant  = describeOfSessions("redundant_packets_total", "Packets of sound that brought earlier ones once more, for a client that loses some.")
	descSessionCorrection = describeOfSessions("correction_packets_total", "Packets of error correction of pictures (FlexFEC-03), for a client that loses some.")
	descSessionRTT        = prometheus.NewDesc("sluice_session_rtt_seconds", "Round trip of the connection, the longest; 0 while unknown.", []string{"kind"}, nil)
)

// Of viewers whose networks have once been too slow for what they are sent.
var (
	descEstimates     = prometheus.NewDesc("sluice_viewer_estimates", "Viewers whose networks have been too slow at some time, so that their bandwidth is estimated.", nil, nil)
	descEstimateSum   = prometheus.NewDesc("sluice_viewer_estimate_bitrate", "Bandwidth of these viewers together, in bit/s.", nil, nil)
	descEstimateLeast = prometheus.NewDesc("sluice_viewer_estimate_least_bitrate", "Bandwidth of the slowest of them, in bit/s; 0 while there is none.", nil, nil)
	descShort         = prometheus.NewDesc("sluice_viewers_short_of_bandwidth", "Viewers whose networks carry less than would be of use.", nil, nil)
)

// flow is the sessions of a kind in one direction.
type flow struct{ kind, direction string }

// counts are what only grows.
type counts struct{ packets, lost, nacks, plis, redundant, correction uint64 }

func (c *counts) add(now, before counts) {
	c.packets += grown(now.packets, before.packets)
	c.lost += grown(now.lost, before.lost)
	c.nacks += grown(now.nacks, before.nacks)
	c.plis += grown(now.plis, before.plis)
	c.redundant += grown(now.redundant, before.redundant)
	c.correction += grown(now.correction, before.correction)
}

// grown is by how much a count has grown. What counts anew has begun at 0; loss may be taken back when a packet comes after all.
func grown(now, before uint64) uint64 {
	if now < before {
		return 0
	}
	return now - before
}

// sums adds up what living sessions and rooms have counted, so that nothing goes backwards when one ends. It holds no more than there are, and a
// number for each kind.
type sums struct {
	mu       sync.Mutex
	sessions map[string]map[string]counts // what each had at the last scrape, by its id and direction
	flows    map[flow]counts
	rooms    map[string]uint64 // packets dropped, at the last scrape
	dropped  uint64
}

// level is what goes up and down.
type level struct{ bitrate, jitter float64 }

func (s *sums) collectSessions(ch chan<- prometheus.Metric, sessions []api.Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, levels, trips := s.sessions, map[flow]level{}, map[string]float64{}
	s.sessions = make(map[string]map[string]counts, len(sessions))
	if s.flows == nil {
		s.flows = map[flow]counts{}
	}
	for _, session := range sessions {
		trips[session.Kind] = max(trips[session.Kind], session.RTT)
		s.sessions[session.ID] = map[string]counts{}
		for direction, d := range map[string]api.Direction{"received": session.Received, "sent": session.Sent} {
			of, now := flow{session.Kind, direction}, counts{d.Packets, d.Lost, d.NACKs, d.PLIs, d.Redundant, d.Corrected}
			total := s.flows[of]
			total.add(now, before[session.ID][direction])
			s.flows[of], s.sessions[session.ID][direction] = total, now
			levels[of] = level{levels[of].bitrate + d.Bitrate, max(levels[of].jitter, d.Jitter)}
		}
	}
	for of, total := range s.flows {
		for desc, n := range map[*prometheus.Desc]uint64{
			descSessionPackets: total.packets, descSessionLost: total.lost, descSessionNACKs: total.nacks, descSessionPLIs: total.plis,
			descSessionRedundant: total.redundant, descSessionCorrection: total.correction,
		} {
			ch <- prometheus.MustNewConstMetric(desc, prometheus.CounterValue, float64(n), of.kind, of.direction)
		}
		ch <- prometheus.MustNewConstMetric(descSessionBitrate, prometheus.GaugeValue, levels[of].bitrate, of.kind, of.direction)
		ch <- prometheus.MustNewConstMetric(descSessionJitter, prometheus.GaugeValue, levels[of].jitter, of.kind, of.direction)
	}
	for kind, trip := range trips {
		ch <- prometheus.MustNewConstMetric(descSessionRTT, prometheus.GaugeValue, trip, kind)
	}
}

// collectBandwidth tells of the viewers' networks.
func collectBandwidth(ch chan<- prometheus.Metric, sessions []api.Session) {
	var sum, least float64
	estimates, short := 0, 0
	for _, session := range sessions {
		b := session.Bandwidth
		if b == nil || b.Estimate == 0 {
			continue
		}
		estimates++
		sum += b.Estimate
		if least == 0 || b.Estimate < least {
			least = b.Estimate
		}
		if b.Estimate < b.Wanted {
			short++
		}
	}
	for desc, n := range map[*prometheus.Desc]float64{
		descEstimates: float64(estimates), descEstimateSum: sum, descEstimateLeast: least, descShort: float64(short),
	} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, n)
	}
}

func (s *sums) collectRooms(ch chan<- prometheus.Metric, rooms []room.Info) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, participants := s.rooms, 0
	s.rooms = make(map[string]uint64, len(rooms))
	for _, room := range rooms {
		participants += len(room.Participants)
		s.dropped += grown(room.Dropped, before[room.Name])
		s.rooms[room.Name] = room.Dropped
	}
	ch <- prometheus.MustNewConstMetric(descRoomDrops, prometheus.CounterValue, float64(s.dropped))
	ch <- prometheus.MustNewConstMetric(descRooms, prometheus.GaugeValue, float64(len(rooms)))
	ch <- prometheus.MustNewConstMetric(descParticipants, prometheus.GaugeValue, float64(participants))
}
