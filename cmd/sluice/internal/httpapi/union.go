package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/panics"
)

const (
	unionFor    = time.Second     // what other nodes have said is good
	unionWithin = 2 * time.Second // for them to say it
)

// union is what all nodes have, asked once for all who want to know.
type union struct {
	mu     sync.Mutex
	at     time.Time
	newest api.NodeState
}

// all is what there is, at this node and at the others. Those that do not answer are left out, and named.
func (h *handlers) all(ctx context.Context) api.NodeState {
	state, c := h.own(), h.cluster()
	if c == nil {
		return state
	}
	u := &h.union
	u.mu.Lock()
	if time.Since(u.at) >= unionFor {
		u.newest = h.others(context.WithoutCancel(ctx), c) // for all who wait
		u.at = time.Now()
	}
	others := u.newest
	u.mu.Unlock()
	state.Streams = append(state.Streams, others.Streams...)
	slices.SortStableFunc(state.Streams, func(a, b api.Stream) int { return strings.Compare(a.Name, b.Name) })
	state.Streams = slices.CompactFunc(state.Streams, func(a, b api.Stream) bool { return a.Name == b.Name })
	state.Sessions = append(state.Sessions, others.Sessions...)
	state.Rooms = append(state.Rooms, others.Rooms...)
	state.Missing = others.Missing
	return state
}

// own is what there is here: of streams those that no other node has.
func (h *handlers) own() api.NodeState {
	state := api.NodeState{Streams: h.state.Streams(), Sessions: h.state.Sessions(), Rooms: h.state.Rooms()}
	c := h.cluster()
	if c == nil {
		return state
	}
	state.Streams = slices.DeleteFunc(state.Streams, func(s api.Stream) bool {
		_, elsewhere := c.Elsewhere(s.Name)
		return elsewhere
	})
	return state
}

// others is what the other nodes have.
func (h *handlers) others(ctx context.Context, c *cluster.Node) (joined api.NodeState) {
	var mu sync.Mutex
	h.eachOther(ctx, c, func(ctx context.Context, id string) {
		state, err := answerOf[api.NodeState](c.Ask(ctx, id, pathOfState))
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			h.service.Log().Debug("a node does not tell what it has", "node", id, "error", err)
			joined.Missing = append(joined.Missing, id)
			return
		}
		joined.Streams = append(joined.Streams, state.Streams...)
		joined.Sessions = append(joined.Sessions, state.Sessions...)
		joined.Rooms = append(joined.Rooms, state.Rooms...)
	})
	slices.Sort(joined.Missing)
	return joined
}

var errAnswer = errors.New("the answer is not what a node says")

// eachOther calls ask with each of the other nodes at once, and waits. The calls end within unionWithin.
func (h *handlers) eachOther(ctx context.Context, c *cluster.Node, ask func(ctx context.Context, id string)) {
	ctx, cancel := context.WithTimeout(ctx, unionWithin)
	defer cancel()
	var asked sync.WaitGroup
	for _, m := range c.Members() {
		if m.ID != c.ID() {
			asked.Go(func() {
				_ = panics.Contain(h.service.Log(), "the question to another node", func() { ask(ctx, m.ID) })
			})
		}
	}
	asked.Wait()
}

// answerOf reads what another node has answered.
func answerOf[T any](status int, body []byte, err error) (answer T, _ error) {
	if err == nil && status != http.StatusOK {
		err = errors.New(http.StatusText(status))
	}
	var read T
	if err == nil && json.Unmarshal(body, &read) != nil {
		err = errAnswer
	}
	if err != nil {
		return answer, err
	}
	return read, nil
}
