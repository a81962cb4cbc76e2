package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"github.com/sluice-live/sluice/packager/disk"
	"github.com/sluice-live/sluice/public/name"
)

// Bounds of a Ring.
const (
	keyHead    = "sluice_" // with which its tokens begin
	tokenText  = 26        // characters behind that, as rand.Text has them
	maxKeys    = 1000
	maxNote    = 200     // bytes
	maxKeyFile = 4 << 20 // bytes
)

// What is wrong with a key.
var (
	ErrNoKey    = errors.New("there is no such key")
	ErrManyKeys = fmt.Errorf("there are %d keys: revoke some first", maxKeys)
	ErrBadKey   = errors.New("a key is for publish, watch, record, admin or metrics, and a stream, the beginning of names with * behind, or *; its note is a line of 200 bytes at most, and it ends in the future")
)

// Key is a key that was made while the service runs, without its token, which nobody is told again.
type Key struct {
	ID       string    `json:"id"`
	Actions  []Action  `json:"actions"`
	Stream   string    `json:"stream"` // *, or the beginning of names with * behind
	Note     string    `json:"note,omitempty"`
	Created  time.Time `json:"created"`
	Expires  time.Time `json:"expires,omitzero"`  // absent: it does not by itself
	LastUsed time.Time `json:"lastUsed,omitzero"` // to the second; absent: not yet
}

// Ring are the keys that are made and revoked while the service runs. On the disk, and in memory, it has no token but its SHA-256: they are
// random, of 130 bits.
type Ring struct {
	path    string
	writing sync.Mutex // of the file: one at a time, while others ask
	state   atomic.Pointer[ringState]
}

// ringState is what a Ring has; it is replaced as a whole once it is on the disk.
type ringState struct {
	revoked int // keys that could watch, so many times
	keys    map[[sha256.Size]byte]*ringKey
}

type ringKey struct {
	Key
	Digest string       `json:"digest"` // of the token, SHA-256 in hexadecimal
	used   atomic.Int64 // seconds since 1970
}

// told is the key with its last use.
func (k *ringKey) told() Key {
	key := k.Key
	if at := k.used.Load(); at > 0 {
		key.LastUsed = time.Unix(at, 0).UTC()
	}
	return key
}

type ringFile struct {
	Revoked int        `json:"revoked"`
	Keys    []*ringKey `json:"keys"`
}

// LoadRing reads the keys in a file; there need be none.
func LoadRing(path string) (*Ring, error) {
	r, state := &Ring{path: path}, &ringState{keys: map[[sha256.Size]byte]*ringKey{}}
	r.state.Store(state)
	text, err := disk.ReadBounded(path, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	var file ringFile
	if err == nil {
		err = json.Unmarshal(text, &file)
	}
	if err == nil {
		err = state.fill(file)
	}
	if err != nil {
		return nil, fmt.Errorf("the keys in %s cannot be read: put a copy of it back, or move it away, which revokes them all: %w", path, err)
	}
	return r, nil
}

// fill takes what a file has.
func (s *ringState) fill(file ringFile) error {
	if len(file.Keys) > maxKeys {
		return fmt.Errorf("it has more than %d keys", maxKeys)
	}
	s.revoked = file.Revoked
	for i, k := range file.Keys {
		if k == nil {
			return fmt.Errorf("number %d is none", i+1)
		}
		digest, err := hex.DecodeString(k.Digest)
		if err != nil || len(digest) != sha256.Size || !k.valid() {
			return fmt.Errorf("number %d is none", i+1)
		}
		if !k.LastUsed.IsZero() {
			k.used.Store(k.LastUsed.Unix())
		}
		s.keys[[sha256.Size]byte(digest)] = k
	}
	return nil
}

// valid reports whether it is for something.
func (k *Key) valid() bool {
	known := func(a Action) bool { return slices.Contains(decided, a) }
	return len(k.Actions) > 0 && len(k.Actions) <= len(decided) && !slices.ContainsFunc(k.Actions, func(a Action) bool { return !known(a) }) &&
		name.ValidPattern(k.Stream) && len(k.Note) <= maxNote && !strings.ContainsFunc(k.Note, func(c rune) bool { return unicode.In(c, unicode.Cc, unicode.Zl, unicode.Zp, unicode.Bidi_Control) })
}

// replace writes the file, and goes on with what is in it. The caller holds writing. With an error nothing has changed.
func (r *Ring) replace(state *ringState) error {
	file := ringFile{Revoked: state.revoked, Keys: []*ringKey{}}
	for _, k := range state.keys {
		file.Keys = append(file.Keys, &ringKey{Key: k.told(), Digest: k.Digest})
	}
	slices.SortFunc(file.Keys, func(a, b *ringKey) int { return strings.Compare(a.ID, b.ID) })
	text, err := json.MarshalIndent(file, "", " ")
	if err != nil {
		return err
	}
	temporary := r.path + ".tmp" // of one that writes at a time
	if err := os.Remove(temporary); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, r.path); err != nil {
		return err
	}
	r.state.Store(state)
	_ = disk.OS{}.Sync(filepath.Dir(r.path)) // or a key that was revoked might be back after a loss of power; not all file systems can
	return nil
}

