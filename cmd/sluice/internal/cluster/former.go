package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// How nodes that have left are asked whether they are there still.
const (
	probeEvery  = 500 * time.Millisecond
	probeWithin = time.Second
	pathOfProbe = "/healthz" // which never asks etcd
	maxFormer   = 100        // nodes
)

// former are nodes that have left with streams that nobody has claimed since. One that still answers has not ended: it is cut from etcd, its streams
// run, and they are asked of it until another node has them.
type former struct {
	mu    sync.Mutex
	nodes map[string]record
	there map[string]bool // by what they have answered last
}

func newFormer() *former { return &former{nodes: map[string]record{}, there: map[string]bool{}} }

// note keeps where a node was that has left.
func (f *former) note(id string, r record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.nodes) < maxFormer {
		f.nodes[id] = r
	}
}

// forget drops a node that is among the others again, or has no streams that anybody may ask it for.
func (f *former) forget(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.nodes, id)
	delete(f.there, id)
}

// set notes whether a node answers, and reports whether that is new.
func (f *former) set(id string, answers bool) (changed bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, known := f.nodes[id]; !known {
		return false
	}
	changed = f.there[id] != answers
	f.there[id] = answers
	return changed
}

// node is one that answers.
func (f *former) node(id string) (record, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodes[id], f.there[id]
}

func (f *former) all() map[string]record {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string]record{}
	for id, r := range f.nodes {
		all[id] = r
	}
	return all
}

// holder is the node that had a stream until it left, if nobody has it now and that node answers.
func (v *view) holder(stream string) (id string, ok bool) {
	v.mu.RLock()
	_, owned := v.owners[stream]
	lost, known := v.lost[stream]
	v.mu.RUnlock()
	if owned || !known {
		return "", false
	}
	if _, ok = v.former.node(lost.node); !ok {
		return "", false
	}
	return lost.node, true
}

// leaves notes that a node has left; v is locked.
func (v *view) leaves(id string) {
	if m, known := v.nodes[id]; known {
		v.former.note(id, m.record)
		m.end()
	}
	delete(v.nodes, id)
	v.left[id] = v.now()
}

// loses notes that a stream has no owner any more; v is locked.
func (v *view) loses(stream string) {
	known, old := v.owners[stream]
	if delete(v.owners, stream); old {
		known.end()
	}
	if old && len(v.lost) < maxOwners {
		v.lost[stream] = loss{known.node, v.now()}
	}
}

// probed notes whether a node that has left answers. While it does, what it had stays lost to it; when it does not any more, it has left just now.
func (v *view) probed(id string, answers bool) {
	before, was := v.former.node(id)
	if !v.former.set(id, answers) && !answers {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if answers || was && before != (record{}) {
		now := v.now()
		v.left[id] = now
		for stream, l := range v.lost {
			if l.node == id {
				v.lost[stream] = loss{id, now}
			}
		}
	}
	v.wake()
}

// wanted lists the nodes that have left with streams that nobody has claimed since, and forgets the others.
func (v *view) wanted() (ids []string) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	since := v.now().Add(-Awaited) // of one that answers all is lost again and again
	for id := range v.former.all() {
		_, back := v.nodes[id]
		asked := false
		for stream, l := range v.lost {
			_, owned := v.owners[stream]
			asked = asked || l.node == id && !owned && l.at.After(since)
		}
		if back || !asked {
			v.former.forget(id)
			continue
		}
		ids = append(ids, id)
	}
	return ids
}

// wake tells who waits for a change; v is locked.
func (v *view) wake() {
	close(v.changed)
	v.changed = make(chan struct{})
}

// probe asks nodes that have left whether they are there still.
func (n *Node) probe(ctx context.Context) {
	n.askAll(n.view.wanted(), "the question to a node that has left", func(id string) { n.ask(ctx, id) })
}

// answers asks a node whether it is there. The error says why it seems not to be.
func (n *Node) answers(ctx context.Context, at string) error {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(at, "/")+pathOfProbe, http.NoBody)
	if err != nil {
		return err
	}
	answer, err := n.connected.RoundTrip(request)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	return errors.Join(err, answer.Body.Close())
}

// ask asks one of them.
func (n *Node) ask(ctx context.Context, id string) {
	err := n.answers(ctx, n.view.former.all()[id].URL)
	if _, answered := n.view.former.node(id); !answered && err == nil {
		n.options.Logger.Info("a node that is not in etcd any more still answers: its streams are asked of it until others have them", "node", id)
	}
	n.view.probed(id, err == nil)
}

// Holder is the node that a stream is asked of, where that is another one: its owner, or the one that was, which answers though it has left.
func (n *Node) Holder(stream string) (id string, ok bool) {
	if o, owned := n.view.owner(stream); owned {
		return o.node, o.node != n.options.ID
	}
	id, ok = n.view.holder(stream)
	return id, ok && id != n.options.ID
}

// Reaches reports whether a session can be asked of a node: one of the others, or one that has left and still answers.
func (n *Node) Reaches(id string) bool {
	_, err := n.reach(id)
	return err == nil
}

// reach is where a node is.
func (n *Node) reach(id string) (*url.URL, error) {
	m, ok := n.view.node(id)
	at := m.record
	if !ok {
		at, ok = n.view.former.node(id)
	}
	if !ok || id == n.options.ID {
		return nil, fmt.Errorf("there is no other node %q", id)
	}
	return url.Parse(at.URL)
}

// AwaitHolder is Await for who wants to watch: also a node that has left, and still answers, has the stream.
func (n *Node) AwaitHolder(ctx context.Context, stream string, during time.Duration) {
	n.awaitUnless(ctx, stream, during, func() bool {
		_, held := n.view.holder(stream)
		return held
	})
}

// Astray reports whether a stream has no node because that which had it has just left: who asks for it is to come again, and has not seen its end.
func (n *Node) Astray(stream string) bool {
	astray, _ := n.view.astray(stream)
	_, held := n.view.holder(stream)
	return astray && !held && !slices.Contains(n.options.Waiting(), stream)
}
