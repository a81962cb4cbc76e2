package channel

import (
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/signal"
)

// wire is a channel whose client does not read.
type wire struct {
	mu       sync.Mutex // of what follows, where a line is not the test's alone
	buffered uint64
	broken   bool
	sent     []Message
}

func (w *wire) BufferedAmount() uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.buffered
}

// fill sets what waits in the wire, and returns what was sent before.
func (w *wire) fill(buffered uint64) []Message {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.buffered = buffered
	return w.sent
}

func (w *wire) SendText(s string) error {
	return w.take(Message{Text: true, Data: []byte(s)})
}
func (w *wire) Send(b []byte) error { return w.take(Message{Data: b}) }

func (w *wire) take(m Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		return errors.New("closed")
	}
	w.buffered += uint64(len(m.Data))
	w.sent = append(w.sent, m)
	return nil
}

// What waits for a client is bounded; what is more is dropped and counted.
func TestLineDrops(t *testing.T) {
	c := &Counters{}
	w := &wire{}
	l := NewLine(w, c)
	message := Message{Data: make([]byte, MaxMessage)}
	for range MaxBuffered / MaxMessage {
		require.True(t, l.Send(message))
	}
	require.False(t, l.Send(message))
	require.False(t, l.Tell(signal.Event{Kind: signal.Pong}))
	w.buffered = 0
	require.True(t, l.Tell(signal.Event{Kind: signal.Pong}))
	w.broken = true
	require.False(t, l.Send(message))
	require.EqualValues(t, MaxBuffered/MaxMessage+1, c.Passed.Load())
	require.EqualValues(t, 3, c.Dropped.Load())
}

// Who sends too much is heard later, and all of it.
func TestRate(t *testing.T) {
	for name, tc := range map[string]struct {
		rate  Rate
		bytes int
		count int
		took  time.Duration
	}{
		"few":           {ofViewers, 10, 20, 0},
		"many messages": {ofViewers, 10, 30, 2 * time.Second},
		"many bytes":    {ofViewers, MaxMessage, 6, 2 * time.Second},
		"one long":      {Rate{1, 1}, MaxMessage, 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				l := newLimiter(tc.rate)
				for range tc.count {
					require.True(t, l.wait(tc.bytes, nil))
				}
				require.InDelta(t, tc.took.Seconds(), time.Since(began).Seconds(), 0.01)
				closing := make(chan struct{})
				close(closing)
				for l.wait(MaxMessage, closing) {
				}
				require.InDelta(t, tc.took.Seconds(), time.Since(began).Seconds(), 0.01, "nobody waits for a session that ends")
			})
		})
	}
}

// hall is a stream with a publisher, another one that does not publish it, and two viewers, each with the channels that there are.
func hall() (ss *Streams, of map[string]*Member, wires map[string]*wire) {
	ss = NewStreams(&Counters{}, func(string) string { return "studio" })
	of, wires = map[string]*Member{}, map[string]*wire{}
	for _, id := range []string{"studio", "rival", "ann", "ben"} {
		m := &Member{streams: ss, stream: "show", id: id, name: "name of " + id, viewer: len(id) == 3, wake: make(chan struct{}, 1)}
		ss.byName["show"] = append(ss.byName["show"], m)
		w, n := &wire{}, &wire{}
		m.events, m.navigation = NewLine(w, ss.counters), NewLine(n, ss.counters)
		of[id], wires[id], wires[id+" steers"] = m, w, n
	}
	return ss, of, wires
}

// Who does not publish a stream is heard by none of its viewers, and viewers do not hear each other.
func TestWhoHearsWhom(t *testing.T) {
	hello := Message{Text: true, Data: []byte(`{"event":"message","text":"hello"}`)}
	for from, hear := range map[string][]string{"studio": {"ann", "ben"}, "rival": nil, "ann": {"studio"}, "ben": {"studio"}} {
		_, of, wires := hall()
		of[from].hear(of[from].events, hello)
		of[from].hear(of[from].events, Message{Data: []byte{1}})
		of[from].hearNavigation(Message{Text: true, Data: []byte("{}")})
		for id, w := range wires {
			if id == from && from == "rival" {
				require.Len(t, w.sent, 2, "two refusals")
				continue
			}
			want := 0
			for _, h := range hear {
				if id == h {
					want = 2
				}
			}
			if id == "studio steers" && of[from].viewer {
				want = 1
			}
			require.Len(t, w.sent, want, "%s says something to %s", from, id)
		}
	}
}

// What the service tells of a stream reaches whoever publishes it, and its viewers.
func TestTell(t *testing.T) {
	ss, _, wires := hall()
	ss.Tell("show", signal.Faces, map[string]int{"width": 640})
	ss.Tell("another", signal.Faces, nil)
	for id, want := range map[string]int{"studio": 1, "ann": 1, "ben": 1, "rival": 0, "ann steers": 0} {
		require.Len(t, wires[id].sent, want, id)
	}
	require.Equal(t, `{"event":"faces","data":{"width":640},"stream":"show"}`, string(wires["ann"].sent[0].Data))
}

// How a stream stands is told again to who has not read it.
func TestToldAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ss, of, wires := hall()
		w, closing := wires["ann"], make(chan struct{})
		w.buffered = MaxBuffered
		go of["ann"].run(closing)
		ss.Published("show", nil)
		synctest.Wait()
		require.Empty(t, w.fill(0))
		time.Sleep(toldAgain)
		synctest.Wait()
		sent := w.fill(0)
		require.Len(t, sent, 1)
		require.Contains(t, string(sent[0].Data), `"state":"live"`)
		close(closing)
	})
}

// The newest channel of a label counts, and none is kept that is closed.
func TestNewestChannel(t *testing.T) {
	_, of, _ := hall()
	first, second := NewLine(&wire{}, &Counters{}), NewLine(&wire{}, &Counters{})
	a, b := of["ann"].Open(Label, first), of["ann"].Open(Label, second)
	a.Gone()
	require.Same(t, second, of["ann"].line(Label))
	b.Gone()
	require.Nil(t, of["ann"].line(Label))
	require.Nil(t, of["ann"].Open("else", first).Hear)
}

// Nothing that a client sends breaks anything, or becomes another event than a message.
func FuzzHear(f *testing.F) {
	f.Add(true, true, []byte(`{"event":"message","text":"hello","to":"name of ann","from":"x","code":7}`))
	f.Add(true, false, []byte(`{"event":"ping"}`))
	f.Add(false, false, []byte{0, 1})
	f.Add(true, true, []byte(`{"event":"stream","state":"ended"}`))
	f.Fuzz(func(t *testing.T, text, viewer bool, data []byte) {
		_, of, wires := hall()
		from := "studio"
		if viewer {
			from = "ann"
		}
		of[from].hear(of[from].events, Message{text, data})
		for id, w := range wires {
			for _, m := range w.sent {
				if !m.Text {
					require.Equal(t, data, m.Data)
					continue
				}
				var e signal.Event
				require.NoError(t, json.Unmarshal(m.Data, &e))
				if id != from {
					require.Equal(t, signal.Message, e.Kind)
					require.True(t, strings.HasPrefix(e.From, "name of "), e.From)
				}
			}
		}
	})
}
