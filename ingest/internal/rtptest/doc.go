// Package rtptest holds what several tests below ingest need: packets of media, readers that yield them, and waiting with a limit. Only
// tests import it.
package rtptest
