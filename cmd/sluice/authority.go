package main

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"path/filepath"

	"github.com/sluice-live/sluice/cmd/sluice/internal/config"
	"github.com/sluice-live/sluice/cmd/sluice/internal/exit"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/acme"
	"github.com/sluice-live/sluice/cmd/sluice/internal/httpapi/web"
	"github.com/sluice-live/sluice/public/panics"
)

// frontage are the web servers, and who has a certificate for them.
type frontage struct {
	*web.Servers
	authority *acme.Authority // nil: their certificate is none by ACME
}

// listen binds the addresses. Its errors are the operator's to mend.
func listen(cfg config.Config, handler http.Handler, o web.Options) (f frontage, err error) {
	if domains := cfg.TLS.ACME.Domains; len(domains) > 0 {
		f.authority, err = acme.New(acme.Options{
			Domains: domains, Email: cfg.TLS.ACME.Email, Directory: cfg.TLS.ACME.Directory, Keep: filepath.Join(cfg.Data, tlsDir), Logger: o.Logger,
			Use: func(pair tls.Certificate) { f.UseCertificate(pair) },
		})
		if err != nil {
			return f, exit.Usage(err)
		}
		handler, o.Proof, o.Protocol = f.authority.Handler(handler), f.authority.Proof, acme.Protocol
	}
	f.Servers, err = web.Listen(handler, o)
	return f, exit.Usage(err)
}

// certify has the certificate of the servers, which serve already, and renews it until ctx ends. It returns at once.
func (f frontage) certify(ctx context.Context, log *slog.Logger) {
	if f.authority != nil {
		panics.Go(log, "the certificate by ACME", func() {
			panics.Keep(ctx, log, "the certificate by ACME", func() { f.authority.Run(ctx) })
		})
	}
}
