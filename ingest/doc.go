// Package ingest receives WebRTC: WHIP publishers and the echo.
package ingest
