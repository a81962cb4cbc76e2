package main

import (
	"encoding/json"
	"net/http"
)

// problem is an error answer (RFC 9457 §3).
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"` // a sentence that says what to do
}

// writeProblem answers with a status and a sentence that says what to do; such answers are never cached.
func writeProblem(w http.ResponseWriter, status int, detail string) {
	header := w.Header()
	header.Set("Content-Type", "application/problem+json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(problem{"about:blank", http.StatusText(status), status, detail})
}

// writeJSON answers 200 with a body that is never cached.
func writeJSON(w http.ResponseWriter, body any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body)
}
