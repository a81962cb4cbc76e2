package config

import "github.com/sluice-live/sluice/cmd/sluice/internal/tracing"

// Traces says where traces go, and how many.
type Traces struct {
	Endpoint string // URL of the collector; empty: nothing is traced
	Header   Secret // of each request to it
	Every    int    // of so many, one is traced
}

// Tracing returns the options of traces that are configured.
func (c Config) Tracing() tracing.Options {
	return tracing.Options{Endpoint: c.Traces.Endpoint, Header: string(c.Traces.Header), Every: c.Traces.Every}
}

// maxEvery is one of a stream's parts in about two days.
const maxEvery = 1_000_000

func (c Config) checkTraces(check *checker) {
	o := c.Tracing()
	if err := o.ValidateEndpoint(); err != nil {
		check.want(false, "traces.endpoint", "%q %v", c.Traces.Endpoint, err)
	}
	if err := o.ValidateHeader(); err != nil {
		check.want(false, "traces.header", "it %v", err)
	}
	check.want(o.Every >= 1 && o.Every <= maxEvery, "traces.every", "%d is not between 1 and %d", o.Every, maxEvery)
	check.want(o.Endpoint != "" || o.Header == "", "traces.header", "is not used while traces.endpoint is empty")
}
