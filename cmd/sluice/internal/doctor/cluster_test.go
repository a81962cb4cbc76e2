package doctor

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEtcd(t *testing.T) {
	well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { require.Equal(t, "/health", r.URL.Path) }))
	defer well.Close()
	alone := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }))
	defer alone.Close()
	gone := httptest.NewServer(nil)
	gone.Close()
	found := checkEtcd(t.Context(), []string{well.URL + "/", alone.URL, gone.URL})
	require.Len(t, found, 3)
	require.Equal(t, []string{markFine, markBad, markBad}, []string{found[0].mark, found[1].mark, found[2].mark})
	require.Contains(t, found[1].state, "Service Unavailable")
	require.Contains(t, found[2].state, "refused")
	require.Empty(t, checkEtcd(t.Context(), nil))
}
