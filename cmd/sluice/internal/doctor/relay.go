package doctor

import (
	"context"
	"crypto/tls"
	"errors"
	"net/http"
	"time"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
)

const (
	originWithin = 5 * time.Second  // for the origin of a relay to answer
	mostSkew     = 30 * time.Second // that clocks may be apart: half of what is believed
)

// checkOrigin asks the origin of a relay whether it is there, and what time it is.
func checkOrigin(ctx context.Context, cfg config.Config) finding {
	const subject = "relay.origin"
	ctx, cancel := context.WithTimeout(ctx, originWithin)
	defer cancel()
	origin, _ := cfg.RelayURL() // which the configuration has checked
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, origin.JoinPath("healthz").String(), nil)
	if err != nil {
		return bad(subject, err.Error(), "Set relay.origin to the URL of the service that has the streams.")
	}
	answer, err := http.DefaultTransport.RoundTrip(request)
	if untrusted := new(tls.CertificateVerificationError); errors.As(err, &untrusted) {
		return bad(subject, err.Error(), "Ask the origin by a name that its certificate is for, and let this machine know who has issued that, such as by SSL_CERT_FILE: its own, if it is self-signed.")
	}
	if err != nil {
		return bad(subject, err.Error(), "Start the service there, let this machine reach it, or set relay.origin to where it is.")
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return bad(subject, origin.String()+" answers "+answer.Status, "Set relay.origin to the URL of a Sluice, with the path below which it is shown.")
	}
	if there, err := http.ParseTime(answer.Header.Get("Date")); err == nil && time.Since(there).Abs() > mostSkew {
		return bad(subject, "its clock is "+time.Since(there).Abs().Round(time.Second).String()+" apart from the one here", "Set both clocks, by NTP: what relays sign is good for a minute.")
	}
	return fine(subject, "%s answers", origin)
}
