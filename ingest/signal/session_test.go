package signal

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func texts(t *testing.T, r *reader) (all []string) {
	t.Helper()
	events, _, _, _ := r.read()
	for _, text := range events {
		var e Event
		require.NoError(t, json.Unmarshal(text, &e))
		all = append(all, e.Text)
	}
	return all
}

// Who comes back gets what it has missed, and nothing twice; the connection before it ends.
func TestSessionComesBack(t *testing.T) {
	s := NewSession(nil)
	require.False(t, s.Lost().IsZero(), "nobody has come yet")
	s.Send(Event{Kind: Message, Text: "1"})
	first := s.attach(0)
	require.True(t, s.Lost().IsZero())
	s.Send(Event{Kind: Message, Text: "2"})
	require.Equal(t, []string{"1", "2"}, texts(t, first))
	require.Empty(t, texts(t, first))
	first.detach()
	require.False(t, s.Lost().IsZero())
	s.Send(Event{Kind: Message, Text: "3"})
	second := s.attach(2)
	first.detach() // late: it is not the one that reads
	require.True(t, s.Lost().IsZero())
	require.Equal(t, []string{"3"}, texts(t, second))
	_, _, newer, _ := second.read()
	third := s.attach(3)
	<-newer
	_, _, _, end := second.read()
	require.Equal(t, StatusReplaced, end.Code)
	s.End(1000, "over")
	s.End(1001, "again")
	s.Send(Event{Kind: Message, Text: "4"})
	require.Empty(t, texts(t, third))
	_, _, _, end = third.read()
	require.Equal(t, End{1000, "over"}, *end)
}

// A client that does not read costs a bounded amount of memory, and finds out.
func TestSessionIsBounded(t *testing.T) {
	s := NewSession(nil)
	slow := s.attach(0)
	for range keptEvents + 1 {
		s.Send(Event{Kind: Message, Text: "x"})
	}
	require.Len(t, s.kept, keptEvents)
	_, _, _, end := slow.read()
	require.Equal(t, StatusBehind, end.Code)
	require.Len(t, texts(t, s.attach(0)), keptEvents, "who comes back gets what is left")
	for range 40 {
		s.Send(Event{Kind: Offer, SDP: strings.Repeat("x", MaxSDP)})
	}
	require.LessOrEqual(t, s.size, keptBytes)
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"event":"authenticate","name":"Ann","token":"key"}`, `{"event":"authenticate","seat":"X","last":3}`, `{"event":"offer","sdp":"v=0"}`,
		`{"event":"candidate","candidate":{"candidate":"candidate:1 1 udp 1 127.0.0.1 1 typ host","sdpMid":"0","sdpMLineIndex":0}}`,
		`{"event":"candidate","candidate":null}`, `{"event":"message","to":"x","text":"hello"}`, `{"event":"leave"}`, `[]`, `{"event":1}`,
		`{"event":"button","to":["x","y"],"data":{"pressed":"<red>"}}`, `{"event":"offer","to":"all","data":{"type":"offer","sdp":"v=0"}}`,
		`{"event":"candidate","to":["x"],"data":{"candidate":"candidate:1"}}`, `{"event":"authenticate","name":"Ann","metadata":{"a":1}}`,
		`{"event":"authenticate","name":"Ann","simulcast":true}`, `{"event":"view","views":[{"participant":"x","width":290,"height":218},{"participant":"y"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		e, err := Parse(text)
		if err != nil {
			return
		}
		if len(e.SDP) > MaxSDP || len(e.Text) > MaxText || len(e.Token) > maxToken || len(e.To) > maxKey || len(e.Data) > MaxData || len(e.Recipients) > maxRecipients {
			t.Fatalf("%d bytes pass: %+v", len(text), e)
		}
		for _, v := range e.Views {
			if e.Kind == View && (len(e.Views) > maxViews || len(v.Participant) > maxKey || min(v.Width, v.Height) < 0 || max(v.Width, v.Height) > maxPixels) {
				t.Fatalf("a view passes: %+v", e)
			}
		}
		again, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(again); err != nil && len(again) <= MaxEvent {
			t.Fatalf("%q does not pass a second time: %v", again, err)
		}
	})
}

func TestParseRefuses(t *testing.T) {
	for text, advice := range map[string]string{
		`{"event":"dance"}`:                                           "no event of the kind",
		`{"event":"joined"}`:                                          "no event of the kind",
		`{"event":"offer"}`:                                           "needs sdp",
		`{"event":"joined","data":1}`:                                 "no event of the kind",
		`{"event":"a b","data":1}`:                                    "no event of the kind",
		`{"event":"offer","data":1}`:                                  "data of offer",
		`{"event":"candidate","data":1}`:                              "RTCIceCandidateInit",
		`{"event":"message","text":"a","to":1}`:                       "a list of them",
		`{"event":"message","text":"a","to":["a",""]}`:                "ids of participants at most",
		`{"event":"x","data":"` + strings.Repeat("a", MaxData) + `"}`: "at most 16384 bytes",
		`{"event":"authenticate","name":"A","metadata":"` + strings.Repeat("a", MaxMetadata) + `"}`: "metadata",
		`{"event":"view","views":[{"participant":"x","width":-1}]}`:                                 "width and height from 0",
		`{"event":"view","views":[{"participant":"x","height":65537}]}`:                             "width and height from 0",
		`{"event":"view","views":[{"participant":"x","width":0.5}]}`:                                "JSON object",
		`{"event":"view","views":[{"participant":"` + strings.Repeat("x", maxKey+1) + `"}]}`:        "have a participant",
		`{"event":"view","views":[` + strings.Repeat(`{"participant":"x"},`, maxViews) + `{}]}`:     "64 participants at most",
		`{"event":"message"}`:                  "needs text",
		`{"event":"authenticate"}`:             "needs a name",
		`{"event":"authenticate","name":"\n"}`: "needs a name",
		`{"event":"authenticate","name":"` + strings.Repeat("x", MaxName+1) + `"}`:                      "at most 64",
		`{"event":"message","text":"` + strings.Repeat("x", MaxText+1) + `"}`:                           "at most 4096",
		`{"event":"candidate","candidate":{"candidate":"` + strings.Repeat("x", maxCandidate+1) + `"}}`: "at most 512",
		`{"event":"message","text":"x","to":"` + strings.Repeat("x", maxKey+1) + `"}`:                   "to is the id",
		`{"event":"authenticate","name":"x","token":"` + strings.Repeat("x", maxToken+1) + `"}`:         "too long",
		`"event"`:                            "JSON object",
		strings.Repeat(" ", MaxEvent) + `{}`: "at most",
	} {
		_, err := Parse([]byte(text))
		require.ErrorContains(t, err, advice)
	}
}
