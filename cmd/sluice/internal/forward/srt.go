package forward

import (
	"context"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/sluice-live/sluice/ingest/srt"
)

// srtOutlet publishes over SRT, as a caller.
type srtOutlet struct {
	client  *srt.Client
	program *program
	packet  []byte // of SRT, that is not full
	sent    func(int)
}

// openSRT publishes at a URL: srt://HOST:PORT?streamid=ID&passphrase=SECRET.
func openSRT(ctx context.Context, u *url.URL, sent func(int)) (outlet, error) {
	d, err := srtDestination(u)
	if err != nil {
		return nil, err
	}
	client, err := srt.Dial(ctx, d)
	if err != nil {
		return nil, err
	}
	return &srtOutlet{client: client, sent: sent}, nil
}

func (o *srtOutlet) done() <-chan struct{} { return o.client.Done() }

func (o *srtOutlet) why() error { return o.client.Why() }

func (o *srtOutlet) close() { o.client.Close() }

func (o *srtOutlet) lost() uint64 { return o.client.Late() }

func (o *srtOutlet) describe(video, audio *format) (err error) {
	o.program, err = newProgram(o, video, audio)
	return err
}

func (o *srtOutlet) write(u unit) error {
	if err := o.program.write(u); err != nil {
		return err
	}
	o.sent(len(u.data))
	if u.format.video || o.program.video == nil { // sound goes with the next picture
		return o.flush()
	}
	return nil
}

// finish sends what is left, and waits until the server has it, for 2 s at most.
func (o *srtOutlet) finish() {
	if o.flush() == nil {
		o.client.Drain()
	}
}

// Write takes MPEG-TS, and sends packets that are full.
func (o *srtOutlet) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		n := min(len(rest), srt.MaxPayload-len(o.packet))
		o.packet, rest = append(o.packet, rest[:n]...), rest[n:]
		if len(o.packet) == srt.MaxPayload {
			if err := o.flush(); err != nil {
				return 0, err
			}
		}
	}
	return len(b), nil
}

func (o *srtOutlet) flush() error {
	if len(o.packet) == 0 {
		return nil
	}
	_, err := o.client.Write(o.packet)
	o.packet = o.packet[:0]
	return err
}

const (
	maxStreamID                     = 512 // bytes
	leastPassphrase, mostPassphrase = 10, 79
	mostLatency                     = 10 * time.Second
	microseconds                    = 10_000 // from this number on latency is in those, as ffmpeg and OBS have it, and in milliseconds before
)

// fault is what is wrong with a URL, without anything of it.
type fault string

func (f fault) Error() string { return string(f) }

// srtDestination takes a URL apart. The error has nothing of it.
func srtDestination(u *url.URL) (d srt.Destination, err error) {
	d.Address = u.Host
	switch {
	case u.Port() == "":
		return d, fault("has a URL of SRT without a port, such as srt://live.example.org:9000?streamid=ID")
	case strings.Trim(u.Path, "/") != "":
		return d, fault("has a URL of SRT with a path, which is not sent: the name of the stream goes into streamid, behind a ?")
	}
	for parameter := range strings.SplitSeq(u.RawQuery, "&") {
		name, value, _ := strings.Cut(parameter, "=")
		if value, err = url.PathUnescape(value); err != nil {
			return d, fault("has a URL of SRT with a % that no two digits follow: write %25")
		}
		if err := setSRT(&d, name, value); err != nil {
			return d, err
		}
	}
	return d, nil
}

func setSRT(d *srt.Destination, name, value string) error {
	switch name {
	case "":
	case "streamid":
		if d.StreamID = value; len(value) > maxStreamID {
			return fault("has a streamid of more than 512 bytes")
		}
	case "passphrase":
		if d.Passphrase = value; len(value) < leastPassphrase || len(value) > mostPassphrase {
			return fault("has a passphrase that is not of 10 to 79 bytes, as SRT wants it")
		}
	case "pbkeylen":
		n, err := strconv.Atoi(value)
		if d.KeyBytes = n; err != nil || n != 0 && n != 16 && n != 24 && n != 32 {
			return fault("has a pbkeylen other than 16, 24 and 32")
		}
	case "latency":
		n, err := strconv.ParseUint(value, 10, 32)
		d.Latency = time.Duration(n) * time.Millisecond
		if n >= microseconds {
			d.Latency /= 1000
		}
		if err != nil || d.Latency > mostLatency {
			return fault("has a latency that is none of up to 10 s: milliseconds, or microseconds from 10000 on")
		}
	case "mode":
		if value != "caller" {
			return fault("has a mode other than caller: Sluice calls the server")
		}
	case "transtype":
		if value != "live" {
			return fault("has a transtype other than live")
		}
	case "pkt_size":
		if value != strconv.Itoa(srt.MaxPayload) {
			return fault("has a pkt_size other than 1316, which is what is sent")
		}
	default:
		return fault("has a URL of SRT with something else behind the ? than streamid, passphrase, pbkeylen, latency and mode=caller; a & within one is %26")
	}
	return nil
}
