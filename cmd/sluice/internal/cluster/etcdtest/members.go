package etcdtest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Cluster is several that have one of them as their leader.
type Cluster struct {
	t       testing.TB
	Members []*Etcd
}

// StartCluster runs so many, at addresses that address gives, host:port.
func StartCluster(t testing.TB, members int, address func() string) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	var all []string
	for i := range members {
		e := newMember(t, fmt.Sprint("member-", i), address(), address())
		c.Members = append(c.Members, e)
		all = append(all, e.name+"=http://"+e.peer)
	}
	for _, e := range c.Members {
		e.cluster = strings.Join(all, ",")
	}
	c.Start()
	return c
}

// Start has those run that do not, with what they have kept.
func (c *Cluster) Start() {
	c.t.Helper()
	for _, e := range c.Members {
		if !e.Running() {
			e.Launch()
		}
	}
	for _, e := range c.Members {
		e.Await()
	}
}

// Stop ends all.
func (c *Cluster) Stop() {
	for _, e := range c.Members {
		e.Stop()
	}
}

// URLs are where clients find them.
func (c *Cluster) URLs() (urls []string) {
	for _, e := range c.Members {
		urls = append(urls, e.URL)
	}
	return urls
}

// Leader is the one that decides.
func (c *Cluster) Leader() (leader *Etcd) {
	c.t.Helper()
	require.Eventually(c.t, func() bool {
		for _, e := range c.Members {
			if id, of, err := e.status(); err == nil && id == of {
				leader = e
				return true
			}
		}
		return false
	}, patience, 20*time.Millisecond, "etcd has no leader")
	return leader
}

// status is the id of a member, and of the one that it takes for the leader.
func (e *Etcd) status() (id, leader string, err error) {
	client := &http.Client{Timeout: time.Second}
	answer, err := client.Post(e.URL+"/v3/maintenance/status", "application/json", bytes.NewReader([]byte("{}")))
	if err != nil {
		return "", "", err
	}
	defer answer.Body.Close()
	var said struct {
		Header struct {
			Member string `json:"member_id"`
		}
		Leader string
	}
	err = json.NewDecoder(answer.Body).Decode(&said)
	return said.Header.Member, said.Leader, err
}
