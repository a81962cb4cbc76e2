package media

import (
	"errors"
	"io"

	"github.com/pion/rtcp"
)

// maxReadErrors is how many packets in a row may be unreadable before the track is given up.
const maxReadErrors = 1000

// ReadRTP hands on what r yields until it is closed.
func (t *Track) ReadRTP(r Reader, deliver func(*Packet)) {
	for failures := 0; failures < maxReadErrors; {
		p := t.pool.Get()
		err := p.read(r)
		switch {
		case err == nil:
			failures = 0
			deliver(p)
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrClosedPipe):
			failures = maxReadErrors
		default: // too long, cut short, or of a payload type that was not negotiated
			failures++
			t.CountMalformed()
		}
		p.Release()
	}
}

// ReadReports hands on the sender reports of a source that r yields until it is closed.
func (t *Track) ReadReports(r Reader, ssrc uint32, report func(SenderReport)) {
	ReadRTCP(r, func(packets []rtcp.Packet) {
		for _, p := range packets {
			if sr, ok := p.(*rtcp.SenderReport); ok && sr.SSRC == ssrc {
				report(SenderReport{NTP: sr.NTPTime, RTPTime: sr.RTPTime})
			}
		}
	}, t.CountMalformed)
}

// ReadRTCP hands on what r yields until it is closed, and tells of what cannot be read.
func ReadRTCP(r Reader, hear func([]rtcp.Packet), malformed func()) {
	buf := make([]byte, MaxPacket)
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
