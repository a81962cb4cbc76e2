package cluster

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// PathOfEdge is where nodes ask each other, with the name of a stream behind it, what viewers have been told of the stream.
const PathOfEdge = "/cluster/edge/"

// edgeWithin is how long the others may take to answer.
const edgeWithin = time.Second

// Edge is where the whole segments of a stream of another node end that viewers have been told of here: a program date time, zero where that is not
// known.
func (n *Node) Edge(stream string) time.Time { return n.way.Edge(stream) }

// EdgeAnywhere is the newest of all nodes' edges. Where the stream goes on from there, with the segment that was being made, no program date time goes
// back, and hls.js finds a segment that follows on what it has: in a playlist that begins later than that it finds none, and stands still.
func (n *Node) EdgeAnywhere(ctx context.Context, stream string) (newest time.Time) {
	newest = n.Edge(stream)
	ctx, cancel := context.WithTimeout(ctx, edgeWithin)
	defer cancel()
	var mu sync.Mutex
	n.askAll(n.others(), "the question for a stream's edge", func(id string) {
		edge := n.edgeAt(ctx, id, stream)
		mu.Lock()
		defer mu.Unlock()
		if edge.After(newest) {
			newest = edge
		}
	})
	return newest
}

// edgeAt is the edge at another node; zero where that does not say it.
func (n *Node) edgeAt(ctx context.Context, id, stream string) time.Time {
	status, body, err := n.Ask(ctx, id, PathOfEdge+stream)
	if err != nil || status != http.StatusOK {
		return time.Time{}
	}
	edge, err := time.Parse(time.RFC3339Nano, string(body))
	if err != nil {
		return time.Time{}
	}
	return edge
}
