package api

import (
	"time"

	"github.com/sluice-live/sluice/ingest/bandwidth"
	"github.com/sluice-live/sluice/ingest/session"
)

// Session is a session as /api/v1/sessions tells it, seen from the server: what it receives and what it sends.
type Session struct {
	ID       string     `json:"id"`             // not the session's own name: whoever knows that can end it
	Kind     string     `json:"kind"`           // publisher, viewer, echo, upload, frames, rtmp, srt, participant, air, producer, consumer, pull or forward
	Name     string     `json:"name"`           // of the stream or the room
	Node     string     `json:"node,omitempty"` // of the cluster that has it; absent where the service stands alone
	Address  string     `json:"address"`
	State    string     `json:"state"`
	Since    time.Time  `json:"since"`
	RTT      float64    `json:"rtt"` // seconds, 0 while unknown
	Received Direction  `json:"received"`
	Sent     Direction  `json:"sent"`
	Media    []Received `json:"media"`             // received
	Ignored  []string   `json:"ignored,omitempty"` // tracks of an upload that are not passed on, and why

	Bandwidth *Bandwidth `json:"bandwidth,omitempty"` // of a viewer whose client tells when each packet has come
}

// Bandwidth is what is known of a viewer's network. All that is sent counts: headers, retransmissions and padding too.
type Bandwidth struct {
	Estimate  float64 `json:"estimate"`        // bit/s; 0 until the network has once been too slow
	Wanted    float64 `json:"wanted"`          // bit/s that would be of use; 0 while there is no estimate
	Sent      float64 `json:"sent"`            // bit/s
	Arrived   float64 `json:"arrived"`         // bit/s
	Loss      float64 `json:"loss"`            // the share lost lately, 0 to 1
	Lost      uint64  `json:"lost"`            // packets
	RTT       float64 `json:"rtt"`             // seconds, with the time that the client gathers feedback for
	Layer     string  `json:"layer,omitempty"` // that has been chosen where there are several, once there is an estimate
	Switches  uint64  `json:"switches"`        // from one layer to another
	Decreases uint64  `json:"decreases"`       // of the estimate
	Probes    uint64  `json:"probes"`
}

func newBandwidth(st *bandwidth.Stats) *Bandwidth {
	if st == nil {
		return nil
	}
	return &Bandwidth{
		Estimate: st.Estimate, Wanted: st.Wanted, Sent: st.Sent, Arrived: st.Arrived, Loss: st.Loss, Lost: st.Lost, RTT: st.RTT.Seconds(),
		Layer: st.Layer, Switches: st.Switches, Decreases: st.Decreases, Probes: st.Probes,
	}
}

// Direction sums up the media of one direction.
type Direction struct {
	Bitrate float64 `json:"bitrate"` // bit/s
	Bytes   uint64  `json:"bytes"`
	Packets uint64  `json:"packets"`
	Lost    uint64  `json:"lost"`   // packets; of what is sent, as the client tells
	Loss    float64 `json:"loss"`   // of what is sent: the share lost lately, 0 to 1, as the client tells, the largest
	Jitter  float64 `json:"jitter"` // seconds, the largest; of what is sent, as the client tells
	RTT     float64 `json:"rtt"`    // seconds, by RTCP, of what is sent
	NACKs   uint64  `json:"nacks"`  // packets asked for again by who gets them
	PLIs    uint64  `json:"plis"`   // key frames asked for by who gets them

	RED       int    `json:"red"`       // of what is sent: earlier packets that each packet of sound brings once more now (RFC 2198)
	Redundant uint64 `json:"redundant"` // of what is sent: packets of sound that have brought earlier ones
	FEC       int    `json:"fec"`       // of what is sent: how much error correction of pictures there is now (FlexFEC-03), 0 (none) to 4 (half as many packets)
	Corrected uint64 `json:"corrected"` // of what is sent: packets of error correction
}

// Received is a medium that a session sends to the server.
type Received struct {
	Kind   string  `json:"kind"`
	FPS    float64 `json:"fps"`
	Width  int     `json:"width"` // of VP8; 0 while unknown
	Height int     `json:"height"`
	Track
}

func newSession(info session.Info) Session {
	session := Session{
		ID: info.ID, Kind: string(info.Kind), Name: info.Name, Address: info.Address, State: string(info.State), Since: info.Since.UTC().Truncate(time.Millisecond),
		RTT: info.RTT.Seconds(), Received: Direction{NACKs: info.NACKs, PLIs: info.PLIs}, Media: []Received{}, Ignored: info.Ignored,
		Bandwidth: newBandwidth(info.Bandwidth),
	}
	for _, t := range info.Received {
		in := &session.Received
		in.Bitrate += t.Bitrate
		in.Bytes += t.Bytes
		in.Packets += t.Packets
		in.Lost += t.Lost
		in.Jitter = max(in.Jitter, t.Jitter.Seconds())
		session.Media = append(session.Media, Received{
			Kind: string(t.Kind), FPS: t.FPS, Width: t.Width, Height: t.Height, Track: describeTrack(t),
		})
	}
	for _, o := range info.Sent {
		out := &session.Sent
		out.Bitrate += o.Bitrate
		out.Bytes += o.Bytes
		out.Packets += o.Packets
		out.Lost += o.Lost
		out.Jitter, out.RTT = max(out.Jitter, o.Jitter.Seconds()), max(out.RTT, o.RTT.Seconds())
		out.Loss = max(out.Loss, o.LossRate)
		out.NACKs += o.NACKs
		out.PLIs += o.PLIs
		out.RED = max(out.RED, o.RED)
		out.Redundant += o.Redundant
		out.FEC = max(out.FEC, o.CorrectionLevel)
		out.Corrected += o.Correction
	}
	return session
}
