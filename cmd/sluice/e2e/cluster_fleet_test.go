package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
)

// fleet is three services that share streams, and three etcd by which they know of each other. Each service has cables of its own to these.
type fleet struct {
	t      testing.TB
	etcd   *etcdtest.Cluster
	ids    []string
	nodes  map[string]*service
	args   map[string][]string
	cables map[string][]*cable
	clip   *clip // of H.264, which is passed on
	front  string
	log    string // of nginx: which node each request went to
}

// newFleet starts all. Publishers' pictures are passed on, without smaller ones beside them.
func newFleet(t testing.TB, args ...string) *fleet {
	t.Helper()
	f := &fleet{t: t, ids: []string{"n1", "n2", "n3"}, nodes: map[string]*service{}, args: map[string][]string{}, cables: map[string][]*cable{}}
	var err error
	f.clip, err = makeClip(h264)
	require.NoError(t, err)
	f.etcd = etcdtest.StartCluster(t, 3, func() string { return freeAddress(t) })
	for _, id := range f.ids {
		var etcd []string
		for _, url := range f.etcd.URLs() {
			w := newCable(t, strings.TrimPrefix(url, "http://"))
			f.cables[id] = append(f.cables[id], w)
			etcd = append(etcd, "http://"+w.address)
		}
		address := freeAddress(t)
		f.args[id] = append([]string{
			"--http-listen", address, "--ice-udp", freeAddress(t), "--ladder", oneRung, "--record=false", "--linger=60s", "--cluster-etcd", strings.Join(etcd, ","),
			"--cluster-node", id, "--cluster-url", "http://" + address, "--cluster-secret", clusterSecret,
		}, args...)
		f.nodes[id] = startService(t, f.args[id]...)
	}
	f.waitAll()
	return f
}

// waitAll waits until every node sees all.
func (f *fleet) waitAll() {
	f.t.Helper()
	for _, id := range f.ids {
		f.nodes[id].waitNodes(true, f.ids...)
	}
}

// but lists all nodes but one.
func (f *fleet) but(id string) []string {
	return slices.DeleteFunc(slices.Clone(f.ids), func(other string) bool { return other == id })
}

// cut has nothing that a node sends to etcd, or that etcd answers, come through.
func (f *fleet) cut(id string, sent, answered bool) {
	for _, w := range f.cables[id] {
		w.cut(sent, answered)
	}
}

// kill is kill -9 of a node.
func (f *fleet) kill(id string) {
	f.t.Helper()
	f.nodes[id].kill()
}

// signal sends one to the process of a node.
func (f *fleet) signal(id string, s syscall.Signal) {
	f.t.Helper()
	require.NoError(f.t, syscall.Kill(f.nodes[id].holder(), s))
}

// restart starts a node that has ended, where it was.
func (f *fleet) restart(id string) {
	f.t.Helper()
	f.nodes[id] = startServiceIn(f.t, f.nodes[id].data, f.args[id]...)
}

// ownerOf is the node that has a stream, as another one lists it; empty: none.
func (f *fleet) ownerOf(stream, asked string) string {
	f.t.Helper()
	var list struct {
		Streams []struct{ Name, Node, State string }
	}
	_, _, body := f.nodes[asked].get("/api/v1/streams")
	require.NoError(f.t, json.Unmarshal(body, &list))
	for _, s := range list.Streams {
		if s.Name == stream && s.State != "ended" {
			return s.Node
		}
	}
	return ""
}

// publish has a publisher send as soon as one of these nodes takes it, whichever it asks.
func (f *fleet) publish(stream string, via ...string) *publisher {
	f.t.Helper()
	p := newPeer(f.t, nil, f.clip)
	p.add(f.clip, sendOnly)
	p.rounds = chaosRounds
	offer, tries, said := p.offer(nil), 0, ""
	eventually(f.t, func() bool {
		status, told := p.tryNegotiate(f.nodes[via[tries%len(via)]].base+"/whip/"+stream, offer)
		tries, said = tries+1, told
		return status == http.StatusCreated
	}, "no node takes the publisher: %s", func() string { return said })
	p.send()
	return p
}

// proxy is an nginx in front of all, by the configuration that scripts has.
func (f *fleet) proxy() (base string) {
	f.t.Helper()
	if f.front != "" {
		return f.front
	}
	directory, address := cacheDirectory(f.t), freeAddress(f.t)
	f.log = filepath.Join(directory, "nodes.log")
	me, err := user.Current()
	require.NoError(f.t, err)
	values := map[string]string{
		"user www-data;": "user " + me.Username + ";", "listen 80;": "listen " + address + ";", "/run/nginx.pid": directory + "/nginx.pid", "/var/log/nginx": directory,
		"access_log off;": "log_format nodes '$uri $upstream_addr'; access_log " + f.log + " nodes;",
	}
	for i, id := range f.ids {
		values[fmt.Sprintf("10.0.0.%d:8080", i+1)] = strings.TrimPrefix(f.nodes[id].base, "http://")
	}
	f.front = startCache(f.t, address, "nginx", "-p", directory, "-c", fill(f.t, "nginx-cluster.conf", directory, values), "-g", "daemon off;")
	return f.front
}

// behind is the node that nginx asks for a stream.
func (f *fleet) behind(stream string) (id string) {
	f.t.Helper()
	probe := "/live/" + stream + "/none.m4s"
	response, err := http.Get(f.proxy() + probe)
	require.NoError(f.t, err)
	require.NoError(f.t, response.Body.Close())
	eventually(f.t, func() bool {
		text, err := os.ReadFile(f.log)
		require.NoError(f.t, err)
		for line := range strings.Lines(string(text)) {
			if asked, ok := strings.CutPrefix(strings.TrimSpace(line), probe+" "); ok {
				for _, n := range f.ids {
					if strings.HasSuffix(f.nodes[n].base, "//"+asked) {
						id = n
					}
				}
			}
		}
		return id != ""
	}, "nginx says nowhere which node it has asked")
	return id
}
