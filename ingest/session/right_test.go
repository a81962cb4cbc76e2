package session

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

// Who publishes by a key that is revoked is ended; by another right that is taken away they stay until they leave.
func TestPublishersEndWithTheirKeys(t *testing.T) {
	for name, ends := range map[string]bool{"a key that was made": true, "another right": false} {
		t.Run(name, func(t *testing.T) {
			r := NewRegistry(Limits{Sessions: 1, Streams: 1, PerAddress: 1, Connecting: 1}, Several{})
			var revoke func()
			released := make(chan struct{})
			right := Right{Ends: ends, Hold: func(end func()) func() {
				revoke = end
				return func() { close(released) }
			}}
			at := NewReservation(By(httptest.NewRequest(http.MethodPost, "/whip/cam", nil), right), KindPublisher, "cam")
			require.Nil(t, r.Reserve(at))
			sess := NewDetached(at, 0)
			r.Start(sess)
			require.Equal(t, ends, revoke != nil)
			if !ends {
				sess.Close(ErrHungUp)
				r.Wait()
				return
			}
			revoke()
			<-sess.Done()
			require.ErrorIs(t, sess.Err(), ErrKeyEnded)
			<-released
			r.Wait()
		})
	}
}
