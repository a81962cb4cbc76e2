package httpapi

import (
	"errors"
	"net/http"
	"testing"

	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/stretchr/testify/require"
)

func TestStateOfNode(t *testing.T) {
	away := errors.New("away")
	for name, tc := range map[string]struct {
		status int
		body   string
		err    error
		want   string // what is wrong
	}{
		"all is well":       {200, `{"streams":[{"name":"cam","node":"n2"}],"later":1}`, nil, ""},
		"away":              {0, "", away, "away"},
		"refused":           {403, `{"streams":[{"name":"cam"}]}`, nil, "Forbidden"},
		"no JSON":           {200, "<html>", nil, errAnswer.Error()},
		"another document":  {200, `{"streams":"cam"}`, nil, errAnswer.Error()},
		"broken in between": {200, `{"streams":[{"name":"cam"}`, nil, errAnswer.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			state, err := answerOf[api.NodeState](tc.status, []byte(tc.body), tc.err)
			if tc.want == "" {
				require.NoError(t, err)
				require.Equal(t, "n2", state.Streams[0].Node)
				return
			}
			require.EqualError(t, err, tc.want)
			require.Empty(t, state.Streams)
		})
	}
}

func FuzzStateOfNode(f *testing.F) {
	f.Add([]byte(`{"streams":[{"name":"cam","publisher":null}],"sessions":[{"since":"2026-01-31T20:00:00Z"}],"rooms":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if state, err := answerOf[api.NodeState](http.StatusOK, body, nil); err != nil && len(state.Streams)+len(state.Sessions)+len(state.Rooms) > 0 {
			t.Fatalf("half of %q is believed", body)
		}
	})
}

func FuzzRecordingsOfNode(f *testing.F) {
	f.Add([]byte(`{"recordings":[{"stream":"cam","name":"20260101T200000Z","started":"2026-01-01T20:00:00Z"}],"next_page_token":"Y2Ft"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if list, err := answerOf[api.RecordingList](http.StatusOK, body, nil); err != nil && len(list.Recordings) > 0 {
			t.Fatalf("half of %q is believed", body)
		}
	})
}
