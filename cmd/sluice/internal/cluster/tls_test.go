package cluster

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// Over TLS etcd and the other nodes are known by an authority of the operator's own, and a node to etcd by its certificate.
func TestClusterOverTLS(t *testing.T) {
	authority := etcdtest.NewAuthority(t)
	etcd := etcdtest.StartWithTLS(t, authority)
	own, err := tls.LoadX509KeyPair(authority.Cert, authority.Key)
	require.NoError(t, err)
	served := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("a says so")) }))
	served.TLS = &tls.Config{Certificates: []tls.Certificate{own}}
	served.StartTLS()
	defer served.Close()
	trusted := config.Cluster{Trust: config.Trust{EtcdCA: authority.CA, EtcdCert: authority.Cert, EtcdKey: authority.Key, CA: authority.CA}}
	by := func(c config.Cluster) func(*Options) {
		return func(o *Options) {
			var err error
			o.TLSOfEtcd, err = c.TLSOfEtcd()
			require.NoError(t, err)
			o.TLSOfNodes, err = c.TLSOfNodes()
			require.NoError(t, err)
		}
	}
	a, b := startNodeAt(t, etcd, "a", served.URL, by(trusted)), startNodeAt(t, etcd, "b", served.URL, by(trusted))
	b.sees(t, "a", "b")
	a.sees(t, "a", "b")
	require.NoError(t, failed(a.Claim(t.Context(), "cam")))
	b.hasOwner(t, "cam", "a")
	status, body, err := b.Ask(t.Context(), "a", "/cluster/state")
	require.NoError(t, err)
	require.Equal(t, []any{http.StatusOK, "a says so"}, []any{status, string(body)})

	// Whoever knows neither authority, or shows nothing, is not among them.
	distrusts := trusted
	distrusts.CA = ""
	c := startNodeAt(t, etcd, "c", served.URL, by(distrusts))
	c.sees(t, "a", "b", "c")
	_, _, err = c.Ask(context.Background(), "a", "/cluster/state")
	require.ErrorAs(t, err, new(*tls.CertificateVerificationError))
	anonymous := trusted
	anonymous.EtcdCert, anonymous.EtcdKey = "", ""
	for _, stranger := range []config.Cluster{{}, anonymous} {
		d := startNodeAt(t, etcd, "d", served.URL, by(stranger))
		eventually(t, func() bool { return strings.Contains(d.log.String(), "this node is out of the cluster") })
		require.False(t, d.Connected())
		d.stop()
	}
}

// Certificates are read at the start, and again when they are shown.
func TestTrustOfCluster(t *testing.T) {
	authority := etcdtest.NewAuthority(t)
	none, err := config.Cluster{}.TLSOfEtcd()
	require.NoError(t, err)
	require.Nil(t, none.RootCAs, "those of the system")
	require.Nil(t, none.GetClientCertificate)
	whole := config.Cluster{Trust: config.Trust{EtcdCA: authority.CA, EtcdCert: authority.Cert, EtcdKey: authority.Key, CA: authority.CA}}
	etcd, err := whole.TLSOfEtcd()
	require.NoError(t, err)
	require.NotNil(t, etcd.RootCAs)
	shown, err := etcd.GetClientCertificate(nil)
	require.NoError(t, err)
	renewed := etcdtest.NewAuthority(t)
	for from, to := range map[string]string{renewed.Cert: authority.Cert, renewed.Key: authority.Key} {
		require.NoError(t, os.Rename(from, to))
	}
	after, err := etcd.GetClientCertificate(nil)
	require.NoError(t, err)
	require.NotEqual(t, shown.Certificate, after.Certificate)
	nodes, err := whole.TLSOfNodes()
	require.NoError(t, err)
	require.NotNil(t, nodes.RootCAs)
	for want, c := range map[string]config.Cluster{
		"cluster.etcd-ca: open":                  {Trust: config.Trust{EtcdCA: authority.CA + ".none"}},
		"has no certificate":                     {Trust: config.Trust{EtcdCA: authority.Key}},
		"cluster.etcd-cert: open":                {Trust: config.Trust{EtcdCert: authority.CA + ".none", EtcdKey: authority.Key}},
		"cluster.etcd-cert: tls: failed to find": {Trust: config.Trust{EtcdCert: authority.Key, EtcdKey: authority.Key}},
	} {
		_, err := c.TLSOfEtcd()
		require.ErrorContains(t, err, want)
	}
	_, err = config.Cluster{Trust: config.Trust{CA: authority.Key}}.TLSOfNodes()
	require.ErrorContains(t, err, "cluster.ca: ")
}
