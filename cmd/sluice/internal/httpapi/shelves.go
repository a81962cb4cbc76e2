package httpapi

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/forwarded"
	"github.com/sluice-live/sluice/packager/recording"
	"github.com/sluice-live/sluice/public/name"
)

// pathOfRecordings is where nodes ask each other whether they have a recording.
const pathOfRecordings = "/cluster/recordings/"

const (
	shelfKnown   = time.Minute     // it is remembered which node has a recording
	shelfUnknown = 5 * time.Second // that none has
	maxShelves   = 10_000          // recordings of which either is
)

// shelves remember which other node has a recording.
type shelves struct {
	mu    sync.Mutex
	known map[string]shelf // by stream/recording
}

// shelf is a node that has one; "" where none has.
type shelf struct {
	node  string
	until time.Time
}

func (s *shelves) find(recording string) (node string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.known[recording]
	return found.node, ok && time.Now().Before(found.until)
}

func (s *shelves) note(recording, node string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxShelves {
		s.known = map[string]shelf{}
	}
	lasts := shelfKnown
	if node == "" {
		lasts = shelfUnknown
	}
	s.known[recording] = shelf{node, time.Now().Add(lasts)}
}

// ofRecording is the node that has the recording of a path, if this one has not.
func (h *handlers) ofRecording(c *cluster.Node, r *http.Request) (id string, err error) {
	stream := r.PathValue("stream")
	wanted, _, _ := strings.Cut(r.PathValue("recording"), "~") // without a signature
	if !name.Valid(stream) || !name.Valid(wanted) || h.service.Packager().HasRecording(stream, wanted) {
		return "", nil
	}
	which := stream + "/" + wanted
	if id, ok := h.shelves.find(which); ok {
		return id, nil
	}
	var mu sync.Mutex
	h.eachOther(r.Context(), c, func(ctx context.Context, node string) {
		if status, _, err := c.Ask(ctx, node, pathOfRecordings+which); err == nil && status == http.StatusNoContent {
			mu.Lock()
			defer mu.Unlock()
			id = node
		}
	})
	if r.Context().Err() == nil {
		h.shelves.note(which, id)
	}
	return id, nil
}

// serveHasRecording tells another node whether a recording is here. Nobody else is told.
func (h *handlers) serveHasRecording(w http.ResponseWriter, r *http.Request) {
	stream, wanted := r.PathValue("stream"), r.PathValue("recording")
	if !asksByItself(r) || !name.Valid(stream) || !name.Valid(wanted) || !h.service.Packager().HasRecording(stream, wanted) {
		serveNothing(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// asksByItself reports whether another node asks, for none of its clients.
func asksByItself(r *http.Request) bool {
	_, forOne := forwarded.ByRelay(r)
	return forwarded.ByMember(r) && !forOne
}

// withOthers adds what the other nodes tell the client of the same page of recordings.
func (h *handlers) withOthers(r *http.Request, list api.RecordingList, limit int) api.RecordingList {
	c := h.cluster()
	if c == nil || forwarded.ByMember(r) {
		return list
	}
	more := list.Next != ""
	var mu sync.Mutex
	h.eachOther(r.Context(), c, func(ctx context.Context, id string) {
		theirs, err := answerOf[api.RecordingList](c.Get(ctx, id, r))
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			h.service.Log().Debug("a node does not tell its recordings", "node", id, "error", err)
			list.Missing = append(list.Missing, id)
			return
		}
		list.Recordings = append(list.Recordings, theirs.Recordings...)
		more = more || theirs.Next != ""
	})
	slices.Sort(list.Missing)
	slices.SortStableFunc(list.Recordings, recording.Compare)
	list.Recordings = slices.CompactFunc(list.Recordings, func(a, b recording.Info) bool { return recording.Compare(a, b) == 0 })
	if list.Next = ""; len(list.Recordings) > limit {
		list.Recordings, more = list.Recordings[:limit], true
	}
	if more && len(list.Recordings) > 0 {
		last := list.Recordings[len(list.Recordings)-1]
		list.Next = pageToken(last.Stream + "/" + last.Name)
	}
	return list
}
