package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
)

// Viewers at nodes that do not have a stream notice nothing when the leader of three etcd is killed, nor when the stream's owner alone is cut from all of
// them for longer than its lease lasts: the other nodes go on asking it. The checker, which asks all nodes, finds no rule broken.
func TestClusterOutlivesEtcd(t *testing.T) {
	alongside(t, heavy)
	f := newFleet(t)
	r := f.begin(clusterFault{}, cameraBrowser.forTest(t), "kept")
	for _, p := range r.players {
		p.reset()
	}
	goesOn := func() {
		t.Helper()
		for _, id := range r.others {
			f.nodes[id].waitMoreListed("/live/"+r.stream+"/audio.m3u8", 2)
		}
	}
	f.etcd.Leader().Stop()
	f.etcd.Leader()
	goesOn()
	f.etcd.Start()
	f.waitAll()

	f.cut(r.owner, true, true)
	for _, id := range r.others {
		f.nodes[id].waitNodes(true, r.others...)
	}
	f.nodes[r.owner].waitNodes(false, f.ids...)
	goesOn()
	f.cut(r.owner, false, false)
	f.waitAll()
	goesOn()
	require.Equal(t, r.owner, f.ownerOf(r.stream, r.others[0]))
	waitSteady(recoverIn, r.players...)
	for _, p := range r.players {
		seen := p.read()
		require.Equal(t, []int{p.opened, 0, 0}, []int{seen.Players, seen.Fatal, seen.Emptied}, "%s: how often it was opened, had a fatal error, was emptied: %+v", p.protocol, seen)
		t.Logf("%s stood still for %.2f s", p.protocol, seen.Stall)
	}
	require.Empty(t, r.checker.faults())
	r.end()
}

// The doctor asks an etcd that wants certificates with those that are configured, and says which are missing; and the service does not start with one that
// cannot be read.
func TestDoctorAsksEtcdOverTLS(t *testing.T) {
	alongside(t, light)
	authority := etcdtest.NewAuthority(t)
	etcd := etcdtest.StartWithTLS(t, authority)
	node := []string{"--cluster-etcd", etcd.URL, "--cluster-node", "n1", "--cluster-url", "http://127.0.0.1:1", "--cluster-secret", clusterSecret, "--data", t.TempDir()}
	for want, trust := range map[string][]string{
		etcd.URL + " is well":           {"--cluster-etcd-ca", authority.CA, "--cluster-etcd-cert", authority.Cert, "--cluster-etcd-key", authority.Key},
		"Set cluster.etcd-ca to":        {"--cluster-etcd-cert", authority.Cert, "--cluster-etcd-key", authority.Key},
		"Set cluster.etcd-cert and":     {"--cluster-etcd-ca", authority.CA},
		"has no certificate in PEM":     {"--cluster-etcd-ca", authority.Key},
		"Name PEM files that this user": {"--cluster-ca", authority.CA + ".none"},
	} {
		printed, _ := runToEnd(t, append(append([]string{"doctor"}, node...), trust...)...)
		require.Contains(t, printed, want)
	}
	printed, status := runToEnd(t, append([]string{"serve", "--http-listen", "127.0.0.1:0", "--ice-udp", "127.0.0.1:0", "--cluster-etcd-ca", authority.Key}, node...)...)
	require.Equal(t, 2, status)
	require.Contains(t, printed, "cluster.etcd-ca: "+authority.Key+" has no certificate in PEM")
}
