package session

import (
	"net/http"

	"github.com/coder/websocket"
)

// AcceptSocket makes a WebSocket of the request that began a session, whose messages may have that many bytes. It returns nil when that
// failed, which has been answered then, and the session has ended. Pages of any site may: there are no cookies, and who publishes has
// shown a key, or is a page of ours.
func (s *Session) AcceptSocket(w http.ResponseWriter, r *http.Request, protocol string, limit int64) *websocket.Conn {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{protocol}})
	if err != nil {
		s.Close(err)
		<-s.Done()
		return nil
	}
	conn.SetReadLimit(limit)
	return conn
}
