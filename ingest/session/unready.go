package session

import (
	"errors"
	"net/http"

	"github.com/sluice-live/sluice/ingest/refusal"
)

// unready is an error that is the server's fault, not the offer's.
type unready struct{ error }

func (u unready) Unwrap() error { return u.error }

// Unready marks an error as the server's fault, not the offer's: the client may try again.
func Unready(err error) error { return unready{err} }

// IsUnready reports whether Unready has marked the error.
func IsUnready(err error) bool {
	var fault unready
	return errors.As(err, &fault)
}

// Refuse is the answer to an offer that could not be taken because of err.
func Refuse(err error) *refusal.Refusal {
	if IsUnready(err) || errors.Is(err, ErrStopping) {
		return refusal.New(http.StatusServiceUnavailable, "%v.", err).After(5)
	}
	return refusal.New(http.StatusBadRequest, "The offer cannot be answered: %v.", err)
}
