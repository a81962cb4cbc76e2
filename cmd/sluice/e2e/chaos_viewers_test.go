package e2e

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	cutOffViewers = 4
	slowClients   = 200
	futureAsks    = 300
	floodOffers   = 40
	headerWithin  = 10 * time.Second // what the service gives a client to send its header
)

// slowReaders is a crowd of which one half never finishes its request, and the other half never reads the answer.
func slowReaders() fault {
	return fault{name: fmt.Sprintf("%d slow clients", slowClients), stall: 4 * time.Second, silence: untouched, inject: func(c *chaos) {
		readSlowly(c.t, c.s, chaosStream)
	}}
}

func readSlowly(t testing.TB, s *service, stream string) {
	t.Helper()
	_, _, playlist := s.get("/live/" + stream + "/240p.m3u8")
	segments := segmentURI.FindAllString(string(playlist), -1)
	require.NotEmpty(t, segments)
	request := "GET /live/" + stream + "/" + segments[0] + " HTTP/1.1\r\nHost: slow\r\n"
	var clients []net.Conn
	for i := range slowClients {
		conn, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
		require.NoError(t, err)
		defer conn.Close()
		require.NoError(t, conn.(*net.TCPConn).SetReadBuffer(1024))
		_, err = io.WriteString(conn, request+strings.Repeat("\r\n", i%2))
		require.NoError(t, err)
		clients = append(clients, conn)
	}
	for i := 0; i < slowClients; i += 2 {
		require.NoError(t, clients[i].SetReadDeadline(time.Now().Add(patience)))
		_, err := io.Copy(io.Discard, clients[i])
		require.NoError(t, err, "a half-open connection is closed by the server")
	}
}

// Clients that do not finish their requests, or do not read the answers, keep nothing from others, nor anything for themselves.
func TestSlowClients(t *testing.T) {
	alongside(t, light)
	s := startService(t, "--ladder", smallRung, "--linger", "1s")
	p := newPublisher(t, s, "slow")
	visits := watch(t, s, "slow")
	p.send()
	s.waitState("slow", "live")
	waitSegment(t, s, "/live/slow/240p.m3u8")
	before := s.footprint()
	readSlowly(t, s, "slow")
	requireBack(t, s, before)
	p.stop()
	s.waitState("slow", "ended")
	requireConformant(t, visits())
}

// viewersCutOff is WHEP viewers that are not heard of any more. Their sessions end by themselves.
func viewersCutOff() fault {
	return fault{name: fmt.Sprintf("%d WHEP viewers cut off", cutOffViewers), stall: still, frozen: returnIn, silence: untouched, inject: func(c *chaos) {
		sessions := c.s.metric("sluice_sessions")
		network := newRelay(c.t)
		for range cutOffViewers {
			v := newWHEPViewer(c.t, c.s.base+"/whep/"+chaosStream, network)
			eventually(c.t, v.begun)
			defer v.vanish()
		}
		network.suffer(nil, true)
		c.later = append(c.later, func() {
			eventually(c.t, func() bool { return c.s.metric("sluice_sessions") <= sessions })
		})
	}}
}

// farFuture is clients that ask for what will not be there for a long time.
func farFuture() fault {
	return fault{name: "requests for the future", stall: 4 * time.Second, silence: untouched, inject: func(c *chaos) {
		var asked sync.WaitGroup
		for i := range futureAsks {
			asked.Go(func() {
				path := []string{
					"240p.m3u8?_HLS_msn=99999999", "240p.m3u8?_HLS_msn=99999999&_HLS_part=3", "audio.m3u8?_HLS_msn=99999999",
					"nowhere/240p-99999999.m4s", "nowhere/240p-99999999.1.m4s",
				}[i%5]
				response, err := http.Get(c.s.base + "/live/" + chaosStream + "/" + path)
				if err != nil {
					c.t.Error(err)
					return
				}
				_ = response.Body.Close()
				if response.StatusCode/100 != 4 {
					c.t.Errorf("%s: status %d", path, response.StatusCode)
				}
			})
		}
		asked.Wait()
	}}
}

// sessionFlood is one address that asks for more sessions than it may have.
func sessionFlood() fault {
	return fault{name: fmt.Sprintf("%d sessions from an address", floodOffers), stall: 4 * time.Second, silence: untouched, inject: func(c *chaos) {
		offer := c.viewer.pc.LocalDescription().SDP
		refused := 0
		for range floodOffers {
			response, err := http.Post(c.s.base+"/whep/"+chaosStream, "application/sdp", bytes.NewBufferString(offer))
			require.NoError(c.t, err)
			_ = response.Body.Close()
			if response.StatusCode == http.StatusCreated {
				defer c.endSession(response)
				continue
			}
			require.Contains(c.t, []int{http.StatusTooManyRequests, http.StatusServiceUnavailable}, response.StatusCode)
			require.NotEmpty(c.t, response.Header.Get("Retry-After"))
			refused++
		}
		require.Positive(c.t, refused)
	}}
}

func (c *chaos) endSession(created *http.Response) {
	location, err := created.Location()
	require.NoError(c.t, err)
	request, err := http.NewRequest(http.MethodDelete, location.String(), nil)
	require.NoError(c.t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(c.t, err)
	_ = response.Body.Close()
}
