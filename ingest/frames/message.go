package frames

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"os"
	"slices"
	"strings"

	"github.com/sluice-live/sluice/ingest/refusal"
)

// textBytes is the longest picture in base64 with what a data URL has before it.
const textBytes = MaxBytes*4/3 + 256

// Types of bodies: a picture, a form with one, or base64.
const bodyTypes = Types + ", application/octet-stream, multipart/form-data (a file, or a field named frame), text/plain (base64, or a data URL)"

// undeclared are types that do not say what a body is; its bytes do. curl --data-binary sends the last one of anything.
var undeclared = []string{"", "application/octet-stream", "image/jpg", "image/pjpeg", "image/x-png", "application/x-www-form-urlencoded"}

// errBudget says that all pictures together hold as much as they may.
var errBudget = errors.New("the server holds as many pictures as it can")

// readPicture returns the picture in a request's body.
func readPicture(contentType string, body io.Reader) ([]byte, *refusal.Refusal) {
	kind, parameters, err := mime.ParseMediaType(contentType)
	if err != nil { // of a parameter that is none
		kind, _, _ = strings.Cut(strings.ToLower(contentType), ";")
		kind = strings.TrimSpace(kind)
	}
	switch {
	case kind == "multipart/form-data" && parameters["boundary"] != "" && len(parameters["boundary"]) <= 70: // RFC 2046 §5.1.1
		return readForm(multipart.NewReader(body, parameters["boundary"]))
	case kind == "text/plain":
		return readText(body)
	case slices.Contains(undeclared, kind) || slices.Contains(strings.Split(Types, ", "), kind):
		return readAll(body, MaxBytes)
	}
	return nil, refusal.New(http.StatusUnsupportedMediaType, "Send a picture as one of %s.", bodyTypes)
}

// maxParts of a form are looked at.
const maxParts = 16

// readForm returns the first file of a form, or what a field named frame has in base64.
func readForm(form *multipart.Reader) ([]byte, *refusal.Refusal) {
	for range maxParts {
		part, err := form.NextRawPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, unreadable(err)
		}
		switch {
		case part.FileName() != "":
			return readAll(part, MaxBytes)
		case part.FormName() == "frame":
			return readText(part)
		}
	}
	return nil, refusal.New(http.StatusBadRequest, "The form has no picture: send it as a file, or in base64 as the field frame.")
}

func readText(body io.Reader) ([]byte, *refusal.Refusal) {
	text, p := readAll(body, textBytes)
	if p != nil {
		return nil, p
	}
	data, ok := parseBase64(text)
	if !ok {
		return nil, refusal.New(http.StatusBadRequest, "Text must be a picture in base64, or as a data URL in base64.")
	}
	return data, nil
}

func readAll(body io.Reader, most int) ([]byte, *refusal.Refusal) {
	data, err := io.ReadAll(io.LimitReader(body, int64(most)+1))
	switch {
	case err != nil:
		return nil, unreadable(err)
	case len(data) > most:
		return nil, tooLong()
	}
	return data, nil
}

func unreadable(err error) *refusal.Refusal {
	switch {
	case errors.Is(err, errBudget):
		return refusal.New(http.StatusServiceUnavailable, "The server holds as many pictures as it can (%d MiB): send this one again in a second.", heldBytes>>20).After(1)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refusal.New(http.StatusRequestTimeout, "The picture did not come in time: send it again.")
	}
	return refusal.New(http.StatusBadRequest, "The picture could not be read (%s): send it again.", shorten(err.Error()))
}

// parseBase64 reads base64, or a data URL of a picture (RFC 2397).
func parseBase64(text []byte) (data []byte, ok bool) {
	text = bytes.TrimSpace(text)
	if declared, found := bytes.CutPrefix(text, []byte("data:")); found {
		kind, rest, found := bytes.Cut(declared, []byte(";base64,"))
		if !found || !bytes.HasPrefix(kind, []byte("image/")) {
			return nil, false
		}
		text = rest
	}
	data = make([]byte, base64.StdEncoding.DecodedLen(len(text)))
	n, err := base64.StdEncoding.Decode(data, text)
	return data[:n], err == nil && n > 0
}

// message is what a client of a conversation sends: a picture, or an event.
type message struct {
	picture []byte
	text    bool // it came in base64
	event   Event
}

// parseMessage reads a message of text: an event in JSON, of these kinds, or a picture in base64.
func parseMessage(text []byte, kinds ...string) (m message, p *refusal.Refusal) {
	text = bytes.TrimSpace(text)
	if bytes.HasPrefix(text, []byte("{")) {
		if err := json.Unmarshal(text, &m.event); err != nil || !slices.Contains(kinds, m.event.Event) {
			var known []string
			for _, kind := range kinds {
				known = append(known, examples[kind])
			}
			return message{}, refusal.New(http.StatusBadRequest, "Events are %s.", strings.Join(known, " and "))
		}
		return m, nil
	}
	data, ok := parseBase64(text)
	if !ok {
		return m, refusal.New(http.StatusBadRequest, "Text must be a picture in base64, a data URL of one, or an event in JSON.")
	}
	if len(data) > MaxBytes {
		return m, tooLong()
	}
	return message{picture: data, text: true}, nil
}

// examples are what a client may send, by their kinds.
var examples = map[string]string{
	eventEnd: `{"event":"end"}`, eventProcess: `{"event":"process","process":NAME}`, eventPicture: `{"event":"picture","bytes":LENGTH}`,
}

func tooLong() *refusal.Refusal {
	return refusal.New(http.StatusRequestEntityTooLarge, "The picture is longer than %d MiB: send a smaller one.", MaxBytes>>20)
}
