package gst

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const mostSDP = 1000

// What webrtcsink, webrtcsrc and gstwebrtc-api send is taken as they write it.
func TestParse(t *testing.T) {
	for text, want := range map[string]Message{
		`{"type":"setProtocolVersion","version":"v1_1"}`:                                                                {Type: SetProtocolVersion, Version: version11},
		`{"type":"setPeerStatus","roles":["producer"],"meta":{"name":"cam"},"peerId":"x"}`:                              {Type: SetPeerStatus, Roles: []string{Producer}, Meta: json.RawMessage(`{"name":"cam"}`), PeerID: "x"},
		`{"type":"setPeerStatus","roles":["producer","listener","producer"],"meta":null}`:                               {Type: SetPeerStatus, Roles: []string{Listener, Producer}},
		`{"type":"setPeerStatus","roles":[],"meta":null}`:                                                               {Type: SetPeerStatus, Roles: []string{}},
		`{"type":"startSession","peerId":"cam","offer":null}`:                                                           {Type: StartSession, PeerID: "cam"},
		`{"type":"startSession","peerId":"cam","offer":"v=0"}`:                                                          {Type: StartSession, PeerID: "cam", Offer: "v=0"},
		`{"type":"endSession","sessionId":"s"}`:                                                                         {Type: EndSession, SessionID: "s"},
		`{"type":"endSessionV1_1","sessionId":"s","error":null}`:                                                        {Type: EndSessionV11, SessionID: "s"},
		`{"type":"peer","sessionId":"s","sdp":{"type":"answer","sdp":"v=0"}}`:                                           {Type: PeerMessage, SessionID: "s", SDP: &Description{"answer", "v=0"}},
		`{"type":"peer","sessionId":"s","ice":{"candidate":"c","sdpMLineIndex":1,"sdpMid":"1","usernameFragment":"u"}}`: {Type: PeerMessage, SessionID: "s", ICE: &Candidate{"c", 1}},
		`{"type":"list"}`:          {Type: List},
		`{"type":"listConsumers"}`: {Type: ListConsumers},
	} {
		m, err := Parse([]byte(text), mostSDP)
		require.NoError(t, err, text)
		require.Equal(t, want, m, text)
	}
}

