package ingest

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"testing"

	"github.com/coder/websocket"
	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/ingest/internal/rtptest"
)

// dataClient is a client of signalling servers that tell all in data: it says who it is with its request, reads event, data, from and
// from_metadata, and sends to, event and data.
type dataClient struct {
	testing.TB
	*websocket.Conn
}

// told is all that it reads.
type told struct {
	Event string
	From  string
	Data  struct {
		PeerID      string `json:"peer_id"`
		Type        string
		SDP         string
		Candidate   string
		Description string
		Pressed     string
	}
	FromMetadata struct{ Username string } `json:"from_metadata"`
}

func (f *fixture) dialData(query string, header http.Header) *dataClient {
	f.Helper()
	conn, _, err := websocket.Dial(f.Context(), f.url+"/rooms/den/ws"+query, &websocket.DialOptions{HTTPClient: f.client, HTTPHeader: header})
	require.NoError(f, err)
	f.Cleanup(func() { _ = conn.CloseNow() })
	return &dataClient{f, conn}
}

func (c *dataClient) read() string {
	c.Helper()
	ctx, cancel := context.WithTimeout(c.Context(), rtptest.Patience)
	defer cancel()
	_, text, err := c.Read(ctx)
	require.NoError(c, err)
	return string(text)
}

func (c *dataClient) await(event string) (t told) {
	c.Helper()
	text := c.read()
	require.NoError(c, json.Unmarshal([]byte(text), &t), text)
	require.Equal(c, event, t.Event, text)
	return t
}

func (c *dataClient) say(text string) {
	c.Helper()
	require.NoError(c, c.Write(c.Context(), websocket.MessageText, []byte(text)))
}

// Clients that were written for servers which tell all in data meet in a mesh: whoever is there offers to who comes, and ends with who goes.
func TestClientsOfData(t *testing.T) {
	f := newFixture(t, Options{MayEnter: judged(func(_, token string) (known, allowed bool) { return token == "a key", true })})
	cookie := &http.Cookie{Name: "credentials", Value: url.QueryEscape(`{"username":"ann","password":"a key"}`)}
	basic := &http.Request{Header: http.Header{}}
	basic.SetBasicAuth("ben", "a key")

	ann := f.dialData("", http.Header{"Cookie": {cookie.String()}})
	self := ann.await("authenticated").Data.PeerID
	ben := f.dialData("", basic.Header)
	other := ben.await("authenticated").Data.PeerID
	require.Equal(t, other, ann.await("joined").Data.PeerID)

	ann.say(`{"to":["` + other + `"],"event":"offer","data":{"type":"offer","sdp":"v=0"}}`)
	offered := ben.await("offer")
	require.Equal(t, []string{self, "offer", "v=0", "ann"}, []string{offered.From, offered.Data.Type, offered.Data.SDP, offered.FromMetadata.Username})
	ben.say(`{"to":["` + self + `"],"event":"answer","data":{"type":"answer","sdp":"v=1"}}`)
	require.Equal(t, "v=1", ann.await("answer").Data.SDP)
	ben.say(`{"to":["` + self + `"],"event":"candidate","data":{"candidate":"candidate:1 1 udp 1 192.0.2.1 9 typ host","sdpMid":"0","sdpMLineIndex":0}}`)
	require.Contains(t, ann.await("candidate").Data.Candidate, "192.0.2.1")

	cleo := f.dialData("?username=cleo&password=a%20key", nil)
	third := cleo.await("authenticated").Data.PeerID
	require.Equal(t, third, ann.await("joined").Data.PeerID)
	require.Equal(t, third, ben.await("joined").Data.PeerID)
	for _, to := range []string{`"all"`, `["` + other + `","` + third + `"]`} {
		ann.say(`{"to":` + to + `,"event":"button","data":{"pressed":"red"}}`)
		for _, c := range []*dataClient{ben, cleo} {
			require.Equal(t, "red", c.await("button").Data.Pressed)
		}
	}
	ann.say("ping")
	require.Equal(t, "pong", ann.read())
	ann.say("this is no JSON")
	require.NotEmpty(t, ann.await("error").Data.Description)
	require.NoError(t, cleo.Close(websocket.StatusNormalClosure, ""))
	require.Equal(t, third, ann.await("left").Data.PeerID)

	nobody := f.dialData("?username=dan&password=guess", nil)
	require.Contains(t, nobody.await("error").Data.Description, "stream key")
	_, _, err := nobody.Read(t.Context())
	require.Equal(t, websocket.StatusCode(4401), websocket.CloseStatus(err))
}
