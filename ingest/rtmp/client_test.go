package rtmp

import (
	"bytes"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bluenviron/gortmplib/pkg/amf0"
	"github.com/stretchr/testify/require"
)

// What a client sends is read back as it was, whatever its length and time.
func TestClientChunks(t *testing.T) {
	for _, stamp := range []uint32{5, extended, 0x1000005} {
		for _, length := range []int{0, 1, clientChunk - 5, clientChunk, 3*clientChunk + 7} {
			body := bytes.Repeat([]byte("abc"), length/3+1)[:length]
			stream := join(piece(0, 2, header(0, 0, 4, typeChunkSize), word(clientChunk)), appendChunks(nil, typeVideo, videoChunks, 1, stamp, 5+length, []byte("head:"), body))
			all, err := readMessages(bytes.NewReader(stream))
			require.EqualError(t, err, "EOF")
			require.Len(t, all, 1)
			require.True(t, all[0] == got{typeVideo, stamp, "head:" + string(body)}, "%d bytes at %d", length, stamp)
		}
	}
}

func status(level, code, description string) []byte {
	b, _ := amf0.Data{"onStatus", float64(0), nil, amf0.Object{{Key: "level", Value: level}, {Key: "code", Value: code}, {Key: "description", Value: description}}}.Marshal()
	return sent(typeCommand, 0, b)
}

// Why a server refuses is told in its words.
func TestClientHears(t *testing.T) {
	for want, stream := range map[string][]byte{
		"EOF":                                  status("status", "NetStream.Publish.Start", "It is."),
		"the server refuses: The key is wrong": status("error", "NetStream.Publish.BadName", "The key is wrong"),
		"the server refuses: NetStream.Publish.BadName":            status("error", "NetStream.Publish.BadName", ""),
		"the server refuses, and does not say why":                 status("error", "", ""),
		"a message of type 20 has 16385 bytes: 16384 are the most": piece(0, 4, header(0, 5, maxOther+1, typeCommand)),
	} {
		c := &Client{in: newChunkReader(bytes.NewReader(join(largeChunks, stream))), out: &line{conn: sink{}}}
		var err error
		for err == nil {
			_, _, err = c.hear()
		}
		require.EqualError(t, err, want)
	}
}

// A server that reads nothing keeps nobody from the end: neither while something is written, nor before.
func TestClientClosesAtOnce(t *testing.T) {
	for _, writes := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			defer far.Close()
			c := &Client{conn: near, out: &line{conn: near}}
			if writes {
				go func() { _ = c.WriteVideo(0, 0, true, []byte("picture")) }()
				synctest.Wait()
			}
			began := time.Now()
			c.Close()
			require.LessOrEqual(t, time.Since(began), farewell)
			synctest.Wait()
		})
	}
}

// FuzzClient has a client hear what a server says.
func FuzzClient(f *testing.F) {
	f.Add(join(largeChunks, status("error", "a", "b")))
	f.Add(sent(typeUserControl, 0, []byte{0, pingRequest, 0, 0, 0, 1}))
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := &Client{in: newChunkReader(bytes.NewReader(stream)), out: &line{conn: sink{}}}
		var err error
		for err == nil {
			_, _, err = c.hear()
		}
	})
}
