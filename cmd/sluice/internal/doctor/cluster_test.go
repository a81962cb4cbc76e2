package doctor

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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
	late := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(-time.Minute).UTC().Format(http.TimeFormat))
	}))
	defer late.Close()
	found = checkEtcd(t.Context(), config.Cluster{Etcd: []string{late.URL}})
	require.Equal(t, markLook, found[0].mark)
	require.Regexp(t, `its clock is (1m0s|59s|1m1s) apart`, found[0].state)
}

func TestEtcdOpenToOthers(t *testing.T) {
	for at, want := range map[string]bool{
		"http://127.0.0.1:2379": false, "http://localhost:2379": false, "http://[::1]:2379": false, "http://10.0.0.1:2379": true, "http://etcd:2379": true, "https://10.0.0.1:2379": false, "%": false,
	} {
		require.Equal(t, want, openToOthers(at), at)
	}
}
