package ingest

import (
	"errors"
	"io"

	"github.com/pion/rtcp"
)

// maxReadErrors is how many packets in a row may be unreadable before the track is given up.
const maxReadErrors = 1000

// readRTP hands on what r yields until it is closed.
func (t *Track) readRTP(r rtpReader, deliver func(*Packet)) {
	for failures := 0; failures < maxReadErrors; {
		p := t.pool.get()
		err := p.read(r)
		switch {
		case err == nil:
			failures = 0
			deliver(p)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
			failures = maxReadErrors
		default: // too long, cut short, or of a payload type that was not negotiated
			failures++
			t.countMalformed()
		}
		p.Release()
	}
}

// readReports hands on the sender reports of a source that r yields until it is closed.
func (t *Track) readReports(r rtpReader, ssrc uint32, report func(SenderReport)) {
	readRTCP(r, func(packets []rtcp.Packet) {
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == ssrc {
				report(SenderReport{NTP: sr.NTPTime, RTPTime: sr.RTPTime})
			}
		}
	}, t.countMalformed)
}

// readRTCP hands on what r yields until it is closed, and tells of what cannot be read.
func readRTCP(r rtpReader, hear func([]rtcp.Packet), malformed func()) {
	buf := make([]byte, maxPacket)
	for {
		n, _, err := r.Read(buf)
		if err != nil {
			return
		}
		if packets, err := rtcp.Unmarshal(buf[:n]); err != nil {
			malformed()
		} else {
			hear(packets)
		}
	}
}
