// Package depay turns RTP packets into whole frames on one clock.
package depay