// What cannot be taken is answered with what to do instead.
func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("x", maxMeta)
	for text, advice := range map[string]string{
		`list`:                          "JSON object",
		`["list"]`:                      "JSON object",
		`{"type":5}`:                    "JSON object",
		`{}`:                            "send one of setProtocolVersion",
		`{"type":"newPeer"}`:            "no message of the type",
		`{"type":"welcome"}`:            "no message of the type",
		`{"type":"setProtocolVersion"}`: "say v1_0 or v1_1",
		`{"type":"setPeerStatus","roles":["director"]}`:                                           "take producer, listener or consumer",
		`{"type":"setPeerStatus","roles":["producer","consumer"]}`:                                "take one of these roles",
		`{"type":"setPeerStatus","roles":["producer"],"meta":"cam"}`:                              "meta is an object",
		`{"type":"setPeerStatus","roles":["producer"],"meta":{"name":"` + long + `"}}`:            "at most 4096",
		`{"type":"startSession"}`:                                                                 "needs peerId",
		`{"type":"startSession","peerId":"` + long + `"}`:                                         "needs peerId",
		`{"type":"startSession","peerId":"cam","offer":"` + strings.Repeat("x", mostSDP+1) + `"}`: "at most 1000",
		`{"type":"endSession"}`:                                                                   "endSession needs sessionId",
		`{"type":"endSessionV1_1"}`:                                                               "endSessionV1_1 needs sessionId",
		`{"type":"peer","sdp":{"type":"offer","sdp":"v=0"}}`:                                      "needs sessionId",
		`{"type":"peer","sessionId":"s"}`:                                                         "either sdp or ice",
		`{"type":"peer","sessionId":"s","sdp":{"type":"offer","sdp":"v=0"},"ice":{}}`:             "either sdp or ice",
		`{"type":"peer","sessionId":"s","sdp":{"type":"pranswer","sdp":"v=0"}}`:                   "offer or answer",
		`{"type":"peer","sessionId":"s","sdp":{"type":"offer"}}`:                                  "its text",
		`{"type":"peer","sessionId":"s","sdp":{"type":"offer","sdp":"` + long + `"}}`:             "at most 1000",
		`{"type":"peer","sessionId":"s","ice":{"candidate":"` + long + `"}}`:                      "at most 512",
	} {
		_, err := Parse([]byte(text), mostSDP)
		require.ErrorContains(t, err, advice, text)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"type":"setProtocolVersion","version":"v1_1"}`, `{"type":"setPeerStatus","roles":["producer","listener"],"meta":{"name":"My cam","n":1.5,"deep":{"a":[null,true]}}}`,
		`{"type":"startSession","peerId":"cam","offer":"v=0\r\n"}`, `{"type":"endSessionV1_1","sessionId":"s","error":"no"}`, `{"type":"listConsumers"}`,
		`{"type":"peer","sessionId":"s","sdp":{"type":"offer","sdp":"v=0"}}`, `{"type":"peer","sessionId":"s","ice":{"candidate":"candidate:1 1 UDP 1 127.0.0.1 9 typ host","sdpMLineIndex":0}}`,
		`{"type":"peer","sessionId":"s","ice":null,"sdp":null}`, `{"TYPE":"list"}`, `[]`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := Parse(text, mostSDP)
		if err != nil {
			return
		}
		if len(m.Offer) > mostSDP || m.SDP != nil && len(m.SDP.SDP) > mostSDP || len(m.Meta) > len(text) || len(m.Error) > maxReason {
			t.Fatalf("%d bytes pass: %+v", len(text), m)
		}
		if _, err := Parse(m.text(), mostSDP); err != nil && m.Type != SetPeerStatus { // whose meta may be longer, escaped
			t.Fatalf("%s does not pass a second time: %v", m.text(), err)
		}
		d := describe(m.Meta)
		if d.name != "" && validName(d.name) != d.name || len(d.title) > maxTitle {
			t.Fatalf("%q is no name, or %q too long", d.name, d.title)
		}
		if !json.Valid(metaOf("cam", d, nil)) {
			t.Fatalf("what is told of %s is no JSON", m.Meta)
		}
	})
}

// A stream has the name that its producer's meta gives it, as far as a stream can have it, and its title.
func TestDescribe(t *testing.T) {
	for meta, want := range map[string][2]string{
		`{"name":"cam"}`:                              {"cam", ""},
		`{"name":"cam_2-"}`:                           {"cam_2-", ""},
		`{"name":" My Camera (2) "}`:                  {"My-Camera-2", "My Camera (2)"},
		`{"display-name":"cam"}`:                      {"cam", "cam"},
		`{"name":"cam","title":"The garden"}`:         {"cam", "The garden"},
		`{"name":"カメラ"}`:                              {"", "カメラ"},
		`{"name":"カメラ","title":"garden"}`:             {"garden", "garden"},
		`{"name":7,"title":["x"]}`:                    {"", ""},
		`{"name":"` + strings.Repeat("a/", 80) + `"}`: {strings.Repeat("a-", 32)[:63], strings.Repeat("a/", 80)},
		`null`: {"", ""}, ``: {"", ""},
	} {
		d := describe(json.RawMessage(meta))
		require.Equal(t, want, [2]string{d.name, d.title}, meta)
	}
	require.Regexp(t, `^gst-[a-z0-9]{8}$`, someName())
	d := describe(json.RawMessage(`{"name":"My cam","place":"roof","a b":1,"none":null}`))
	require.JSONEq(t, `{"name":"My-cam","title":"My cam","place":"roof","codecs":{}}`, string(metaOf("My-cam", d, nil)))
	require.JSONEq(t, `{"name":"cam","title":"cam","codecs":{}}`, string(metaOf("cam", described{}, nil)))
}
