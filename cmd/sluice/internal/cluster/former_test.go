package cluster

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
)

// A node that is cut from etcd, and still answers, is asked for what it had until another node has that; one that has ended is not.
func TestNodeIsCutFromEtcd(t *testing.T) {
	etcd := etcdtest.Start(t)
	served := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer served.Close()
	a, b := startNodeAt(t, etcd, "a", served.URL), startNode(t, etcd, "b")
	a.sees(t, "a", "b")
	b.sees(t, "a", "b")
	for _, stream := range []string{"cam", "moves"} {
		require.NoError(t, failed(a.Claim(t.Context(), stream)))
		b.hasOwner(t, stream, "a")
	}
	holder, elsewhere := b.Holder("cam")
	require.Equal(t, []any{"a", true}, []any{holder, elsewhere})
	_, elsewhere = a.Holder("cam")
	require.False(t, elsewhere)

	a.stop() // its lease is given back, and what serves goes on
	b.sees(t, "b")
	b.hasOwner(t, "cam", "")
	b.AwaitHolder(t.Context(), "cam", time.Hour)
	holder, elsewhere = b.Holder("cam")
	require.Equal(t, []any{"a", true}, []any{holder, elsewhere})
	require.True(t, b.Reaches("a"), "its sessions too")
	place, err := b.Place("moves")
	require.NoError(t, err)
	require.Equal(t, "b", place, "whoever publishes goes to a node that is there")
	require.NoError(t, failed(b.Claim(t.Context(), "moves")))
	_, elsewhere = b.Holder("moves")
	require.False(t, elsewhere, "a new owner counts more")

	served.Close()
	eventually(t, func() bool { _, elsewhere := b.Holder("cam"); return !elsewhere && !b.Reaches("a") })
	astray, _ := b.view.astray("cam")
	require.True(t, astray, "its return is waited for from now on")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.AwaitHolder(ctx, "cam", time.Hour)
}

// Who publishes a stream whose node has died waits until etcd knows that, and for nothing more; while the node answers it is asked at once.
func TestNodeDies(t *testing.T) {
	etcd := etcdtest.Start(t)
	var dead atomic.Bool
	asked := make(chan struct{}, 1)
	served := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if dead.Load() && r.URL.Path == pathOfProbe {
			w.WriteHeader(http.StatusServiceUnavailable)
			select {
			case asked <- struct{}{}:
			default:
			}
		}
	}))
	defer served.Close()
	a, b := startNodeAt(t, etcd, "a", served.URL), startNode(t, etcd, "b")
	a.sees(t, "a", "b")
	b.sees(t, "a", "b")
	require.NoError(t, failed(a.Claim(t.Context(), "cam")))
	b.hasOwner(t, "cam", "a")
	require.False(t, b.AwaitDeath(t.Context(), "cam", time.Hour), "it answers")
	require.False(t, b.AwaitDeath(t.Context(), "other", time.Hour), "nobody has it")
	require.False(t, a.AwaitDeath(t.Context(), "cam", time.Hour), "it is its own")

	dead.Store(true)
	died := make(chan bool)
	go func() { died <- b.AwaitDeath(t.Context(), "cam", time.Hour) }()
	<-asked
	select {
	case <-died:
		t.Fatal("etcd does not know yet")
	default:
	}
	a.stop() // its lease is given back
	require.True(t, <-died)
	place, err := b.Place("cam")
	require.NoError(t, err)
	require.Equal(t, "b", place)
}

// Who comes back to the directory finds what has left meanwhile as if it had seen it.
func TestWhatHasLeftMeanwhile(t *testing.T) {
	v, now := newView(), time.Now()
	v.now = func() time.Time { return now }
	a := record{URL: "http://127.0.0.1:1", Instance: "i"}
	v.reset([]change{{[]byte(nodeKeys + "a"), []byte(a.String()), 1, false}, {[]byte(ownerKeys + "cam"), []byte("a"), 2, false}})
	v.reset(nil)
	astray, _ := v.astray("cam")
	require.True(t, astray)
	require.Equal(t, []string{"a"}, v.wanted())
	v.probed("a", false)
	_, held := v.holder("cam")
	require.False(t, held)
	for range 3 {
		v.probed("a", true)
		holder, held := v.holder("cam")
		require.Equal(t, []any{"a", true}, []any{holder, held})
		require.Equal(t, []string{"a"}, v.wanted(), "for as long as it answers")
		now = now.Add(Awaited - time.Second)
	}
	v.probed("a", false)
	now = now.Add(Awaited - time.Second)
	astray, _ = v.astray("cam")
	require.True(t, astray)
	now = now.Add(2 * time.Second)
	astray, _ = v.astray("cam")
	require.False(t, astray)
	require.Empty(t, v.wanted(), "nobody asks for it any more")
	_, known := v.former.node("a")
	require.False(t, known)
	v.probed("a", true)
	_, held = v.holder("cam")
	require.False(t, held, "an answer that comes too late")
}
