package doctor

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluice-live/sluice/cmd/sluice/internal/cluster/etcdtest"
	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

func TestEtcd(t *testing.T) {
	well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { require.Equal(t, "/health", r.URL.Path) }))
	defer well.Close()
	alone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer alone.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	found := checkEtcd(t.Context(), config.Cluster{Etcd: []string{well.URL + "/", alone.URL, gone.URL}})
	require.Len(t, found, 3)
	require.Equal(t, []string{markFine, markBad, markBad}, []string{found[0].mark, found[1].mark, found[2].mark})
	require.Contains(t, found[1].state, "Service Unavailable")
	require.Contains(t, found[2].state, "refused")
	require.Empty(t, checkEtcd(t.Context(), config.Cluster{}))
}

// An etcd that wants certificates is asked with those that are configured, and it is said which are missing.
func TestEtcdOverTLS(t *testing.T) {
	authority := etcdtest.NewAuthority(t)
	etcd := etcdtest.StartWithTLS(t, authority)
	whole := config.Cluster{Etcd: []string{etcd.URL}, Trust: config.Trust{EtcdCA: authority.CA, EtcdCert: authority.Cert, EtcdKey: authority.Key}}
	found := checkEtcd(t.Context(), whole)
	require.Equal(t, markFine, found[0].mark, found[0].state)
	strange, anonymous, missing := whole, whole, whole
	strange.EtcdCA = ""
	anonymous.EtcdCert, anonymous.EtcdKey = "", ""
	missing.EtcdCA = authority.CA + ".none"
	for want, c := range map[string]config.Cluster{"cluster.etcd-ca": strange, "cluster.etcd-cert": anonymous, "PEM files": missing} {
		found := checkEtcd(t.Context(), c)
		require.Len(t, found, 1)
		require.Equal(t, markBad, found[0].mark)
		require.Contains(t, found[0].mend, want, found[0].state)
	}
}

func TestEtcdOpenToOthers(t *testing.T) {
	for at, want := range map[string]bool{
		"http://127.0.0.1:2379": false, "http://localhost:2379": false, "http://[::1]:2379": false, "http://10.0.0.1:2379": true, "http://etcd:2379": true, "https://10.0.0.1:2379": false, "%": false,
	} {
		require.Equal(t, want, openToOthers(at), at)
	}
}
