package config

import (
	"net/url"
	"strings"
)

// Cluster says with which others streams are shared.
type Cluster struct {
	Etcd   []string // URLs of etcd, in which nodes find each other; none: this service stands alone
	Node   string   // what this one is called
	URL    string   // where the others reach it
	Secret Secret   // that all nodes have in common
	Trust
}

// longestNode bounds what a node is called, bytes.
const longestNode = 32

// IsNode reports whether this service shares streams with others.
func (c Config) IsNode() bool { return len(c.Cluster.Etcd) > 0 }

// CommonSecret is what addresses are signed with that others are to know; empty: this service has one of its own.
func (c Config) CommonSecret() Secret {
	if c.Relay.Secret != "" {
		return c.Relay.Secret
	}
	return c.Cluster.Secret
}

// ValidNode reports whether a node may be called so. The name stands before those of its sessions, with a dot behind.
func ValidNode(s string) bool {
	return s != "" && len(s) <= longestNode && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] != '-'
}

// IsNodeURL reports whether a text is a URL that nodes reach each other by.
func IsNodeURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil && u.RawQuery == "" && !u.ForceQuery && u.Fragment == "" && strings.Trim(u.Path, "/") == ""
}

func (c Config) checkCluster(check *checker) {
	own := c.Cluster
	c.checkTrust(check)
	if !c.IsNode() {
		given := map[string]string{"cluster.node": own.Node, "cluster.url": own.URL, "cluster.secret": string(own.Secret)}
		for _, key := range []string{"cluster.node", "cluster.url", "cluster.secret"} {
			check.want(given[key] == "", key, "is not used while cluster.etcd is empty")
		}
		return
	}
	check.want(!c.IsRelay(), "cluster.etcd", "is not used by a relay: a node has streams of its own")
	for _, at := range own.Etcd {
		check.want(IsNodeURL(at), "cluster.etcd", "%q is not a URL such as http://10.0.0.1:2379", at)
	}
	check.want(ValidNode(own.Node), "cluster.node", "%q is not 1 to %d small letters, digits and -, beginning with a letter or digit: each node has another", own.Node, longestNode)
	check.want(IsNodeURL(own.URL), "cluster.url", "%q is not a URL such as http://10.0.0.1:8080, without a path, where other nodes reach this one", own.URL)
	check.want(len(own.Secret) >= minSecretLength, "cluster.secret", "a secret of %d bytes: it needs %d, and is the same at all nodes", len(own.Secret), minSecretLength)
}
