package forward

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/sluice-live/sluice/ingest/rtmp"
	"github.com/sluice-live/sluice/public/panics"
)

// outlet is a connection to a target that takes media.
type outlet interface {
	// write sends a unit, with its configuration before it where that is another one. It waits for 10 s at most.
	write(u unit) error
	// describe tells of what comes.
	describe(video, audio *format) error
	// done is closed when the other server has ended the connection; why says why then, and nil before.
	done() <-chan struct{}
	why() error
	// finish sends what is left. It waits until the other server has that, for 2 s at most, unless close is called.
	finish()
	// lost counts what has not come there.
	lost() uint64
	// close ends the connection, and waits for what belongs to it.
	close()
}

// rtmpOutlet publishes over RTMP.
type rtmpOutlet struct {
	client   *rtmp.Client
	zero     *time.Duration // of decode times
	format   [2]*format     // of sound, and of pictures
	ended    chan struct{}
	err      error // once that is closed
	hearing  sync.WaitGroup
	sizeSent func(int)
}

// openRTMP publishes at a URL: rtmp://HOST/APP/KEY, where APP may have more than one step.
func openRTMP(ctx context.Context, u *url.URL, roots *tls.Config, sent func(int)) (outlet, error) {
	client, err := rtmp.Dial(ctx, destinationOf(u, roots))
	if err != nil {
		return nil, err
	}
	o := &rtmpOutlet{client: client, ended: make(chan struct{}), sizeSent: sent}
	o.hearing.Go(func() {
		defer close(o.ended)
		if fault := panics.Contain(nil, "a connection of RTMP", func() { o.err = client.Listen() }); fault != nil {
			o.err = fault
		}
	})
	return o, nil
}

// destinationOf takes a URL apart.
func destinationOf(u *url.URL, roots *tls.Config) rtmp.Destination {
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	slash := strings.LastIndexByte(path, '/')
	d := rtmp.Destination{Key: path[slash+1:]}
	if slash > 0 {
		d.App = path[:slash]
	}
	if u.RawQuery != "" {
		d.Key += "?" + u.RawQuery
	}
	d.URL = u.Scheme + "://" + u.Host + "/" + d.App
	port := "1935"
	if u.Scheme == "rtmps" {
		port = "443"
		d.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		if roots != nil {
			d.TLS = roots.Clone()
		}
		d.TLS.ServerName = u.Hostname()
	}
	if u.Port() != "" {
		port = u.Port()
	}
	d.Address = net.JoinHostPort(u.Hostname(), port)
	return d
}

func (o *rtmpOutlet) done() <-chan struct{} { return o.ended }

func (o *rtmpOutlet) why() error {
	select {
	case <-o.ended:
		return o.err
	default:
		return nil
	}
}

func (o *rtmpOutlet) finish() {} // what TCP has taken comes there

func (o *rtmpOutlet) lost() uint64 { return 0 }

func (o *rtmpOutlet) close() {
	o.client.Close()
	o.hearing.Wait()
}

func (o *rtmpOutlet) describe(video, audio *format) error {
	width, height := 0, 0
	if video != nil {
		width, height = video.width, video.height
	}
	return o.client.Describe(width, height, video != nil, audio != nil)
}

func (o *rtmpOutlet) write(u unit) error {
	if o.zero == nil {
		o.zero = &u.at
	}
	at, kind := max(u.at-*o.zero, 0), 0
	if u.format.video {
		kind = 1
	}
	if o.format[kind] != u.format {
		o.format[kind] = u.format
		if err := o.configure(u.format, at); err != nil {
			return err
		}
	}
	o.sizeSent(len(u.data))
	if u.format.video {
		return o.client.WriteVideo(at, u.later, u.key, u.data)
	}
	return o.client.WriteAudio(at, u.data)
}

func (o *rtmpOutlet) configure(f *format, at time.Duration) error {
	if f.video {
		return o.client.ConfigureVideo(at, f.record)
	}
	return o.client.ConfigureAudio(at, f.record)
}
