package upload

import (
	"errors"
	"io"
	"mime/multipart"
	"net/http"

	"github.com/sluice-live/sluice/ingest/refusal"
)

// uploadBody is the recording in a request: the body itself, or the files of a form, one after the other.
func uploadBody(r *http.Request) (io.Reader, *refusal.Refusal) {
	declared := r.Header.Get("Content-Type")
	if boundary := boundaryOf(declared); boundary != "" {
		return newFormReader(r.Body, boundary), nil
	}
	if isRecording(declared) {
		return r.Body, nil
	}
	return nil, refuseType()
}

// formReader reads the files of a form as if they were one. Fields that are no files, and files that are no recordings, are passed over.
type formReader struct {
	form *multipart.Reader
	part *multipart.Part
}

func newFormReader(body io.Reader, boundary string) *formReader {
	return &formReader{form: multipart.NewReader(body, boundary)}
}

func (f *formReader) Read(b []byte) (int, error) {
	for {
		if f.part == nil {
			part, err := f.form.NextRawPart() // as it comes, whatever is said of its encoding
			if err != nil {
				return 0, err
			}
			if part.FileName() == "" || !isRecording(part.Header.Get("Content-Type")) {
				continue
			}
			f.part = part
		}
		n, err := f.part.Read(b)
		if errors.Is(err, io.EOF) {
			f.part, err = nil, nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}