// Save writes down when keys were last used.
func (r *Ring) Save() error {
	r.writing.Lock()
	defer r.writing.Unlock()
	if state := r.state.Load(); len(state.keys) > 0 {
		return r.replace(state)
	}
	return nil
}

// Keys are all keys, the oldest first; those of one millisecond in the order of their IDs.
func (r *Ring) Keys() []Key {
	all := []Key{}
	for _, k := range r.state.Load().keys {
		all = append(all, k.told())
	}
	slices.SortFunc(all, func(a, b Key) int { return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID)) })
	return all
}

// Make makes a key of the actions, stream, note and end of another, and its token. Where there are too many, those that have expired go.
func (r *Ring) Make(of Key) (key Key, token string, err error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	made := &ringKey{Key: Key{ID: rand.Text()[:12], Actions: slices.Compact(slices.Sorted(slices.Values(of.Actions))), Stream: of.Stream, Note: of.Note, Created: now, Expires: of.Expires}}
	if !made.valid() || !of.Expires.IsZero() && !of.Expires.After(now) {
		return Key{}, "", ErrBadKey
	}
	token = keyHead + rand.Text()
	digest := sha256.Sum256([]byte(token))
	made.Digest = hex.EncodeToString(digest[:])
	r.writing.Lock()
	defer r.writing.Unlock()
	state := r.state.Load().copy()
	if len(state.keys) >= maxKeys {
		maps.DeleteFunc(state.keys, func(_ [sha256.Size]byte, k *ringKey) bool { return k.isOver(now) })
	}
	if len(state.keys) >= maxKeys {
		return Key{}, "", ErrManyKeys
	}
	state.keys[digest] = made
	if err := r.replace(state); err != nil {
		return Key{}, "", fmt.Errorf("write the keys: %w", err)
	}
	return made.told(), token, nil
}

func (s *ringState) copy() *ringState { return &ringState{s.revoked, maps.Clone(s.keys)} }

// isOver reports whether it has expired.
func (k *Key) isOver(now time.Time) bool { return !k.Expires.IsZero() && !now.Before(k.Expires) }

// revoke takes a key away; watched says that it was for watching.
func (r *Ring) revoke(id string) (watched bool, err error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	state := r.state.Load().copy()
	for digest, k := range state.keys {
		if k.ID != id {
			continue
		}
		watched = watched || slices.ContainsFunc(k.Actions, func(a Action) bool { return a.covers(Watch) })
		delete(state.keys, digest)
	}
	if len(state.keys) == len(r.state.Load().keys) {
		return false, ErrNoKey
	}
	if watched {
		state.revoked++
	}
	if err := r.replace(state); err != nil {
		return false, fmt.Errorf("write the keys: %w", err)
	}
	return watched, nil
}

// purpose is what addresses are signed for: another one once somebody has lost the right to watch.
func (r *Ring) purpose() string {
	if r == nil || r.state.Load().revoked == 0 {
		return pathsPurpose
	}
	return fmt.Sprint(pathsPurpose, " ", r.state.Load().revoked)
}

// have reports whether a token is one of a ring, or looks so. An operator's own may begin in the same way.
func (r *Ring) have(token string) bool {
	random, found := strings.CutPrefix(token, keyHead)
	return r != nil && found && len(random) == tokenText && strings.Trim(random, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// may answers the question by a key.
func (r *Ring) may(q Request) (Grant, *RefusedError) {
	k, now := r.state.Load().keys[sha256.Sum256([]byte(q.Token))], time.Now()
	switch {
	case k == nil, k.isOver(now):
		return Grant{}, refused(http.StatusUnauthorized, "This key is not good any more, or not of this server: ask whoever runs it for another one.")
	case !slices.ContainsFunc(k.Actions, func(a Action) bool { return a.covers(q.Action) }):
		return Grant{}, refused(http.StatusForbidden, "This key is not for that: it is for something else.")
	case q.Stream != "" && !matches(k.Stream, q.Stream):
		return Grant{}, refused(http.StatusForbidden, "This key is for another stream: use the key of this one.")
	}
	k.used.Store(now.Unix())
	return Grant{Until: k.Expires, Key: k.ID}, nil
}

// UseRing has the Gate take the keys of a ring, too. It is called before anything is asked.
func (g *Gate) UseRing(ring *Ring, fixed bool) {
	g.fixed = fixed
	with := *g.rights.Load()
	with.ring = ring
	g.sign(&with)
	g.rights.Store(&with)
}

// sign gives rights the key that they sign addresses with. With a secret that relays have too, it is always the same.
func (g *Gate) sign(by *rights) {
	purpose := pathsPurpose
	if !g.fixed {
		purpose = by.ring.purpose()
	}
	by.signWith(g.secret.For(purpose, by.auth))
}

// Ring are the keys that are made while the service runs; nil where there are none.
func (g *Gate) Ring() *Ring { return g.rights.Load().ring }

// Revoke takes a key away, and ends what it has opened.
func (g *Gate) Revoke(ctx context.Context, id string) (ended int, err error) {
	g.change.Lock()
	defer g.change.Unlock()
	watched, err := g.Ring().revoke(id)
	if err != nil {
		return 0, err
	}
	with := *g.rights.Load()
	if watched {
		g.sign(&with)
	}
	g.rights.Store(&with)
	return g.judgeAll(ctx, &with), nil
}
