package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/maphash"
	"io"
	"net/http"
	"time"
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

// tags is what entity tags are made with: they are this process's own.
var tags = maphash.MakeSeed()

// writeTagged answers like writeJSON with what is asked for again and again, and seldom another: with an entity tag, so that who has it already
// gets 304 (RFC 9110 §13.1.2). Only the client itself may keep it.
func writeTagged(w http.ResponseWriter, r *http.Request, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		panic(err) // documents of the API are always JSON
	}
	writeTaggedText(w, r, append(text, '\n'))
}

func writeTaggedText(w http.ResponseWriter, r *http.Request, text []byte) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "private, no-cache")
	header.Set("ETag", `"`+base64.RawURLEncoding.EncodeToString(maphashSum(text))+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
}

func maphashSum(text []byte) []byte {
	var hash maphash.Hash
	hash.SetSeed(tags)
	_, _ = hash.Write(text)
	return hash.Sum(nil)
}
