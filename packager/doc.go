// Package packager turns growing CMAF files into HLS, DASH and recordings.
package packager
