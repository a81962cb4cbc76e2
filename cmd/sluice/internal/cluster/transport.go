package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// RoundTrip implements http.RoundTripper: a request goes to the node that To has named, or that has the session or the stream of its path. It ends when
// that node has the stream no more: of one that was killed nobody would know otherwise.
func (n *Node) RoundTrip(r *http.Request) (*http.Response, error) {
	id, named := r.Context().Value(targetKey{}).(string)
	if named {
		return n.send(r, id)
	}
	stream, id := asks(r.URL.Path)
	if id != "" {
		if id != n.options.ID && !n.Reaches(id) && n.Connected() {
			return gone(r), nil
		}
		return n.send(r, id)
	}
	if o, ok := n.view.owner(stream); ok {
		return n.send(r, o.node, o.reign)
	}
	if id, ok := n.Holder(stream); ok {
		return n.send(r, id)
	}
	return nil, fmt.Errorf("no node has %q", stream)
}

// ending is a body with which something ends.
type ending struct {
	io.ReadCloser
	end func()
}

// Close ends it.
func (b ending) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// gone is what a node that has left would say of its session.
func gone(r *http.Request) *http.Response {
	return &http.Response{
		Status: "404 Not Found", StatusCode: http.StatusNotFound, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody, Request: r,
	}
}

// send sends a request to a node, until that leaves or something else ends. To this one requests come that have been waiting when it got the stream.
func (n *Node) send(r *http.Request, id string, while ...context.Context) (*http.Response, error) {
	at, err := n.reach(id)
	m, there := n.view.node(id)
	if there && id == n.options.ID {
		at, err = url.Parse(m.URL)
	}
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	if there {
		while = append(while, m.stay)
	}
	var stops []func() bool
	for _, reign := range while {
		stops = append(stops, context.AfterFunc(reign, cancel))
	}
	end := sync.OnceFunc(func() {
		for _, stop := range stops {
			stop()
		}
		cancel()
	})
	out := r.WithContext(ctx)
	target := *r.URL
	target.Scheme, target.Host = at.Scheme, at.Host
	out.URL, out.Host = &target, ""
	answer, err := n.connected.RoundTrip(out)
	switch {
	case err != nil:
		end()
		return nil, err
	case answer.StatusCode == http.StatusSwitchingProtocols: // whose body is a connection, which its reader ends
		context.AfterFunc(r.Context(), end)
	default:
		answer.Body = ending{answer.Body, end}
	}
	return answer, nil
}
