package httpapi

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// readJSON reads a body that is one value of JSON, of so many bytes at most.
func readJSON(w http.ResponseWriter, r *http.Request, most int64, value any) error {
	body := json.NewDecoder(http.MaxBytesReader(w, r.Body, most))
	if err := body.Decode(value); err != nil {
		return err
	}
	if _, err := body.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more behind it")
	}
	return nil
}

// writeJSON answers 200 with a body that is never cached.
func writeJSON(w http.ResponseWriter, body any) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(body)
}
