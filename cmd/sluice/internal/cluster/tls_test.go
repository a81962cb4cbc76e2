package cluster

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
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
	require.NoError(t, a.Claim(t.Context(), "cam"))
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
