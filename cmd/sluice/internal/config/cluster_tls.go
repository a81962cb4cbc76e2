package config

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"
)

// Trust says by which PEM files the servers of a cluster know each other.
type Trust struct {
	EtcdCA            string // certificates of who has issued those of etcd; empty: those that the system trusts
	EtcdCert, EtcdKey string // that this node shows etcd; empty: none
	CA                string // certificates of who has issued those of the other nodes; empty: those that the system trusts
}

func (c Config) checkTrust(check *checker) {
	own := c.Cluster
	given := map[string]string{"cluster.etcd-ca": own.EtcdCA, "cluster.etcd-cert": own.EtcdCert, "cluster.etcd-key": own.EtcdKey, "cluster.ca": own.CA}
	for _, key := range []string{"cluster.etcd-ca", "cluster.etcd-cert", "cluster.etcd-key"} {
		check.want(given[key] == "" || own.etcdOverTLS(), key, "is not used while no URL of cluster.etcd begins with https://")
	}
	check.want(own.CA == "" || c.IsNode(), "cluster.ca", "is not used while cluster.etcd is empty")
	check.want((own.EtcdCert == "") == (own.EtcdKey == ""), "cluster.etcd-cert", "goes together with cluster.etcd-key: set both or none")
}

func (c Cluster) etcdOverTLS() bool {
	for _, at := range c.Etcd {
		if strings.HasPrefix(at, "https://") {
			return true
		}
	}
	return false
}

// TLSOfEtcd is how etcd is spoken to over TLS. A certificate of ours that is renewed in its place is shown from the next connection on.
func (c Cluster) TLSOfEtcd() (*tls.Config, error) {
	roots, err := rootsIn("cluster.etcd-ca", c.EtcdCA)
	if err != nil {
		return nil, err
	}
	secured := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}
	if c.EtcdCert == "" {
		return secured, nil
	}
	load := func() (*tls.Certificate, error) {
		own, err := tls.LoadX509KeyPair(c.EtcdCert, c.EtcdKey)
		if err != nil {
			return nil, fmt.Errorf("cluster.etcd-cert: %w", err)
		}
		return &own, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	secured.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return secured, nil
}

// TLSOfNodes is how other nodes are spoken to over TLS.
func (c Cluster) TLSOfNodes() (*tls.Config, error) {
	roots, err := rootsIn("cluster.ca", c.CA)
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}, err
}

// rootsIn are the certificates of a file; nil, which are those that the system trusts, where there is none.
func rootsIn(key, file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return nil, errors.New(key + ": " + file + " has no certificate in PEM")
	}
	return roots, nil
}
