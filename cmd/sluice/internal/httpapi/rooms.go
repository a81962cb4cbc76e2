package httpapi

import (
	"net/http"

	"github.com/sluice-live/sluice/cmd/sluice/internal/access"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/api"
	"github.com/sluice-live/sluice/public/name"
	"github.com/sluice-live/sluice/public/problem"
)

const maxOutputBody = 1 << 10 // bytes

func (h *handlers) serveRooms(w http.ResponseWriter, r *http.Request) {
	all := h.all(r.Context())
	writeTagged(w, r, api.RoomList{Rooms: all.Rooms, Missing: all.Missing})
}

func (h *handlers) serveRoom(w http.ResponseWriter, r *http.Request) {
	if room, ok := h.state.Room(r.PathValue("room")); ok {
		writeJSON(w, room)
		return
	}
	problem.Write(w, http.StatusNotFound, "There is no such room: it begins when somebody enters it at /rooms/"+r.PathValue("room")+".")
}

// serveRemove ends a participant's stay.
func (h *handlers) serveRemove(w http.ResponseWriter, r *http.Request) {
	if !h.service.Ingest().Rooms().Remove(r.PathValue("room"), r.PathValue("participant")) {
		problem.Write(w, http.StatusNotFound, "There is nobody of this id in this room.")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// serveStartOutput makes a stream of a participant, or of whoever speaks. Who does that needs a key for the room and one for the stream; it is
// one key that is sent, so it has to be good for both.
func (h *handlers) serveStartOutput(w http.ResponseWriter, r *http.Request) {
	var wanted api.AirRequest
	err := readJSON(w, r, maxOutputBody, &wanted)
	if err != nil || !name.Valid(wanted.Stream) {
		problem.Write(w, http.StatusBadRequest, `Send {"stream": NAME, "participant": ID} as JSON, with "" for whoever speaks. A stream's name is `+name.Rule+".")
		return
	}
	if _, err := h.may(r, access.Admin, wanted.Stream, access.Token(r)); err != nil {
		problem.Write(w, http.StatusForbidden, "This key is for another stream: use one that is good for "+wanted.Stream+" too.")
		return
	}
	if status, err := h.service.Ingest().Rooms().StartOutput(r.PathValue("room"), wanted.Participant, wanted.Stream, r); err != nil {
		problem.Write(w, status, err.Error())
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (h *handlers) serveStopOutput(w http.ResponseWriter, r *http.Request) {
	if !h.service.Ingest().Rooms().StopOutput(r.PathValue("room")) {
		problem.Write(w, http.StatusNotFound, "Nobody of this room is on air.")
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
