package httpapi

import (
	"encoding/json"
	"net/http"
)

// writeJSON answers 200 with a body that is never cached.
func writeJSON(w http.ResponseWriter, body any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body)
}
