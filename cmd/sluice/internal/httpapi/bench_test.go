package httpapi

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

// blank is an answer that nobody reads.
type blank struct{ header http.Header }

func (b blank) Header() http.Header         { return b.header }
func (b blank) Write(p []byte) (int, error) { return len(p), nil }
func (b blank) WriteHeader(int)             {}

// What every request goes through before its handler: headers, deadlines, the table, the grammar of names, the bound on requests.
func BenchmarkRoutes(b *testing.B) {
	handler := newTestService(b, config.Auth{}).handler
	for name, path := range map[string]string{
		"time":    "/time",
		"refused": "/live/studio/EPOCH/240p-1.m4s",
		"streams": "/api/v1/streams",
	} {
		b.Run(name, func(b *testing.B) {
			request := httptest.NewRequest("GET", path, nil)
			b.ReportAllocs()
			for b.Loop() {
				handler.ServeHTTP(blank{http.Header{}}, request)
			}
		})
	}
}
