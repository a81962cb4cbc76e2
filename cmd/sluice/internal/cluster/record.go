package cluster

import (
	"encoding/json"
	"errors"
	"math"
	"strings"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/public/name"
)

// Bounds of what is read from etcd, into which somebody else might write.
const (
	maxRecord = 2 << 10 // bytes
	maxNodes  = 1000
	maxOwners = 100_000
)

// Load is what a node says of itself while it runs.
type Load struct {
	Streams  int     `json:"streams"`  // how many more may begin
	Idle     float64 `json:"idle"`     // cores with nothing to do
	Draining bool    `json:"draining"` // none may begin: it is about to stop
}

// differs reports whether the other nodes need to know: each change is told to all.
func (l Load) differs(newer Load) bool {
	return l.Streams != newer.Streams || l.Draining != newer.Draining || math.Abs(l.Idle-newer.Idle) >= 0.5
}

// record is a node as etcd has it.
type record struct {
	URL      string `json:"url"`
	Instance string `json:"instance"` // of the process: another one is another node, even under the same name
	Load
}

var errRecord = errors.New("this is no record of a node")

func parseRecord(text []byte) (r record, err error) {
	if len(text) > maxRecord || json.Unmarshal(text, &r) != nil || !config.IsNodeURL(r.URL) || r.Instance == "" || r.Streams < 0 || r.Idle < 0 {
		return record{}, errRecord
	}
	r.URL = strings.TrimSuffix(r.URL, "/")
	return r, nil
}

func (r record) String() string {
	text, err := json.Marshal(r)
	if err != nil {
		panic(err) // it has no values that JSON has not
	}
	return string(text)
}

// Keys of etcd.
const (
	allKeys   = "sluice/"
	nodeKeys  = allKeys + "nodes/"
	ownerKeys = allKeys + "owners/"

	numberKeys = "sluice-numbers/" // nobody watches them
)

// nodeKey and ownerKey read keys.
func nodeKey(key []byte) (id string, ok bool) {
	id, ok = strings.CutPrefix(string(key), nodeKeys)
	return id, ok && config.ValidNode(id)
}

// ownerKey reads one of a stream, or of what Room has made of the name of a room.
func ownerKey(key []byte) (stream string, ok bool) {
	stream, ok = strings.CutPrefix(string(key), ownerKeys)
	return stream, ok && name.Valid(strings.TrimPrefix(stream, roomMark))
}

// roomMark stands before the names of rooms, and can be in none of a stream.
const roomMark = "room."

// Room is by what name a room has an owner.
func Room(name string) string { return roomMark + name }

// Prefix is what stands before the names of a node's sessions.
func Prefix(id string) string { return id + "." }

// NodeOf is the node that has a session, by its name.
func NodeOf(session string) (id string, ok bool) {
	id, _, ok = strings.Cut(session, ".")
	if !ok || !config.ValidNode(id) {
		return "", false
	}
	return id, true
}

// asks is what the path of a request between nodes is about: a session of a node, or else a stream.
func asks(path string) (stream, node string) {
	parts := strings.SplitN(strings.TrimPrefix(path, "/"), "/", 4)
	if len(parts) < 2 || !name.Valid(parts[1]) {
		return "", ""
	}
	if len(parts) > 2 && parts[0] != "live" {
		node, _ = NodeOf(parts[2])
	}
	return parts[1], node
}
