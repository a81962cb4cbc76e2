package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// event is one server-sent event.
type event struct {
	name string
	stream
}

// listen reads the events of a stream, until it ends them.
func (s *service) listen(name string) <-chan event {
	s.t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	s.t.Cleanup(stop)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/api/v1/streams/"+name+"/events", nil)
	require.NoError(s.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	require.Equal(s.t, http.StatusOK, response.StatusCode)
	require.Equal(s.t, "text/event-stream", response.Header.Get("Content-Type"))
	require.Equal(s.t, "no-store", response.Header.Get("Cache-Control"))
	all := make(chan event, 1000)
	go func() {
		defer response.Body.Close()
		defer close(all)
		var next event
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				next = event{name: value}
			case "data":
				if json.Unmarshal([]byte(value), &next.stream) != nil {
					return
				}
				all <- next
			}
		}
	}()
	return all
}

// A client of the events learns of each change of a stream once, and how it is in between.
func TestEvents(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", smallRung, "--linger", "10s")
	status, header, _ := s.get("/api/v1/streams/told/events")
	require.Equal(t, http.StatusNotFound, status)
	require.NotEmpty(t, header.Get("Retry-After"))
	p := newPublisher(t, s, "told")
	p.send()
	s.waitState("told", "live")
	events := s.listen("told")
	next := func() (changed event, statistics int) {
		for e := range events {
			if e.name != "statistics" {
				return e, statistics
			}
			require.NotEmpty(t, e.State)
			statistics++
		}
		return event{}, statistics
	}
	expect := func(name, state string) {
		e, _ := next()
		require.Equal(t, name, e.name)
		require.Equal(t, state, e.State)
	}
	expect("ready", "live")
	e := <-events
	require.Equal(t, "statistics", e.name)
	require.Equal(t, "VP8", e.Publisher.Video.Codec)
	require.NotZero(t, e.Publisher.Video.Packets)
	p.vanish()
	expect("interrupted", "interrupted")
	p = newPublisher(t, s, "told")
	p.send()
	expect("resumed", "live")
	p.stop()
	expect("interrupted", "interrupted")
	ended, statistics := next()
	require.Equal(t, "ended", ended.name)
	require.GreaterOrEqual(t, statistics, 2, "while it lingers")
	_, more := <-events
	require.False(t, more, "the stream of events ends with the stream")
}
